import os

import pytest

from wippy.errors import SourceError
from wippy.lang.cache import CompileCache
from wippy.lang.compiler import compile_source

SOURCE = "type T = {a: string @min_len(1)} local m = require('m') return 'a' .. m.x"


@pytest.fixture
def compiled(monkeypatch):
    """The names compiled, in order."""
    names = []

    def spy(source, name):
        names.append(name)
        return compile_source(source, name)

    monkeypatch.setattr("wippy.lang.compiler.compile_source", spy)
    return names


def test_second_time_comes_from_the_folder(tmp_path, compiled):
    first = CompileCache(tmp_path / "deep" / "cache").compile(SOURCE, "app:x")
    second = CompileCache(tmp_path / "deep" / "cache").compile(SOURCE, "app:x")
    assert compiled == ["app:x"]
    assert first == second == compile_source(SOURCE, "app:x")


def test_source_name_and_version_are_the_key(tmp_path, compiled, monkeypatch):
    cache = CompileCache(tmp_path)
    cache.compile(SOURCE, "app:x")
    cache.compile(SOURCE + " ", "app:x")
    cache.compile(SOURCE, "app:y")
    monkeypatch.setattr("wippy.lang.chunk.version", lambda: "next")
    cache.compile(SOURCE, "app:x")
    assert compiled == ["app:x", "app:x", "app:y", "app:x"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"return", b"retern"),
        lambda data: b"",
        lambda data: data[:-9],
        lambda data: data[:-1] + b"~",
        lambda data: b"x" * len(data),
    ],
    ids=["text", "empty", "cut", "last byte", "other"],
)
def test_damaged_files_are_made_again(tmp_path, compiled, damage):
    cache = CompileCache(tmp_path)
    good = cache.compile(SOURCE, "app:x")
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert cache.compile(SOURCE, "app:x") == good
    assert cache.get(good.hash, "app:x") == good
    assert compiled == ["app:x", "app:x"]


def test_a_chunk_under_a_foreign_key_is_refused(tmp_path):
    cache = CompileCache(tmp_path)
    chunk = cache.compile(SOURCE, "app:x")
    os.rename(tmp_path / f"{chunk.hash}.chunk", tmp_path / f"{'0' * 32}.chunk")
    assert cache.get("0" * 32, "app:x") is None


def test_bytecode_is_refused(tmp_path):
    cache = CompileCache(tmp_path)
    chunk = cache.compile(SOURCE, "app:x")
    chunk.lua = b"\x1bLua" + chunk.lua
    assert cache.put(chunk)
    assert cache.get(chunk.hash, "app:x") is None


def test_readonly_reads_and_does_not_write(tmp_path, compiled):
    CompileCache(tmp_path).compile(SOURCE, "app:x")
    cache = CompileCache(tmp_path, "readonly")
    cache.compile(SOURCE, "app:x")
    cache.compile(SOURCE, "app:y")
    assert compiled == ["app:x", "app:y"]
    assert len(list(tmp_path.iterdir())) == 1


def test_off_touches_nothing(tmp_path, compiled):
    cache = CompileCache(tmp_path / "cache", "off")
    cache.compile(SOURCE, "app:x")
    cache.compile(SOURCE, "app:x")
    assert compiled == ["app:x", "app:x"]
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_used_costs_nothing_but_time(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    cache = CompileCache(tmp_path / "file")
    assert cache.compile(SOURCE, "app:x") == compile_source(SOURCE, "app:x")
    assert cache.put(compile_source(SOURCE, "app:x")) is False
    cache.clear()


def test_clear(tmp_path):
    cache = CompileCache(tmp_path)
    cache.compile(SOURCE, "app:x")
    cache.clear()
    assert list(tmp_path.iterdir()) == []


def test_errors_are_not_kept(tmp_path):
    with pytest.raises(SourceError):
        CompileCache(tmp_path).compile("x = ", "app:x")
    assert list(tmp_path.iterdir()) == []


def test_unknown_mode():
    with pytest.raises(ValueError, match="readwrite"):
        CompileCache("x", "sometimes")  # pyright: ignore
