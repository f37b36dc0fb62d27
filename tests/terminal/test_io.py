"""The io module, on a terminal and without one."""

import pytest

from application import application, function, process
from terminal.screen import Screen, piped, program, project


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return project(
        tmp_path_factory.mktemp("io"),
        program(
            "lines",
            """
            while true do
              local line, err = io.readline()
              if not line then
                io.write("[", err:message(), " ", err:kind(), " ", select(2, io.readline()):message(), "]")
                return 0
              end
              io.write("<", line, ">")
            end""",
        ),
        program(
            "blocks",
            """
            local out = {}
            for _, n in ipairs({4.5, 0, 3}) do
              local block, err = io.read(n)
              out[#out + 1] = block and #block .. ":" .. block or err:message()
            end
            io.write(table.concat(out, "|"), "|", tostring(select(2, io.read())))""",
        ),
        program(
            "mixed",
            """
            io.write(io.read(2), '|', io.readline(), '|', io.read(3), '|', io.readline(), '|')
            io.write(tostring(io.readline()))""",
        ),
        program(
            "words",
            """
            io.write(1, nil, true, "x", 2.5)
            io.print()
            io.print("a", nil, 3, {} ~= nil)
            io.eprint("error", "stream", 1)
            io.write("\\0\\255", "ä")
            return io.flush() == true and io.write() == true and 3 or 4""",
        ),
        program("arguments", "io.print(#io.args(), table.concat(io.args(), ','), select('#', ...), ...)"),
        program(
            "not_raw",
            """
            local ok, err = io.raw()
            io.print(ok, err:kind(), err:message(), io.raw(false))
            ok, err = tty.start()
            io.print(ok, err:kind(), err:message(), tty.stop())""",
        ),
        program(
            "children",
            """
            local function told(...) return ... end
            local pid = process.spawn_monitored("app:other", "app:processes", "x")
            local event = process.events():receive()
            io.print(event.result.value)""",
        ),
        program("other", "local ok, err = io.print('never seen') return tostring(ok) .. err:message() .. #io.args()"),
        program(
            "raw",
            """
            io.print("ready")
            io.readline()
            io.raw() io.raw(true)
            io.write("raw 1\\nnext")
            local byte = io.read(1)
            io.raw(false)
            io.print("still", byte)
            io.read(1)
            io.raw(false) io.raw(false)
            io.print("cooked")
            io.readline()""",
        ),
    )


def out(done):
    assert done.returncode == 0, done
    return done.stdout.decode()


def test_lines(folder):
    assert out(piped(folder, "lines", text=b"one\r\ntwo\n\nlast")) == "<one><two><><last>[EOF Internal EOF]"


def test_blocks(folder):
    assert out(piped(folder, "blocks", text=b"abcdefgh")) == "4:abcd|4:efgh|EOF|EOF"


def test_lines_and_blocks_share_what_has_been_read(folder):
    assert out(piped(folder, "mixed", text=b"abcd\nefgh\n")) == "ab|cd|efg|h|nil"


def test_output(folder):
    done = piped(folder, "words")
    assert done.returncode == 3
    assert done.stdout == b"1niltruex2.5\na\tnil\t3\ttrue\n\x00\xff\xc3\xa4"
    assert done.stderr == b"error\tstream\t1\n"


def test_arguments(folder):
    assert out(piped(folder, "arguments", "one", "two words")) == "2\tone,two words\t2\tone\ttwo words\n"


def test_raw_mode_needs_a_terminal(folder):
    assert out(piped(folder, "not_raw")) == "nil\tInternal\tstdin is not a terminal\ttrue\tnil\n" * 2


def test_raw_mode_is_counted(folder):
    with Screen(folder, "raw") as screen:
        screen.until("ready")
        assert not screen.raw
        screen.send(b"\n")
        screen.until("raw 1\r\nnext")  # a line feed still begins a new line
        assert screen.raw
        screen.send(b"\x03")
        screen.until("still\t\x03\r\n")
        assert screen.raw
        screen.send(b"x")
        screen.until("cooked")
        assert not screen.raw
        screen.send(b"end\n")
        assert screen.end() == 0
        assert screen.as_before


def test_children_elsewhere_have_no_terminal(folder):
    assert out(piped(folder, "children")) == "nilno terminal context0\n"


CALLS = [
    *("io.write('x')", "io.print('x')", "io.eprint('x')", "io.read()", "io.readline()", "io.raw()", "io.flush()"),
    *("tty.start()", "tty.stop()", "tty.mouse(true)", "tty.events()"),
]


def test_wrong_arguments_raise():
    body = "return function() return select(2, pcall(require('io').read, 'x')) end"
    with application(process("p", body, ["io"])) as app:
        assert app.execute("app:p") == "bad argument #1 to read (number expected, got string)"


def test_outside_of_a_terminal_process_all_is_refused(capfd):
    body = "local io, tty = require('io'), require('tty')\nreturn function()\nlocal out = {}\n"
    for number, call in enumerate(CALLS):
        body += f"local v, err = {call} out[{number + 1}] = {{v == nil, err:kind(), err:message()}}\n"
    body += "local w, h, err = tty.screen_size() out[#out + 1] = {w == nil and h == nil, err:kind(), err:message()}\n"
    body += "out[#out + 1] = io.args() return out\nend"
    refused = [[True, "Unavailable", "no terminal context"]] * (len(CALLS) + 1)
    with application(process("p", body, ["io", "tty"]), function("f", body, ["io", "tty"])) as app:
        assert app.execute("app:p") == [*refused, []]
        assert app.call("app:f") == [*refused, []]
    assert capfd.readouterr().out == ""
