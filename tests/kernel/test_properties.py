"""Properties that hold for every program and every schedule: order of messages, channels, copies, the wire form."""

import functools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application import application, function, host, process
from wippy.kernel import codec

COUNT = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

ORDER = """
    local time = require("time")
    return function(to, me, n, pauses)
      for i = 1, n do
        local pause = pauses[i % #pauses + 1]
        if pause == "sleep" then time.sleep("100us")
        elseif pause == "yield" then coroutine.yield()
        elseif pause == "spin" then for _ = 1, 9000 do end
        elseif pause == "spawn" then coroutine.spawn(function() end) end
        process.send(to, i % 3 == 0 and "other" or "topic", me, i)
      end
    end
"""

COLLECT = """
    return function(total, listens)
      process.registry.register("collector")
      local cases = {process.inbox():case_receive()}
      if listens then cases[2] = process.listen("other", {message = true}):case_receive() end
      local last, wrong = {}, 0
      for _ = 1, total do
        local m = channel.select(cases).value
        local p = m:payload()
        local who, i = p[1]:data(), p[2]:data()
        -- with two channels the order holds within each of them
        local key = listens and who .. m:topic() or who
        if i <= (last[key] or 0) then wrong = wrong + 1 end
        last[key] = i
      end
      return wrong
    end
"""

CHANNELS = """
    return function(programs, sizes)
      local channels, log = {}, {}
      for i, size in ipairs(sizes) do channels[i] = channel.new(size) end
      local function run(who, steps)
        for n, step in ipairs(steps) do
          local op, ch = step[1], channels[step[2]]
          local entry = {who, n, op}
          if op == "send" then
            local ok, done, err = pcall(ch.send, ch, step[3])
            entry[4] = not ok and "raised" or done and "sent" or "closed"
          elseif op == "receive" then
            local v, more = ch:receive()
            entry[4], entry[5] = v or "nil", more
          elseif op == "poll" then
            local r = channel.select({ch:case_receive(), default = true})
            entry[4], entry[5] = r.default and "default" or r.value or "nil", r.ok
          elseif op == "close" then
            ch:close()
          else
            coroutine.yield()
          end
          log[#log + 1] = entry
        end
      end
      for i, steps in ipairs(programs) do coroutine.spawn(function() run(i, steps) end) end
      for _ = 1, 60 do coroutine.yield() end
      return log
    end
"""


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 2),
        host("other", 3),
        process("sender", ORDER, ["time"]),
        process("collect", COLLECT),
        process("channels", CHANNELS),
        process("echo", "return function(v) return v end"),
        process("bounce", "return function(v, where) return (process.exec('app:echo', where, v)) end"),
        function("mirror", "return function(v) return v end"),
    ) as app:
        yield app


@COUNT
@given(
    senders=st.lists(
        st.tuples(
            st.sampled_from(["app:processes", "app:other"]),
            st.integers(1, 60),
            st.lists(st.sampled_from(["", "sleep", "yield", "spin", "spawn"]), min_size=1, max_size=7),
        ),
        min_size=1,
        max_size=6,
    ),
    where=st.sampled_from(["app:processes", "app:other"]),
    listens=st.booleans(),
)
def test_messages_of_one_sender_arrive_in_the_order_they_were_sent(app, senders, where, listens):
    total = sum(count for _, count, _ in senders)
    result = app.begin("app:collect", total, listens, host=where)
    while (pid := app.app.runtime.router.names.holder(b"collector")) is None:
        pass
    for number, (place, count, pauses) in enumerate(senders):
        app.begin("app:sender", pid.decode(), f"sender {number}", count, pauses, host=place)
    assert result.result(20) == 0


class Channel:
    """The rules of channels, in the plainest form."""

    def __init__(self, size):
        self.size = size
        self.buffer = []
        self.senders = []
        self.receivers = []
        self.closed = False


class Model:
    """Runs programs as the kernel must: a first-in first-out queue of coroutines."""

    def __init__(self, programs, sizes):
        self.channels = [Channel(size) for size in sizes]
        self.queue = []
        self.log = []
        self.programs = programs
        self.at = [0] * len(programs)

    def run(self):
        # each new coroutine runs up to its first suspension before the next one is made
        for who in range(len(self.programs)):
            self.queue.append((who, None))
            self.turn()
        rounds = 0
        while self.queue and rounds < 10_000:
            self.turn()
            rounds += 1
        return self.log

    def turn(self):
        count = len(self.queue)
        for _ in range(count):
            who, wake = self.queue.pop(0)
            if wake is not None:
                self.note(who, *wake)
            self.steps(who)

    def note(self, who, *result):
        step = self.programs[who][self.at[who]]
        self.at[who] += 1
        self.log.append([who + 1, self.at[who], step[0], *result])

    def steps(self, who):
        while self.at[who] < len(self.programs[who]):
            step = self.programs[who][self.at[who]]
            op, channel = step[0], self.channels[step[1] - 1]
            result = getattr(self, op)(who, channel, *step[2:])
            if result is None:
                return
            self.note(who, *result)

    def send(self, who, channel, value):
        if channel.closed:
            return ("raised",)
        if channel.receivers:
            self.queue.append((channel.receivers.pop(0), (value, True)))
            return ("sent",)
        if len(channel.buffer) < channel.size:
            channel.buffer.append(value)
            return ("sent",)
        channel.senders.append((who, value))
        return None

    def receive(self, who, channel):
        result = self.take(channel)
        if result is None:
            channel.receivers.append(who)
        return result

    def poll(self, who, channel):
        return self.take(channel) or ("default", True)

    def take(self, channel):
        if channel.buffer:
            value = channel.buffer.pop(0)
            if channel.senders:
                sender, waiting = channel.senders.pop(0)
                channel.buffer.append(waiting)
                self.queue.append((sender, ("sent",)))
            return value, True
        if channel.senders:
            sender, value = channel.senders.pop(0)
            self.queue.append((sender, ("sent",)))
            return value, True
        return ("nil", False) if channel.closed else None

    def close(self, who, channel):
        if channel.closed:
            return ()
        channel.closed = True
        woken = bool(channel.senders or channel.receivers)
        for sender, _ in channel.senders:
            self.queue.append((sender, ("closed",)))
        for receiver in channel.receivers:
            self.queue.append((receiver, ("nil", False)))
        channel.senders, channel.receivers = [], []
        if not woken:
            return ()
        self.queue.append((who, ()))
        return None

    def pause(self, who, channel):
        self.queue.append((who, ()))
        return None


def programs(channels):
    number = st.integers(1, channels)
    step = st.one_of(
        st.tuples(st.just("send"), number, st.integers(1, 99)),
        st.tuples(st.sampled_from(["receive", "receive", "poll", "pause"]), number),
        st.tuples(st.just("close"), number),
    )
    return st.lists(st.lists(step, max_size=6), min_size=1, max_size=4)


@settings(COUNT, max_examples=150)
@given(data=st.data(), sizes=st.lists(st.integers(0, 2), min_size=1, max_size=3))
def test_channels_follow_their_rules(app, data, sizes):
    found = data.draw(programs(len(sizes)))
    plain = [[list(step) for step in one] for one in found]
    log = app.execute("app:channels", plain, sizes)
    assert (log or []) == Model(plain, sizes).run()


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=5),
        st.dictionaries(st.text("abcdef", min_size=1, max_size=4), inner, min_size=1, max_size=5),
    ),
    max_leaves=20,
)


def same(left, right):
    """Equality that keeps integers, floats and booleans apart; bytes that are text arrive as text."""
    if isinstance(left, bytes):
        return (right.encode() if isinstance(right, str) else right) == left
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return left == right


@settings(COUNT, max_examples=150)
@given(value=VALUES)
def test_values_survive_the_way_into_a_vm_and_back(app, value):
    assert same(value, app.execute("app:echo", value))
    assert same(value, codec.unpack(codec.pack([value]))[0])


@COUNT
@given(value=VALUES, where=st.sampled_from(["app:processes", "app:other"]))
def test_values_survive_the_way_between_processes(app, value, where):
    assert same(value, app.execute("app:bounce", value, where))


GRAPH = """
    return function(edges, count, where)
      local nodes = {}
      for i = 1, count do nodes[i] = {id = i} end
      for i, edge in ipairs(edges) do nodes[edge[1]]["e" .. i] = nodes[edge[2]] end
      local function shape(root)
        local seen, order = {}, {}
        local function visit(t)
          if seen[t] then return seen[t] end
          order[#order + 1] = t.id
          seen[t] = #order
          local number = #order
          local keys, out = {}, {}
          for k in pairs(t) do if k ~= "id" then keys[#keys + 1] = k end end
          table.sort(keys)
          for _, k in ipairs(keys) do out[#out + 1] = k .. "=" .. visit(t[k]) end
          order[number] = t.id .. "(" .. table.concat(out, ",") .. ")"
          return number
        end
        visit(root)
        return table.concat(order, " ")
      end
      process.send(process.spawn("app:reply", where, process.pid()), "graph", nodes[1])
      local back = process.inbox():receive():payload():data()
      return {shape(nodes[1]), shape(back)}
    end
"""


@COUNT
@given(
    edges=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=12),
    where=st.sampled_from(["app:processes", "app:other"]),
)
def test_shared_and_cyclic_tables_keep_their_shape(app, edges, where):
    if app.app.registry.get("app:graph") is None:
        app.define(
            process("graph", GRAPH),
            process(
                "reply",
                "return function(to) local m = process.inbox():receive()"
                " process.send(to, 'back', m:payload():data()) end",
            ),
        )
    sent, arrived = app.execute("app:graph", [list(edge) for edge in edges], 5, where)
    assert sent == arrived


@functools.cache
def nested(depth):
    return [nested(depth - 1)] if depth else ["end"]


@pytest.mark.parametrize("depth", [10, 100])
def test_deep_nesting(app, depth):
    assert app.execute("app:bounce", nested(depth), "app:other") == nested(depth)
