%% Many senders to one process, and very many processes that wait. Prints one JSON object.
-module(actors).
-export([main/1]).

main(Arguments) ->
    [Rounds, Senders, Each, Many] = [list_to_integer(A) || A <- Arguments],
    fan_in(Senders, 10),
    FanIn = lists:max([fan_in(Senders, Each) || _ <- lists:seq(1, Rounds)]),
    {Seconds, Bytes} = idle(Many),
    io:format("{\"fan_in\": ~.1f, \"million_seconds\": ~.4f, \"million_bytes\": ~.1f}~n", [FanIn, Seconds, Bytes]),
    halt(0).

fan_in(Senders, Each) ->
    Self = self(),
    Begin = erlang:monotonic_time(nanosecond),
    [spawn(fun() -> send(Self, Each) end) || _ <- lists:seq(1, Senders)],
    take(Senders * Each),
    1.0e9 * Senders * Each / (erlang:monotonic_time(nanosecond) - Begin).

send(_, 0) -> ok;
send(To, N) -> To ! {n, N}, send(To, N - 1).

take(0) -> ok;
take(N) -> receive {n, _} -> take(N - 1) end.

idle(Count) ->
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    Begin = erlang:monotonic_time(nanosecond),
    spawn_many(Count),
    Seconds = (erlang:monotonic_time(nanosecond) - Begin) / 1.0e9,
    timer:sleep(200),
    {Seconds, (erlang:memory(processes) - Before) / Count}.

spawn_many(0) -> ok;
spawn_many(N) -> spawn(fun() -> receive stop -> ok end end), spawn_many(N - 1).
