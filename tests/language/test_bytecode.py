"""Entries whose code is a packed file of a volume."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from application import Application, Lines, application, function, library, process
from wippy.errors import SourceError, WippyError
from wippy.lang.packed import digest, pack, unpack

VOLUME = {"name": "code", "kind": "fs.directory", "directory": "packed"}
SOURCE = "type T = {n: number}\nreturn {main = function(v) return (T:is(v) and v.n or 0) + one() end}"


def packed(folder: Path, name: str, kind: str, source: str, **data: Any) -> Lines:
    """An entry whose code stands packed in the volume."""
    content = pack(source)
    (folder / "packed").mkdir(exist_ok=True)
    (folder / "packed" / f"{name}.bc").write_bytes(content)
    lines = {"name": name, "kind": f"{kind}.lua.bc", "fs": "app:code", "path": f"{name}.bc", "hash": digest(content)}
    return {**lines, "method": "main", **data}


@pytest.fixture
def app(tmp_path: Path):
    (tmp_path / "packed").mkdir()
    one = packed(tmp_path, "one", "library", "return function() return 1 end")
    with application(
        VOLUME,
        one,
        packed(tmp_path, "fn", "function", SOURCE, imports={"one": "app:one"}),
        packed(tmp_path, "proc", "process", SOURCE, imports={"one": "app:one"}),
        function("plain", "return function() return one() end", imports={"one": "app:one"}),
        folder=tmp_path,
    ) as found:
        yield found


def test_packed_code_runs_like_a_source(app: Application) -> None:
    assert app.call("app:fn", {"n": 4}) == 5
    assert app.execute("app:proc", {"n": "x"}) == 1
    assert app.call("app:plain") == 1


def test_errors_have_the_lines_of_the_source(app: Application) -> None:
    app.define(packed(app.folder, "fails", "function", "return function()\n  error('no')\nend"))
    with pytest.raises(WippyError, match="app:fails:2: no"):
        app.call("app:fails")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fs": ""}, "fs is required"),
        ({"path": ""}, "path is required"),
        ({"hash": ""}, "hash is required"),
        ({"method": ""}, "method is required"),
        ({"fs": "app:nowhere"}, "filesystem not found"),
        ({"fs": "app:fn"}, "filesystem not found"),
        ({"hash": "sha256:00"}, "hash mismatch: expected sha256:00"),
        ({"path": "../src/_index.yaml"}, "failed to open file: ../src/_index.yaml"),
        ({"path": "absent.bc"}, "failed to open file: absent.bc"),
        ({"modules": ["app:x"]}, "module cannot have a namespace"),
        ({"pool": {"type": "big"}}, "unknown pool type: big"),
    ],
)
def test_keys(app: Application, change: Lines, message: str) -> None:
    entry = {**packed(app.folder, "bad", "function", SOURCE), **change}
    with pytest.raises(WippyError) as caught:
        app.define(entry)
    assert message in caught.value.message
    assert caught.value.kind == (
        "NotFound" if message.startswith(("filesystem", "failed to open file: a")) else "Invalid"
    )
    assert app.app.registry.get("app:bad") is None


def test_a_file_that_is_no_packed_source(app: Application) -> None:
    for content in (b"\x1bLua", b"return 1", pack("return 1")[:-4]):
        (app.folder / "packed" / "other.bc").write_bytes(content)
        entry = {"name": "other", "kind": "process.lua.bc", "fs": "code", "path": "other.bc", "method": "main"}
        with pytest.raises(WippyError) as caught:
            app.define({**entry, "hash": digest(content)})
        assert caught.value.kind == "Invalid"
        assert "packed source" in caught.value.message


def test_strict_types_see_through_the_packing(tmp_path: Path) -> None:
    (tmp_path / "packed").mkdir()
    lib = packed(tmp_path, "lib", "library", "local M = {} function M.n(): number return 1 end return M", method="")
    user = process("user", "local s: string = l.n()\nreturn function() end", imports={"l": "app:lib"})
    config = {"lua": {"type_system": {"enabled": True, "strict": True}}}
    with application(VOLUME, lib, library("other", "return 1"), config=config, folder=tmp_path) as app:
        with pytest.raises(WippyError, match="type errors in app:user"):
            app.define(user)
        bad = packed(tmp_path, "bad", "function", "local n: number = 'x' return function() end")
        with pytest.raises(WippyError, match="type errors in app:bad"):
            app.define(bad)


def test_packing() -> None:
    assert unpack(pack("return 'ü'")) == "return 'ü'"
    with pytest.raises(SourceError):
        pack("return +")


def test_the_command(tmp_path: Path) -> None:
    source, target = tmp_path / "a.lua", tmp_path / "a.bc"
    source.write_text(SOURCE)

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "wippy.lang.packed", *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    done = command(source, target)
    assert (done.returncode, done.stdout.strip()) == (0, digest(target.read_bytes()))
    assert unpack(target.read_bytes()) == SOURCE
    source.write_text("x = ")
    broken = command(source, target)
    assert broken.returncode == 1
    assert "unexpected symbol near <eof>" in broken.stderr
    assert command().returncode == 2
