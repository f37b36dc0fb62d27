"""Mailboxes: topics, the inbox, events, messages and payloads."""

import pytest

from application import application, host, process

PLACES = ["app:processes", "app:pair", "app:other"]


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 1),
        host("pair", 2),
        host("other", 1),
        process("send", "return function(to, topic, ...) return process.send(to, topic, ...) end"),
        process("count", "return function(to, n) for i = 1, n do process.send(to, 'n' .. i % 3, i) end end"),
    ) as app:
        yield app


def test_messages_sent_before_a_subscription_wait_for_it(app):
    assert app.lua(
        """
        local me = process.pid()
        process.send(me, "a", 1) process.send(me, "b", 2) process.send(me, "a", 3)
        local a = process.listen("a")
        local out = {(a:receive()), (a:receive())}
        local m = process.inbox():receive()
        out[3], out[4] = m:topic(), m:payload():data()
        return out
        """
    ) == [1, 3, "b", 2]


def test_a_waiting_message_goes_to_the_topic_that_is_listened_to_first(app):
    assert app.lua(
        """
        local me, inbox = process.pid(), process.inbox()
        process.send(me, "x", 1) process.send(me, "y", 2)
        local x = process.listen("x")
        return {(x:receive()), inbox:receive():topic()}
        """
    ) == [1, "y"]


def test_after_unlisten_messages_fall_back_to_the_inbox(app):
    assert app.lua(
        """
        local me, x = process.pid(), process.listen("x")
        process.send(me, "x", 1) process.send(me, "x", 2)
        local out = {process.unlisten(x)}
        local v, ok = x:receive()      -- what had been handed over stays readable
        out[2], out[3] = v, ok
        v, ok = x:receive()
        out[4], out[5] = v == nil, ok
        out[6] = process.inbox():receive():payload():data()
        local again, err = process.unlisten(x)
        out[7], out[8], out[9] = again, err:kind(), err:message()
        return out
        """
    ) == [True, 1, True, True, False, 2, False, "NotFound", "channel not found"]


def test_two_listens_share_a_channel_and_message_switches(app):
    assert app.lua(
        """
        local a, b = process.listen("t"), process.listen("t")
        local me = process.pid()
        process.send(me, "t", 1)
        local out = {a == b, (a:receive())}
        local c = process.listen("t", {message = true})
        process.listen("t")
        process.send(me, "t", 2)
        local m = c:receive()
        out[3], out[4], out[5] = c == a, m:topic(), m:payload():data()
        return out
        """
    ) == [True, 1, True, "t", 2]


def test_listen_errors(app):
    assert app.lua(
        """
        local out = {}
        for _, topic in ipairs({"", "@x"}) do
          local ch, err = process.listen(topic)
          out[#out + 1] = {ch == nil, err:kind(), err:message()}
        end
        out[3] = pcall(process.listen, {})
        out[4] = pcall(process.unlisten, {})
        local sent, err = process.send(process.pid(), "@pid/events", 1)
        out[5] = {sent == nil, err:kind(), err:message()}
        sent, err = process.send(process.pid())
        out[6] = {sent == nil, err:kind(), err:message()}
        out[7] = pcall(process.send, nil, "x")
        return out
        """
    ) == [
        [True, "Invalid", "topic cannot be empty"],
        [True, "Invalid", "cannot listen to @ topics"],
        False,
        False,
        [True, "Invalid", "cannot send to @ topics"],
        [True, "Invalid", "send requires at least destination and topic arguments"],
        False,
    ]


@pytest.mark.parametrize("place", PLACES)
def test_payloads_of_none_one_and_several(app, place):
    assert app.lua(
        """
        local place, me = ..., process.pid()
        local function send(...) process.exec("app:send", place, me, ...) end
        local inbox, out = process.inbox(), {}
        send("t") out[1] = inbox:receive():payload() == nil
        send("t", nil) local m = inbox:receive() out[2] = {m:payload():data() == nil, m:payload():get_format()}
        send("t", 7) m = inbox:receive() out[3] = m:payload():data()
        send("t", 1, nil, {a = 3}) local ps = inbox:receive():payload()
        out[4] = {#ps, ps[1]:data(), ps[2]:data() == nil, ps[3]:data().a}
        out[5] = ps[3]:data() == ps[3]:data()
        return out
        """,
        place,
    ) == [True, [True, "lua/any"], 7, [3, 1, True, 3], True]


@pytest.mark.parametrize("place", PLACES)
def test_raw_values_of_none_one_and_several(app, place):
    assert app.lua(
        """
        local place, me, t = ..., process.pid(), process.listen("t")
        local out = {}
        process.exec("app:send", place, me, "t")
        local v, ok = t:receive()
        out[1] = {v == nil, ok}
        process.exec("app:send", place, me, "t", "one")
        out[2] = t:receive()
        process.exec("app:send", place, me, "t", 1, 2, 3)
        out[3] = t:receive()
        process.exec("app:send", place, me, "t", nil)
        v, ok = t:receive()
        out[4] = {v == nil, ok}
        return out
        """,
        place,
    ) == [[True, True], "one", [1, 2, 3], [True, True]]


@pytest.mark.parametrize("place", PLACES)
def test_values_are_copied(app, place):
    app.define(
        process("back", "return function(to) process.send(to, 'r', process.inbox():receive():payload():data()) end")
    )
    assert app.lua(
        """
        local place = ...
        local echo = process.spawn("app:back", place, process.pid())
        local shared = {x = 1}
        local t = {a = shared, b = shared, i = 1, f = 1.0, s = "\\0\\255", no = false, fn = print, ch = channel.new()}
        t.me = t
        process.send(echo, "t", t)
        shared.x = 2
        local r = process.inbox():receive():payload():data()
        return {r ~= t, r.a.x, r.a == r.b, r.me == r, math.type(r.i), math.type(r.f), r.s == "\\0\\255", r.no,
          r.fn == nil, r.ch == nil}
        """,
        place,
    ) == [True, 1, True, True, "integer", "float", True, False, True, True]


@pytest.mark.parametrize("place", PLACES)
def test_errors_stay_errors(app, place):
    app.define(
        process("back", "return function(to) process.send(to, 'r', process.inbox():receive():payload():data()) end")
    )
    assert app.lua(
        """
        local pid = process.spawn("app:back", ..., process.pid())
        process.send(pid, "t", {e = errors.new({message = "m", kind = "K", retryable = true, details = {d = 1}})})
        local e = process.inbox():receive():payload():data().e
        return {e:kind(), e:message(), e:retryable(), e:details().d}
        """,
        place,
    ) == ["K", "m", True, 1]


@pytest.mark.parametrize("place", PLACES)
def test_order_of_one_sender(app, place):
    assert app.lua(
        """
        local place = ...
        process.spawn("app:count", place, process.pid(), 300)
        local inbox, one = process.inbox(), process.listen("n1")
        local seen = {n0 = 0, n1 = 0, n2 = 0}
        local wrong = 0
        local last = 0
        for _ = 1, 300 do
          local r = channel.select({inbox:case_receive(), one:case_receive()})
          local topic, n = "n1", r.value
          if r.channel == inbox then
            topic, n = r.value:topic(), r.value:payload():data()
            if n < last then wrong = wrong + 1 end
            last = n
          end
          if n < seen[topic] then wrong = wrong + 1 end
          seen[topic] = n
        end
        return {seen, wrong}
        """,
        place,
    ) == [{"n0": 300, "n1": 298, "n2": 299}, 0]


def test_select_takes_mailbox_order_and_buffered_values_first(app):
    assert app.lua(
        """
        local me, inbox, events = process.pid(), process.inbox(), process.events()
        process.send(me, "first", 1)
        process.cancel(me, "second")
        process.send(me, "third", 3)
        local out = {}
        for i = 1, 3 do
          local r = channel.select({events:case_receive(), inbox:case_receive()})
          out[i] = r.channel == inbox and r.value:topic() or r.value.reason
        end
        process.send(me, "late", 1)
        local buffered = channel.new(1)
        buffered:send("buffered")
        local r = channel.select({inbox:case_receive(), buffered:case_receive()})
        out[4] = r.value
        out[5] = inbox:receive():topic()
        return out
        """
    ) == ["first", "second", "third", "buffered", "late"]


def test_at_topics_never_fall_to_the_inbox(app):
    assert app.lua(
        """
        process.cancel(process.pid(), "kept")
        local r = channel.select({process.inbox():case_receive(), default = true})
        return {r.default, process.events():receive().reason}
        """
    ) == [True, "kept"]


def test_a_subscribed_channel_that_code_closes_itself(app):
    assert app.lua(
        """
        local me, x = process.pid(), process.listen("x")
        x:close()
        process.send(me, "x", "dropped") process.send(me, "x", "kept")
        return process.inbox():receive():payload():data()
        """
    ) in ("dropped", "kept")


def test_subscribe_and_unsubscribe(app):
    assert app.lua(
        """
        local me, ch, other = process.pid(), channel.new(2), channel.new()
        local out = {subscribe("t", ch) == ch, subscribe("t", ch) == ch}
        local no, err = subscribe("t", other)
        out[3], out[4], out[5] = no == nil, err:kind(), err:message()
        process.send(me, "t", 1) process.send(me, "t", 2) process.send(me, "t", 3)
        out[6] = ch:receive() + ch:receive() + ch:receive()
        out[7] = unsubscribe(ch)
        local v, ok = ch:receive()
        out[8], out[9] = v == nil, ok
        no, err = unsubscribe(ch)
        out[10], out[11] = no, err:kind()
        return out
        """
    ) == [True, True, True, "AlreadyExists", 'topic "t" already subscribed', 6, True, True, False, False, "NotFound"]


@pytest.mark.parametrize("close", ["unsubscribe(ch)", "ch:close()"])
def test_a_channel_may_take_several_topics(app, close):
    """When it is closed, all of them fall to the inbox again."""
    assert app.lua(
        f"""
        local me, ch, inbox = process.pid(), channel.new(2), process.inbox()
        subscribe("a", ch) subscribe("b", ch)
        for i = 1, 5 do process.send(me, i % 2 == 1 and "a" or "b", i) end
        local sum = 0
        for _ = 1, 5 do sum = sum + ch:receive() end
        {close}
        process.send(me, "a", 6) process.send(me, "b", 7)
        return {{sum, inbox:receive():topic(), inbox:receive():topic()}}
        """
    ) == [15, "a", "b"]


def test_new_code_gets_what_waited_for_several_topics_once(app):
    app.define(
        process(
            "several",
            """return function()
              local me, ch = process.pid(), channel.new()
              subscribe("a", ch) subscribe("b", ch)
              for i = 1, 4 do process.send(me, i % 2 == 1 and "a" or "b", i) end
              process.upgrade("app:several_new")
            end""",
        ),
        process(
            "several_new",
            """return function()
              local inbox, out = process.inbox(), {}
              process.send(process.pid(), "end")
              repeat
                local m = inbox:receive()
                out[#out + 1] = m:topic() .. tostring(m:payload() and m:payload():data() or "")
              until m:topic() == "end"
              return out
            end""",
        ),
    )
    assert app.execute("app:several") == ["a1", "b2", "a3", "b4", "end"]


def test_message_objects(app):
    assert app.lua(
        """
        process.send(process.pid(), "the topic", 1)
        local m = process.inbox():receive()
        local out = {type(m), tostring(m), m:from() == process.pid(), type(m.payload)}
        local ok, err = pcall(function() return m.data end)
        out[5], out[6] = ok, tostring(err)
        ok, err = pcall(function() return m:payload().x end)
        out[7], out[8] = ok, tostring(err)
        return out
        """
    )[:5] == ["userdata", "process.Message{topic=the topic}", True, "function", False]


@pytest.mark.parametrize("place", PLACES)
def test_undeliverable(app, place):
    assert app.lua(
        """
        local place, out = ..., {}
        local pid = process.spawn_monitored("app:send", place, process.pid(), "t")
        process.events():receive()
        local function try(to)
          local r, e = process.send(to, "t", 1)
          out[#out + 1] = {r == nil, e:kind(), e:message()}
        end
        try(pid)
        try((pid:gsub("|.*", "|0xfffff}")))
        try((pid:gsub("@.-|", "@app:nowhere|")))
        try((pid:gsub("{.-@", "{elsewhere@")))
        return out
        """,
        place,
    ) == [
        [True, "NotFound", "process not found"],
        [True, "NotFound", "process not found"],
        [True, "NotFound", "host not found: app:nowhere"],
        [True, "NotFound", "node not found"],
    ]


def test_inbox_and_events_are_the_same_object_each_time(app):
    assert app.lua(
        "return {process.inbox() == process.inbox(), process.events() == process.events(), type(process.inbox())}"
    ) == [True, True, "userdata"]


def test_unlisten_of_the_inbox_wakes_its_reader(app):
    assert app.lua(
        """
        local inbox = process.inbox()
        coroutine.spawn(function() process.unlisten(inbox) end)
        local v, ok = inbox:receive()
        process.send(process.pid(), "t", 5)
        return {v == nil, ok, process.inbox() ~= inbox, process.inbox():receive():payload():data()}
        """
    ) == [True, False, True, 5]
