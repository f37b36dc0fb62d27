"""Streams as applications see them, given by a module of the test."""

import asyncio
import contextlib
import threading

import pytest

from application import application, host
from wippy.errors import WippyError
from wippy.modules.caller import Call
from wippy.modules.catalog import Catalog
from wippy.modules.module import Module
from wippy.modules.stream import BlockSource, BytesSource, FileSource, PipeSource, Source, Stream

giver = Module("giver", classes={"io", "nondeterministic"})
"""Gives streams to Lua code."""


class Silent(Source):
    """Nothing ever comes; knows whether it has been closed and what was interrupted."""

    readable = writable = True

    def __init__(self):
        self.closed = threading.Event()
        self.interrupted = threading.Event()
        self.waiting = threading.Event()

    async def read(self, size):
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.interrupted.set()

    async def write(self, data):
        raise OSError(32, "Broken pipe")

    def close(self):
        self.closed.set()


class Broken(Silent):
    async def read(self, size):
        raise ConnectionResetError("connection reset by peer")

    def close(self):
        raise OSError("cannot close")


STATE = {}


@giver.function()
def text(call: Call, data: bytes, writable: bool = False) -> Stream:
    return Stream(BytesSource(data, writable=writable))


@giver.function()
async def blocks(call: Call, data: list, fails: str = "") -> Stream:
    async def each():
        for block in data:
            yield block.encode()
        if fails:
            raise TimeoutError(fails)

    return Stream(BlockSource(each(), size=STATE.get("size", -1), closed=lambda: STATE["closed"].append(1)))


@giver.function()
async def file(call: Call, path: str, mode: str) -> Stream:
    return Stream(FileSource(open(path, mode)))


@giver.function()
async def cat(call: Call) -> Stream:
    process = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    STATE["cat"] = process
    return Stream(PipeSource(process.stdout, process.stdin))


@giver.function()
async def silent(call: Call) -> Stream:
    STATE["silent"] = Silent()
    return Stream(STATE["silent"])


@giver.function()
def silent_now(call: Call) -> Stream:
    STATE["silent"] = Silent()
    return Stream(STATE["silent"])


@giver.function()
async def late(call: Call) -> Stream:
    """Opens although it is interrupted."""
    STATE["begun"].set()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return Stream(STATE["silent"])


@giver.function()
async def broken(call: Call) -> Stream:
    return Stream(Broken())


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wippy.app.Catalog", lambda: Catalog((giver,)))
        with application(
            host("processes", 2), {"name": "files", "kind": "fs.directory", "directory": str(folder)}
        ) as app:
            app.files = folder
            yield app


@pytest.fixture(autouse=True)
def state():
    STATE.clear()
    STATE["closed"] = []


def lua(app, body, *args):
    head = "local giver = require('giver')\n"
    return app.lua(head + body, *args, modules=["giver", "stream", "fs", "time"])


def test_the_module_itself_is_empty(app):
    assert lua(app, "return {next(require('stream')) == nil, tostring(giver.text('x')), type(giver.text('x'))}") == [
        True,
        "stream.Stream{}",
        "userdata",
    ]


def test_objects_cannot_be_written_to(app):
    assert lua(
        app,
        """
        local s = giver.text("x")
        local sc = s:scanner()
        local ok, scan_ok = pcall(function() s.x = 1 end), pcall(function() sc.x = 1 end)
        return {s.nothing == nil, type(s.read), type(sc), ok, scan_ok}
    """,
    ) == [True, "function", "userdata", False, False]


def test_read_to_the_end(app):
    assert lua(
        app,
        """
        local s, err = giver.text("hello world")
        local out = {s:read(5), s:read(), err == nil}
        local data, err = s:read()
        out[4] = {data == nil, err == nil, s:read() == nil}
        return out
    """,
    ) == ["hello", " world", True, [True, True, True]]


def test_sizes(app):
    assert lua(
        app,
        """
        local s = giver.text(string.rep("x", 300000))
        return {#s:read(), #s:read(0), #s:read(-5), #s:read(1000000), #s:read(65536), #s:read(40000)}
    """,
    ) == [32768, 32768, 32768, 65536, 65536, 40000]


def test_one_read_gives_what_is_there(app):
    STATE["size"] = 6
    assert lua(
        app,
        """
        local s = giver.blocks({"ab", "", "cdef"})
        local out = {s:stat().size, s:read(100), s:read(3), s:read(100), s:read() == nil}
        s:close()
        return out
    """,
    ) == [6, "ab", "cde", "f", True]
    assert STATE["closed"] == [1]


def test_binary_data(app):
    assert lua(
        app, "local s = giver.text('\\0\\255\\n', true) return {s:read() == '\\0\\255\\n', s:write('\\254')}"
    ) == [
        True,
        1,
    ]


def test_write_and_seek(app):
    assert lua(
        app,
        """
        local s = giver.text("0123456789", true)
        local out = {s:seek("set", 2), s:write("ab"), s:seek("cur"), s:seek("cur", -1), s:read(2), s:seek("end", -2)}
        out[7] = s:read()
        out[8] = s:write("cd") + s:write(42)
        out[9] = s:seek()
        out[10] = s:read()
        out[11] = s:flush()
        local st = s:stat()
        out[12] = {st.size, st.position, st.readable, st.writable, st.seekable}
        return out
    """,
    ) == [2, 2, 4, 3, "b4", 8, "89", 4, 0, "01ab456789cd42", True, [14, 14, True, True, True]]


def test_failures(app):
    assert lua(
        app,
        """
        local out = {}
        local function try(v, err)
          out[#out + 1] = {v == nil and "nil" or v, err:kind(), err:message(), err:retryable()}
        end
        local fixed, one_way, broken = giver.text("x"), giver.blocks({}), giver.broken()
        try(fixed:write("y")) try(one_way:seek()) try(one_way:write("z"))
        try(broken:read()) try(broken:write("x")) try(fixed:seek("set", -3)) try(broken:close())
        out[#out + 1] = {fixed:flush(), one_way:stat().size, one_way:stat().position, one_way:stat().seekable}
        local calls = {{"seek", "middle"}, {"seek", "set", "x"}, {"scanner", "sentences"}, {"write"}, {"read", "y"}}
        for _, call in ipairs(calls) do
          local ok, why = pcall(fixed[call[1]], fixed, call[2], call[3])
          out[#out + 1] = {ok, (why:gsub("^app:[^ ]+ ", ""))}
        end
        return out
    """,
    ) == [
        [0, "Internal", "stream is not writable", False],
        [-1, "Internal", "stream is not seekable", False],
        [0, "Internal", "stream is not writable", False],
        ["nil", "Internal", "connection reset by peer", False],
        [0, "Internal", "[Errno 32] Broken pipe", False],
        [-1, "Internal", "negative position", False],
        [False, "Internal", "cannot close", False],
        [True, -1, -1, False],
        [False, "bad argument #2 to seek (invalid whence 'middle'; use set, cur or end)"],
        [False, "bad argument #3 to seek (number expected, got string)"],
        [False, "bad argument #2 to scanner (invalid split sentences; use lines, words, bytes or runes)"],
        [False, "bad argument #2 to write (string expected, got nil)"],
        [False, "bad argument #2 to read (number expected, got string)"],
    ]


def test_a_closed_stream_is_not_found(app):
    assert lua(
        app,
        """
        local s = giver.text("abc\\ndef", true)
        local sc = s:scanner()
        local out = {sc:scan(), s:close()}
        local function try(v, err) out[#out + 1] = {v == nil and "nil" or v, err:kind(), err:message()} end
        try(s:close()) try(s:read()) try(s:write("x")) try(s:seek()) try(s:flush()) try(s:stat()) try(s:scanner())
        try(sc:scan())
        out[#out + 1] = {sc:text(), sc:err(), sc:scan()}
        out[#out][4] = nil
        return out
    """,
    ) == [
        True,
        True,
        *[[value, "Internal", "stream not found"] for value in (False, "nil", 0, -1, False, "nil", "nil", False)],
        ["", "stream not found", False],
    ]


@pytest.mark.parametrize(
    ("data", "split", "tokens"),
    [
        ("a\nb\r\n\r\nc", None, ["a", "b", "", "c"]),
        ("a\n", "lines", ["a"]),
        ("\n\n", "lines", ["", ""]),
        ("", "lines", []),
        ("  two words\t\n more ", "words", ["two", "words", "more"]),
        ("añ", "runes", ["a", "ñ"]),
        ("ab", "bytes", ["a", "b"]),
    ],
)
def test_scanner(app, data, split, tokens):
    for source in (f"giver.text({data!r})".replace("\\\\", "\\"), "giver.blocks(select(3, ...))"):
        found = lua(
            app,
            f"""
            local split = ...
            local sc, err = ({source}):scanner(split)
            local out, before = {{}}, sc:text()
            while sc:scan() do out[#out + 1] = sc:text() end
            return {{before, out, sc:text(), sc:err() == nil, err == nil, tostring(sc), sc:scan()}}
        """,
            split,
            None,
            list(data),
        )
        assert found[0] == ""
        assert found[2:] == ["", True, True, "stream.Scanner{}", False]
        assert (found[1] or []) == tokens


def test_a_scanner_gives_the_tokens_before_a_failure_and_then_the_failure(app):
    assert lua(
        app,
        """
        local sc = giver.blocks({"one\\ntwo\\nthr"}, "too late"):scanner()
        local out = {sc:scan(), sc:text(), sc:err() == nil, sc:scan(), sc:text()}
        local ok, err = sc:scan()
        out[6] = {ok, err:kind(), err:message(), sc:err(), type(sc:err()), sc:text()}
        out[7] = sc:scan()
        return out
    """,
    ) == [True, "one", True, True, "two", [False, "Internal", "too late", "too late", "string", ""], False]


def test_a_token_has_a_limit(app):
    assert lua(
        app,
        """
        local long = string.rep("x", 65535) .. "\\n" .. string.rep("y", 65536)
        local sc = giver.text("ok\\n" .. long .. "\\nend"):scanner()
        local out = {sc:scan(), sc:text(), sc:scan(), #sc:text()}
        local ok, err = sc:scan()
        out[5] = {ok, err:message(), sc:err()}
        return out
    """,
    ) == [True, "ok", True, 65535, [False, "token too long", "token too long"]]


def test_lines_of_a_live_source_come_at_once(app):
    """A line is given when it has come, not when a block is full."""
    assert lua(
        app,
        """
        local s = giver.cat()
        local sc, out = s:scanner(), {}
        for i = 1, 3 do
          s:write("line " .. i .. "\\n")
          out[i] = sc:scan() and sc:text()
        end
        local st = s:stat()
        out[4] = {st.size, st.position, st.readable, st.writable, st.seekable, s:close()}
        return out
    """,
    ) == ["line 1", "line 2", "line 3", [-1, -1, True, True, False, True]]
    assert app.run(STATE["cat"].wait()) == 0  # its input has been closed


def test_files(app):
    path = app.files / "notes.txt"
    path.write_text("old content")
    assert lua(
        app,
        """
        local path = ...
        local s = giver.file(path, "rb+")
        local out = {s:read(3), s:seek("end"), s:write(" and new"), s:flush(), s:stat().size, s:stat().position}
        s:seek()
        out[7] = s:read()
        out[8] = giver.file(path, "rb"):stat().writable
        return out
    """,
        str(path),
    ) == ["old", 11, 8, True, 19, 19, "old content and new", False]


def test_a_stream_is_written_to_a_file(app):
    assert lua(
        app,
        """
        local vol = require("fs").get("app:files")
        local out = {vol:writefile("a.txt", giver.blocks({"one ", "two"})), vol:readfile("a.txt")}
        out[3] = vol:write_file("a.txt", giver.text(" three"), "a")
        out[4] = vol:readfile("a.txt")
        local ok, err = vol:writefile("b.txt", giver.blocks({"one"}, "too late"))
        out[5] = {ok, err:message()}
        ok, err = vol:writefile("", giver.text("x"))
        out[6] = {ok, err:kind()}
        return out
    """,
    ) == [True, "one two", True, "one two three", [False, "too late"], [False, "Invalid"]]


@pytest.mark.parametrize("end", ["return", "error", "terminate", "upgrade"])
def test_it_is_closed_when_its_process_ends(app, end):
    app.define(
        {
            "name": "holder",
            "kind": "process.lua",
            "method": "main",
            "modules": ["giver"],
            "source": """
                return function(end_)
                  if end_ == nil then return end
                  require("giver").silent()
                  if end_ == "error" then error("bang") end
                  if end_ == "upgrade" then process.upgrade() end
                  if end_ == "terminate" then process.inbox():receive() end
                end""",
        }
    )
    lua(
        app,
        """
        local pid = process.spawn_monitored("app:holder", "app:processes", ...)
        if ... == "terminate" then process.terminate(pid) end
        process.events():receive()
    """,
        end,
    )
    if "silent" in STATE:  # a process that is terminated may not have come that far
        assert STATE["silent"].closed.wait(10)


@pytest.mark.parametrize("kind", ["process.lua", "function.lua"])
def test_top_level_code_that_fails_gives_back_what_it_took(app, kind):
    name = kind.partition(".")[0]
    source = "require('giver').silent_now() error('bang')"
    app.define({"name": f"half_{name}", "kind": kind, "method": "main", "modules": ["giver"], "source": source})
    run = app.execute if name == "process" else app.call
    with pytest.raises(WippyError, match="bang"):
        run(f"app:half_{name}")
    assert STATE["silent"].closed.is_set()


def test_the_end_of_a_process_interrupts_its_read(app):
    lua(
        app,
        """
        local s = giver.silent()
        coroutine.spawn(function() s:read() end)
        local st = s:stat()
        return st.readable
    """,
    )
    silent = STATE["silent"]
    assert silent.closed.wait(10)
    assert not silent.waiting.is_set() or silent.interrupted.wait(10)


def test_what_comes_after_the_end_of_its_process_is_closed(app):
    source = "return function() require('giver').late() end"
    app.define({"name": "late", "kind": "process.lua", "method": "main", "modules": ["giver"], "source": source})
    handles = app.app.runtime.bindings.handles
    before = handles.count()
    STATE["begun"], STATE["silent"] = threading.Event(), Silent()
    pid = app.spawn("app:late")
    assert STATE["begun"].wait(10)
    assert lua(app, "return process.terminate(...)", pid)
    assert STATE["silent"].closed.wait(10)
    assert handles.count() == before


def test_others_do_not_get_it(app):
    assert (
        lua(
            app,
            """
        process.send(process.pid(), "t", (giver.text("x")))
        return process.inbox():receive():payload():data() == nil
    """,
        )
        is True
    )


def test_closed_streams_are_forgotten(app):
    handles = app.app.runtime.bindings.handles
    before = handles.count()
    assert lua(
        app,
        """
        for i = 1, 50 do
          local s = giver.text("x\\n")
          s:scanner():scan()
          s:close()
        end
        giver.text("left")
        return true
    """,
    )
    assert handles.count() == before


def test_two_readers_take_turns(app):
    assert (
        lua(
            app,
            """
        local s, done = giver.cat(), channel.new(2)
        for _ = 1, 2 do coroutine.spawn(function() done:send((s:read(1))) end) end
        s:write("ab")
        local out = {(done:receive()), (done:receive())}
        s:close()
        return table.concat(out)
    """,
        )
        == "ab"
    )


def test_python_reads_block_by_block():
    async def main():
        stream = Stream(BytesSource(b"x" * 200_000))
        sizes = [len(block) async for block in stream.blocks()]
        stream.close()
        with pytest.raises(WippyError, match="stream not found"):
            await stream.read()
        return sizes

    assert asyncio.run(main()) == [65536, 65536, 65536, 3392]
