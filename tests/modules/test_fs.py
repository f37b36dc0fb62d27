"""fs on a directory: paths, files, folders, scanners."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

from pathlib import Path

import pytest

from wippy.errors import WippyError
from wippy.modules.fs import DirectoryVolume

from .harness import Lua, LuaFailure, Services

OPEN = 'local fs = require("fs") local vol = assert(fs.get("app:files")) '


@pytest.fixture
def lua(tmp_path: Path) -> Lua:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside.txt").write_text("secret")
    return Lua(Services(resources={"app:files": DirectoryVolume(root)}, denied={("fs.get", "app:secret")}))


def failure(lua: Lua, call: str) -> list[object]:
    return lua.call(OPEN + f"local v, e = {call} return v, e:kind(), e:message(), e:retryable()")


def test_write_read_list_remove(lua: Lua) -> None:
    got = lua.call(
        OPEN
        + r"""
        assert(vol:mkdir("sub")) assert(vol:chdir("sub"))
        assert(vol:writefile("a.bin", "x\0\xff")) assert(vol:writefile("a.bin", "y", "a")) assert(vol:write_file("/b.txt", ""))
        local names = {}
        for e in vol:readdir("/") do names[#names + 1] = e.name .. ":" .. e.type end
        local info = vol:stat("a.bin")
        local data = vol:readfile("/sub/../sub/./a.bin")
        local out = {vol:pwd(), tostring(vol), names, info.size, info.name, info.is_dir, info.type, vol:isdir("/sub"), vol:exists("nope"), vol:exists("")}
        out[#out + 1] = data == "x\0\xffy"
        assert(vol:remove("a.bin")) vol:chdir("/") assert(vol:remove("sub"))
        out[#out + 1] = vol:exists("sub")
        return out
        """
    )
    assert got == [
        "/sub",
        "fs.FS{cwd=sub}",
        ["b.txt:file", "sub:directory"],
        4,
        "a.bin",
        False,
        "file",
        True,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('vol:readfile("../outside.txt")', [None, "Invalid", "invalid path: path traversal not allowed", False]),
        ('vol:exists("a\\0b")', [False, "Invalid", "invalid path: path contains null byte", False]),
        ('vol:readfile("")', [None, "Invalid", "path required", False]),
        ('vol:chdir("nope")', [False, "NotFound", "path not found: /nope", None]),
        ('vol:isdir("nope")', [False, "NotFound", "path not found: /nope", None]),
        ('vol:mkdir("a/b")', [False, "Internal", "mkdir /a/b: No such file or directory", None]),
        ('vol:remove("nope")', [False, "Internal", "remove /nope: No such file or directory", None]),
        ('vol:open("nope", "r")', [None, "NotFound", "failed to open file: /nope: No such file or directory", None]),
        ('vol:open("x", "rw")', [None, "Invalid", "invalid file mode: 'rw'; use r, w, wx or a", None]),
        ('vol:writefile("x")', [False, "Invalid", "data argument required", None]),
        ('vol:writefile("x", {})', [False, "Invalid", "data must be a string or a readable object", None]),
        ('vol:readdir("nope")', [None, "NotFound", "path not found: /nope", None]),
        ('fs.get("")', [None, "Invalid", "filesystem name required", False]),
        ('fs.get("app:secret")', [None, "PermissionDenied", "not allowed to access filesystem: app:secret", False]),
        ('fs.get("app:nope")', [None, "NotFound", "filesystem not found: app:nope", False]),
    ],
)
def test_failures(lua: Lua, call: str, expected: list[object]) -> None:
    assert failure(lua, call) == expected


def test_failures_that_need_files(lua: Lua) -> None:
    lua.call(OPEN + 'vol:mkdir("d") vol:writefile("d/f", "1") vol:writefile("g", "1")')
    assert failure(lua, 'vol:mkdir("d")')[:3] == [False, "AlreadyExists", "path already exists: /d"]
    assert failure(lua, 'vol:remove("d")')[:3] == [False, "Invalid", "directory not empty: /d"]
    assert failure(lua, 'vol:readdir("g")')[:3] == [None, "Invalid", "not a directory: /g"]
    assert failure(lua, 'vol:chdir("g")')[:2] == [False, "Invalid"]
    assert failure(lua, 'vol:writefile("g", "2", "wx")')[:2] == [False, "NotFound"]
    assert failure(lua, 'vol:open("d", "r")')[:2] == [None, "NotFound"]


def test_links_do_not_lead_out(lua: Lua, tmp_path: Path) -> None:
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    (tmp_path / "root" / "new").symlink_to(tmp_path / "created.txt")
    assert failure(lua, 'vol:readfile("out/outside.txt")')[1] == "Invalid"
    assert failure(lua, 'vol:writefile("new", "x")')[1] == "Invalid"
    assert not (tmp_path / "created.txt").exists()
    assert lua.call(OPEN + 'return (vol:remove("out"))') is True
    assert (tmp_path / "outside.txt").exists()


def test_files(lua: Lua) -> None:
    got = lua.call(
        OPEN
        + """
        local f = assert(vol:open("f", "w")) f:write("hello world") f:write("!")
        local _, none = f:write("") local _, unreadable = f:read() assert(f:close()) assert(f:close())
        local r = vol:open("f", "r")
        local a = r:read(5) local at = r:seek(fs.seek.CUR, 1) local b = r:read() local eof, e = r:read()
        local size = r:stat().size
        local copy = vol:open("f", "r") vol:writefile("copy", copy)
        local text = tostring(r) r:close()
        local _, closed = r:read()
        return a, at, b, eof, e:kind(), e:message(), size, (vol:readfile("copy")), text, tostring(r), closed:kind(), closed:message(),
          none:kind(), unreadable:kind()
        """
    )
    assert got == ["hello", 6, "world!", None, "NotFound", "EOF", 12, "hello world!", "fs.File{}", "fs.File{closed}",
                   "Internal", "read: file already closed", "Invalid", "Internal"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "split", "tokens"),
    [
        ("a\r\nb\n\nlast", None, ["a", "b", "", "last"]),
        (" two  words\n", "words", ["two", "words"]),
        ("aé", "runes", ["a", "é"]),
        ("ab", "bytes", ["a", "b"]),
        ("", "lines", []),
    ],
)
def test_scanner(lua: Lua, tmp_path: Path, text: str, split: str | None, tokens: list[str]) -> None:
    (tmp_path / "root" / "t").write_bytes(text.encode())
    code = f'local s = vol:open("t", "r"):scanner({f"{split!r}" if split else ""}) local out = {{}} while s:scan() do out[#out + 1] = s:text() end return out, s:err(), s:text()'
    assert lua.call(OPEN + code) == [tokens, None, ""]


def test_a_token_that_is_too_long_ends_the_scan(lua: Lua, tmp_path: Path) -> None:
    (tmp_path / "root" / "t").write_bytes(b"short\n" + b"x" * 70000 + b"\nafter\n")
    code = 'local s = vol:open("t", "r"):scanner() return s:scan(), s:text(), s:err(), s:scan(), s:err():message()'
    assert lua.call(OPEN + code) == [True, "short", None, False, "token too long"]


def test_files_are_closed_with_their_unit(lua: Lua) -> None:
    lua.call(OPEN + 'vol:open("f", "w")')
    handles = lua.bindings.handles
    held = [handles.get(number) for number in range(1, handles.count() + 1)]
    assert lua.bindings.release("p1") == []
    assert held[-1].file.closed
    assert handles.count() == 0


def test_mode_gates_operations(lua: Lua, tmp_path: Path) -> None:
    lua.services.resources["app:files"] = DirectoryVolume.open("ro", base=tmp_path, auto_init=True, mode="0555")
    assert failure(lua, 'vol:mkdir("d")')[1] == "PermissionDenied"
    assert failure(lua, 'vol:writefile("d", "x")')[1] == "NotFound"
    with pytest.raises(WippyError, match="does not exist; create it, or set auto_init"):
        DirectoryVolume.open("nope", base=tmp_path)
    with pytest.raises(WippyError, match="mode must be octal"):
        DirectoryVolume.open(".", base=tmp_path, mode="rwx")


def test_wrong_types_raise(lua: Lua) -> None:
    with pytest.raises(LuaFailure, match=r"bad argument #3 to open \(string expected, got nil\)"):
        lua.call(OPEN + 'local f = vol:open("f")')
