"""Programs on a real terminal: input, size, and what is left of it however they end."""

import signal

import pytest

from terminal.screen import Screen, program, project

SHOW = """
local function show(e)
  local parts = {}
  for k, v in pairs(e) do if v ~= false and k ~= "type" then parts[#parts + 1] = k .. "=" .. tostring(v) end end
  table.sort(parts)
  io.print("[" .. e.type .. " " .. table.concat(parts, " ") .. "]")
end
"""

WAITS = """
local ch = tty.events()
tty.start()
tty.mouse(true)
io.write("\\27[?1049h\\27[?25l")
io.print("started")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return project(
        tmp_path_factory.mktemp("tty"),
        program(
            "show",
            SHOW
            + """
            local ch, none = tty.events()
            local again, err = tty.events()
            io.print(again, err:kind())
            io.print(tty.screen_size())
            io.print(tty.start())
            again, err = tty.start()
            io.print(again, err:message())
            again, err = io.readline()
            io.print(again, err:kind())
            while true do
              local e = ch:receive()
              show(e)
              if e.key == "m" then io.print("mouse", tty.mouse(true)) end
              if e.key == "n" then io.print("mouse", tty.mouse(false)) end
              if e.key == "s" then
                io.print("stopped", tty.stop(), tty.stop())
                io.print(io.readline())
                io.print("again", tty.start())
              end
              if e.key == "q" then return 5 end
            end""",
        ),
        program("returns", WAITS + "io.raw() ch:receive() ch:receive()"),
        program("fails", WAITS + "ch:receive() ch:receive() error('bang')"),
        program("waits", WAITS + "ch:receive() while true do ch:receive() end"),
        program(
            "upgrades",
            WAITS
            + """ch:receive() ch:receive() if ... == "old" then process.upgrade(nil, "new") end
            io.print("new code") process.events():receive()""",
        ),
        program(
            "text",
            """
            local lines = {}
            coroutine.spawn(function() io.read(1) end)
            time.sleep("1ms")
            local ok, err = tty.start()
            io.print(ok, err:kind())""",
        ),
        program(
            "bound",
            """
            local quit = tty.bind({keys = {"q", "ctrl+c"}, help = {key = "q", desc = "end it"}})
            local any = tty.bind({keys = {"runes"}}):set_enabled(false)
            local move = tty.bind({keys = {"up", "ctrl+alt+shift+left"}})
            local ch = tty.events()
            tty.start()
            io.print(quit:help().key, quit:help().desc, move:help().key == "", any:is_enabled(), tostring(quit))
            while true do
              local e = ch:receive()
              io.print("[" .. (e.key or e.type), quit:matches(e), any:matches(e), move:matches(e), "]")
              if e.key == "e" then any:set_enabled(true) end
              if quit:matches(e) then return end
            end""",
        ),
    )


def test_input(folder):
    with Screen(folder, "show", columns=90, rows=30) as screen:
        assert "nil\tAlreadyExists" in screen.until("90\t30\tnil\r\n")
        screen.until("true")
        screen.until("nil\tinput reader already started")
        screen.until("nil\tUnavailable")
        screen.until("[start height=30 width=90]")
        assert screen.raw
        screen.send("aé".encode() + b"\x1b[A\x1b[1;5C\x03")
        screen.until("[key action=press key=a key_type=runes]")
        screen.until("[key action=press key=é key_type=runes]")
        screen.until("[key action=press key=up key_type=up]")
        screen.until("[key action=press ctrl=true key=right key_type=right]")
        screen.until("[key action=press ctrl=true key=c key_type=unknown]")
        screen.send(b"\x1b")
        screen.until("[key action=press key=esc key_type=esc]")
        screen.resize(40, 10)
        screen.until("[resize height=10 width=40]")
        screen.send(b"\x1b[I\x1b[200~a\rb\x1b[201~")
        screen.until("[focus focused=true]")
        screen.until("[paste text=a\r\nb]")
        screen.send(b"m")
        screen.until("\x1b[?1006h")
        screen.until("mouse\ttrue")
        screen.send(b"\x1b[<0;3;4M\x1b[<64;1;1M")
        screen.until("[mouse action=press button=left x=2 y=3]")
        screen.until("[mouse action=wheel button=wheel_up x=0 y=0]")
        screen.send(b"n")
        screen.until("\x1b[?1000l")
        screen.until("mouse\ttrue")
        screen.send(b"s")
        screen.until("stopped\ttrue")
        while screen.raw:
            pass
        screen.send(b"a line\n")
        screen.until("a line\r\n")  # its echo
        screen.until("a line")
        screen.until("[start height=10 width=40]")
        screen.send(b"q")
        assert screen.end() == 5
        assert screen.as_before


def test_key_bindings(folder):
    with Screen(folder, "bound") as screen:
        screen.until("q\tend it\ttrue\tfalse\ttty.KeyBinding{}")
        screen.until("[start\tfalse\tfalse\tfalse")
        screen.send(b"a\x1b[A\x1b[1;8De")
        screen.until("[a\tfalse\tfalse\tfalse")
        screen.until("[up\tfalse\tfalse\ttrue")
        screen.until("[left\tfalse\tfalse\ttrue")
        screen.until("[e\tfalse")
        screen.send(b"\x1b[Da\x03")
        screen.until("[left\tfalse\tfalse\tfalse")
        screen.until("[a\tfalse\ttrue\tfalse")
        screen.until("[c\ttrue\tfalse\tfalse")
        assert screen.end() == 0
        assert screen.as_before


def test_it_is_put_back_when_the_program_returns(folder):
    with Screen(folder, "returns") as screen:
        screen.until("started")
        screen.send(b"x")
        assert screen.end() == 0
        assert screen.as_before


def test_it_is_put_back_before_the_error_is_shown(folder):
    with Screen(folder, "fails") as screen:
        screen.until("started")
        screen.send(b"x")
        assert screen.end() == 1
        assert screen.as_before
        shown = screen.seen.decode()
        for mode in ("1004l", "1049l", "25h"):
            assert 0 < shown.rfind(f"\x1b[?{mode}") < shown.rfind("bang")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_put_back_when_it_is_told_to_stop(folder, number):
    with Screen(folder, "waits") as screen:
        screen.until("started")
        screen.signal(number)
        screen.end()
        assert screen.as_before


def test_it_is_put_back_when_the_end_is_forced(tmp_path):
    patient = project(tmp_path, program("hangs", WAITS + "while true do end"), stop_timeout="1h")
    with Screen(patient, "hangs") as screen:
        screen.until("started")
        while screen.running:
            screen.signal(signal.SIGINT)
        assert screen.end() == 1
        assert screen.as_before


def test_new_code_begins_without_the_reader(folder):
    with Screen(folder, "upgrades", "old") as screen:
        screen.until("started")
        screen.send(b"x")
        screen.until("started")  # the new code has started its own
        screen.send(b"y")
        screen.until("new code")
        screen.signal(signal.SIGTERM)
        screen.end()
        assert screen.as_before


def test_one_thing_reads_at_a_time(folder):
    with Screen(folder, "text") as screen:
        screen.until("nil\tUnavailable")
        assert screen.end() == 0
