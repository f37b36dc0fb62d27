"""Processes in WebAssembly: core modules and components."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from application import Application, application, process
from wippy.errors import WippyError

wasmtime = pytest.importorskip("wasmtime", reason="the package wasmtime (extra `wasm`) is not installed")

CORE = """
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "half") (param f64) (result f64) local.get 0 f64.const 2 f64.div)
  (func (export "not") (param i32) (result i32) local.get 0 i32.eqz)
  (func (export "same") (param i64) (result i64) local.get 0)
  (func (export "both") (param i32) (result i32 i32) local.get 0 local.get 0)
  (func (export "none"))
  (func (export "spin") (loop br 0))
  (func (export "trap") unreachable)
  (func (export "exit") (param i32) local.get 0 call $exit))
"""
WIT = """
package test:core;
world core {
  export add: func(a: s32, b: s32) -> s32;
  export half: func(a: f64) -> f64;
  export not: func(a: bool) -> bool;
  export same: func(a: u64) -> u64;
  export both: func(a: u32) -> (x: u32, y: u32);
  export none: func();
  export spin: func();
  export trap: func();
  export exit: func(code: s32);
  export absent: func();
}
"""


def echo(*kinds: str, types: str = "") -> str:
    """A component whose export gives back its one parameter, for types that take one or two words."""
    (kind,) = kinds
    return f"""
(component
  {types}
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "one") (param i32) (result i32) local.get 0)
    (func (export "two") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "tag") (param i32 i32) (result i32)
      (i32.store8 (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "echo") (param "value" {kind}) (result {kind})
    (canon lift (core func $i "CORE") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
"""


class Files:
    """A folder with WebAssembly files and the entries that name them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[dict[str, Any]] = [
            {"name": "files", "kind": "fs.directory", "directory": str(folder)},
        ]

    def add(self, name: str, text: str, method: str, **data: Any) -> dict[str, Any]:
        binary = bytes(wasmtime.wat2wasm(text))
        (self.folder / f"{name}.wasm").write_bytes(binary)
        entry = {
            "name": name,
            "kind": "process.wasm",
            "fs": "files",
            "path": f"/{name}.wasm",
            "hash": "sha256:" + hashlib.sha256(binary).hexdigest(),
            "method": method,
            **data,
        }
        self.entries.append(entry)
        return entry


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


EXEC = process(
    "exec",
    """
    return function(id, ...)
      local value, err = process.exec(id, "app:processes", ...)
      if err then return {kind = err:kind(), message = err:message()} end
      return {value = value}
    end
    """,
)


def ran(app: Application, name: str, *args: Any) -> Any:
    return app.execute("app:exec", f"app:{name}", *args)


def test_core_modules(files: Files) -> None:
    for method in ("add", "half", "not", "same", "both", "none", "absent", "trap", "exit"):
        files.add(method, CORE, method, wit=WIT)
    files.add("unsigned", CORE, "add")
    with application(*files.entries, EXEC) as app:
        assert ran(app, "add", 2, 3) == {"value": 5}
        assert ran(app, "add", 2.0, -3) == {"value": -1}
        assert ran(app, "half", 5) == {"value": 2.5}
        assert ran(app, "not", True) == {"value": False}
        assert ran(app, "same", 2**62) == {"value": 2**62}
        assert ran(app, "both", 7) == {"value": [7, 7]}
        assert ran(app, "none") == []  # an empty table
        for name, args, text in (
            ("add", (1,), "parameter count mismatch: expected 2, got 1"),
            ("add", (1.5, 2), "expected s32, got number"),
            ("add", ("1", 2), "expected s32, got string"),
            ("add", (2**31, 2), "out of range for s32"),
            ("not", (1,), "expected bool, got number"),
            ("absent", (), 'export "absent" not found'),
            ("trap", (), "unreachable"),
            ("exit", (0,), "wasi exit requested: status 0"),
            ("unsigned", (1, 2), "wit has no signature for 'add'"),
        ):
            answer = ran(app, name, *args)
            assert answer["kind"] == "Internal", answer
            method = "add" if name == "unsigned" else name
            assert answer["message"].startswith(f"failed to call wasm method: {method}: "), answer
            assert text in answer["message"]


@pytest.mark.parametrize(
    ("kind", "core", "types", "given", "expected"),
    [
        ("string", "two", "", "hällo", "hällo"),
        ("(list u8)", "two", "", "bytes", "bytes"),
        ("(list u8)", "two", "", [0, 255], b"\x00\xff"),
        ("(list u32)", "two", "", [1, 2, 3], [1, 2, 3]),
        ("(list u32)", "two", "", {}, []),
        ("char", "one", "", "é", ord("é")),
        ("char", "one", "", 65, 65),
        ("(tuple u32 u32)", "two", "", [1, 2], [1, 2]),
        ("(option u32)", "tag", "", 5, 5),
        ("(option u32)", "tag", "", None, None),
        ("(result u32 (error u32))", "tag", "", {"ok": 1}, {"ok": 1}),
        ("(result u32 (error u32))", "tag", "", {"err": 2}, {"err": 2}),
        ("$e", "one", '(type $e0 (enum "red" "green")) (export $e "e" (type $e0))', "green", 1),
        ("$e", "one", '(type $e0 (enum "red" "green")) (export $e "e" (type $e0))', 0, 0),
        ("$f", "one", '(type $f0 (flags "a" "b" "c")) (export $f "f" (type $f0))', {"a": True, "c": True}, 5),
        ("$f", "one", '(type $f0 (flags "a" "b" "c")) (export $f "f" (type $f0))', 3, 3),
        (
            "$r",
            "two",
            '(type $r0 (record (field "user-id" u32) (field "n" u32))) (export $r "r" (type $r0))',
            {"user-id": 1, "n": 2, "more": 3},
            {"user-id": 1, "n": 2},
        ),
        (
            "$v",
            "tag",
            '(type $v0 (variant (case "num" u32) (case "nothing"))) (export $v "v" (type $v0))',
            {"num": 4},
            {"num": 4},
        ),
        (
            "$v",
            "tag",
            '(type $v0 (variant (case "num" u32) (case "nothing"))) (export $v "v" (type $v0))',
            "nothing",
            {"nothing": True},
        ),
    ],
)
def test_values_of_components(files: Files, kind: str, core: str, types: str, given: Any, expected: Any) -> None:
    files.add("echo", echo(kind, types=types).replace("CORE", core), "echo")
    with application(*files.entries, EXEC) as app:
        answer = ran(app, "echo", given)
        assert answer == ([] if expected is None else {"value": expected})


@pytest.mark.parametrize(
    ("kind", "core", "types", "given", "text"),
    [
        ("string", "two", "", 5, "expected string, got number"),
        ("(list u8)", "two", "", [256], "out of range for u8"),
        ("(tuple u32 u32)", "two", "", [1], "expected a tuple of 2, got 1"),
        ("(result u32 (error u32))", "tag", "", {"neither": 1}, "expected {ok=…} or {err=…}"),
        ("$e", "one", '(type $e0 (enum "red")) (export $e "e" (type $e0))', "blue", "unknown case 'blue'"),
        ("$e", "one", '(type $e0 (enum "red")) (export $e "e" (type $e0))', 3, "out of range"),
        ("$r", "one", '(type $r0 (record (field "id" u32))) (export $r "r" (type $r0))', {"x": 1}, '"id" not found'),
    ],
)
def test_values_that_do_not_fit(files: Files, kind: str, core: str, types: str, given: Any, text: str) -> None:
    files.add("echo", echo(kind, types=types).replace("CORE", core), "echo")
    with application(*files.entries, EXEC) as app:
        answer = ran(app, "echo", given)
        assert text in answer["message"], answer


def test_a_loop_without_end_is_ended_by_terminate_and_by_its_limit(files: Files) -> None:
    files.add("spin", CORE, "spin", wit=WIT)
    files.add("limited", CORE, "spin", wit=WIT, limits={"max_execution_ms": 30})
    asks = process(
        "asks",
        """
        return function()
          local time = require("time")
          local spinning = process.spawn_monitored("app:spin", "app:processes")
          local sent = process.send(spinning, "anything", 1)
          local limited = process.spawn_monitored("app:limited", "app:processes")
          local first = process.events():receive()
          process.terminate(spinning)
          local second = process.events():receive()
          return {sent, first.from == limited, tostring(first.result.error), second.from == spinning,
            tostring(second.result.error)}
        end
        """,
        ["time"],
    )
    with application(*files.entries, asks) as app:
        sent, limited, text, spun, ended = app.execute("app:asks")
    assert [sent, limited, spun] == [True] * 3
    assert text == "failed to call wasm method: spin: it took longer than 0.03 s"
    assert ended == "process terminated"


def test_each_process_has_a_memory_of_its_own(files: Files) -> None:
    text = """
    (module (global $n (mut i32) (i32.const 0))
      (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))
    """
    files.add("next", text, "next", wit="next: func() -> s32;")
    with application(*files.entries, EXEC) as app:
        assert [ran(app, "next") for _ in range(3)] == [{"value": 1}] * 3


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"fs": ""}, "fs is required"),
        ({"path": ""}, "path is required"),
        ({"hash": ""}, "hash is required"),
        ({"method": ""}, "method is required"),
        ({"fs": "nowhere"}, "filesystem not found: app:nowhere"),
        ({"path": "/nothing.wasm"}, "failed to open file: /nothing.wasm"),
        ({"hash": "sha256:" + "0" * 64}, "hash mismatch: expected sha256:000"),
        ({"hash": "md5:abc"}, "unsupported hash algorithm: md5"),
        ({"hash": "abc"}, "invalid hash format: abc"),
        ({"imports": ["wasi:coffee"]}, "unsupported wasm host import: wasi:coffee"),
        ({"imports": [" "]}, "import :name cannot be empty"),
        ({"transport": "pigeon"}, "invalid transport type"),
        ({"limits": {"max_execution_ms": -1}}, "limits.max_execution_ms cannot be negative"),
        ({"pool": {"size": -1}}, "pool values cannot be negative"),
        ({"pool": {"type": "round"}}, "invalid pool type"),
        ({"wasi": {"cwd": "x"}}, "wasi.cwd must be absolute"),
        ({"wasi": {"env": [{"name": "A"}]}}, "wasi.env[].id is required"),
        ({"wasi": {"env": [{"id": "a"}]}}, "wasi.env[].name is required"),
        ({"wasi": {"env": [{"id": "a", "name": "A"}, {"id": "b", "name": "A"}]}}, "wasi.env[].name must be unique"),
        ({"wasi": {"mounts": [{"guest": "/x"}]}}, "wasi.mounts[].fs is required"),
        ({"wasi": {"mounts": [{"fs": "files"}]}}, "wasi.mounts[].guest is required"),
        ({"wasi": {"mounts": [{"fs": "files", "guest": "x"}]}}, "wasi.mounts[].guest must be absolute"),
    ],
)
def test_bad_entries(files: Files, change: dict[str, Any], text: str) -> None:
    files.add("add", CORE, "add", wit=WIT).update(change)
    with pytest.raises(WippyError) as caught, application(*files.entries):
        pass
    assert text in str(caught.value)


def test_a_file_that_is_no_webassembly(files: Files) -> None:
    entry = files.add("add", CORE, "add", wit=WIT)
    (files.folder / "add.wasm").write_bytes(b"plain text")
    entry["hash"] = "sha256:" + hashlib.sha256(b"plain text").hexdigest()
    with pytest.raises(WippyError, match="not a WebAssembly file"), application(*files.entries):
        pass


def test_a_component_imports_only_what_its_profiles_open(files: Files) -> None:
    text = """
    (component
      (import "wasi:random/random@0.2.0" (instance $random
        (export "get-random-u64" (func (result u64)))))
      (core func $lowered (canon lower (func $random "get-random-u64")))
      (core module $m
        (import "env" "random" (func $random (result i64)))
        (func (export "lucky") (result i32) (i64.ne (call $random) (call $random))))
      (core instance $i (instantiate $m (with "env" (instance (export "random" (func $lowered))))))
      (func (export "lucky") (result bool) (canon lift (core func $i "lucky"))))
    """
    entry = files.add("lucky", text, "lucky", imports=["wasi:random"])
    with application(*files.entries, EXEC) as app:
        assert ran(app, "lucky") == {"value": True}
    entry["imports"] = ["wasi:clocks"]
    with pytest.raises(WippyError, match="imports wasi:random/random"), application(*files.entries):
        pass


def test_environment_and_mounts(files: Files) -> None:
    text = """
    (module
      (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "count") (result i32) (drop (call $environ (i32.const 0) (i32.const 4))) (i32.load (i32.const 0)))
      (func (export "mounted") (result i32) (i32.eqz (call $prestat (i32.const 3) (i32.const 0)))))
    """
    wit = "count: func() -> s32; \n mounted: func() -> bool;"
    store = {"name": "store", "kind": "env.storage.memory"}
    variable = {
        "name": "colour",
        "kind": "env.variable",
        "storage": "app:store",
        "variable": "COLOUR",
        "default": "red",
    }
    env = [{"id": "COLOUR", "name": "A"}, {"id": "MISSING", "name": "B"}]
    files.add("count", text, "count", wit=wit, wasi={"env": env})
    files.add("needs", text, "count", wit=wit, wasi={"env": [{"id": "MISSING", "name": "B", "required": True}]})
    files.add("mounted", text, "mounted", wit=wit, wasi={"mounts": [{"fs": "files", "guest": "/data"}]})
    files.add("bare", text, "mounted", wit=wit)
    with application(store, variable, *files.entries, EXEC) as app:
        assert ran(app, "count") == {"value": 1}
        assert ran(app, "needs")["message"] == "required wasi env variable not found: MISSING"
        assert ran(app, "mounted") == {"value": True}
        assert ran(app, "bare") == {"value": False}


def test_a_mount_needs_permission(files: Files) -> None:
    files.add("none", CORE, "none", wit=WIT, wasi={"mounts": [{"fs": "files", "guest": "/data"}]})
    asks = process(
        "asks",
        """
        return function()
          local security = require("security")
          local scope = security.new_scope({security.policy("app:spawns")})
          local spawner = process.with_context({}):with_actor(security.new_actor("guest")):with_scope(scope)
          spawner:spawn_monitored("app:none", "app:processes")
          local err = process.events():receive().result.error
          return {err:kind(), err:message()}
        end
        """,
        ["security"],
    )
    policy = {
        "name": "spawns",
        "kind": "security.policy",
        "policy": {"actions": "process.*", "resources": "*", "effect": "allow"},
    }
    with application(*files.entries, asks, policy) as app:
        assert app.execute("app:asks") == ["PermissionDenied", "not allowed to access filesystem: app:files"]
