%% The same programs on BEAM. Prints one JSON object.
-module(processes).
-export([main/1]).

main(Arguments) ->
    [Rounds, Turns, Pairs, Each, Spawns, Idle] = [list_to_integer(A) || A <- Arguments],
    pairs(1, Turns div 10),
    One = lists:max([pairs(1, Turns) || _ <- lists:seq(1, Rounds)]),
    Many = lists:max([pairs(Pairs, Each) || _ <- lists:seq(1, Rounds)]),
    spawns(Spawns div 10),
    Spawned = lists:max([spawns(Spawns) || _ <- lists:seq(1, Rounds)]),
    Bytes = idle(Idle),
    io:format("{\"one\": ~.1f, \"many\": ~.1f, \"spawn\": ~.1f, \"idle\": ~.1f}~n", [One, Many, Spawned, Bytes]),
    halt(0).

pong() ->
    receive
        {From, N} -> From ! {self(), N + 1}, pong();
        stop -> ok
    end.

ping(Parent, Turns) ->
    Pong = spawn(fun pong/0),
    turn(Pong, Turns),
    Pong ! stop,
    Parent ! done.

turn(_, 0) -> ok;
turn(Pong, N) ->
    Pong ! {self(), N},
    receive {Pong, _} -> turn(Pong, N - 1) end.

pairs(Pairs, Turns) ->
    Self = self(),
    Begin = erlang:monotonic_time(nanosecond),
    [spawn(fun() -> ping(Self, Turns) end) || _ <- lists:seq(1, Pairs)],
    [receive done -> ok end || _ <- lists:seq(1, Pairs)],
    2.0 * Pairs * Turns * 1.0e9 / (erlang:monotonic_time(nanosecond) - Begin).

spawns(Count) ->
    Before = erlang:system_info(process_count),
    Begin = erlang:monotonic_time(nanosecond),
    spawn_many(Count),
    wait(Before),
    Count * 1.0e9 / (erlang:monotonic_time(nanosecond) - Begin).

spawn_many(0) -> ok;
spawn_many(N) ->
    spawn(fun() -> ok end),
    spawn_many(N - 1).

wait(Before) ->
    case erlang:system_info(process_count) =< Before of
        true -> ok;
        false -> erlang:yield(), wait(Before)
    end.

idle(Count) ->
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    Pids = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Count)],
    timer:sleep(200),
    erlang:garbage_collect(),
    Bytes = (erlang:memory(processes) - Before) / Count,
    [Pid ! stop || Pid <- Pids],
    Bytes.
