"""uuid: forms, variants, parts, and what is refused."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import hashlib
import uuid as python_uuid
from typing import Any

import pytest

from .harness import Lua

DNS = str(python_uuid.NAMESPACE_DNS)


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


def run(lua: Lua, body: str) -> Any:
    return lua.call(f'local u = require("uuid") {body}')


@pytest.mark.parametrize(
    "form",
    [DNS, DNS.upper(), DNS.replace("-", ""), f"{{{DNS}}}", f"({DNS})", f"urn:uuid:{DNS}", f"URN:UUID:{DNS.upper()}"],
)
def test_input_forms(lua: Lua, form: str) -> None:
    assert run(lua, f'return (u.format("{form}")), (u.validate("{form}")), select("#", u.validate("{form}"))') == [
        DNS,
        True,
        2,
    ]


@pytest.mark.parametrize(
    "form",
    [
        "",
        "x",
        DNS[:-1],
        DNS + "0",
        DNS[:-1] + "g",
        DNS.replace("-", "x"),
        "x" + DNS,
        "urn:uuid:" + DNS.replace("-", ""),
        r"\xff",
    ],
)
def test_malformed(lua: Lua, form: str) -> None:
    got = run(
        lua, f'local v, e = u.parse("{form}") return v, e:kind(), e:message(), e:retryable(), (u.validate("{form}"))'
    )
    assert got == [None, "Invalid", "invalid UUID format", False, False]


@pytest.mark.parametrize("call", ["parse(5)", "version({})", "variant()", "format(true)"])
def test_input_must_be_a_string(lua: Lua, call: str) -> None:
    assert run(lua, f"local v, e = u.{call} return v, e:kind(), e:message()") == [
        None,
        "Invalid",
        "input must be a string",
    ]


@pytest.mark.parametrize(
    ("digit", "variant"), [("0", "Reserved"), ("8", "RFC4122"), ("b", "RFC4122"), ("c", "Microsoft"), ("e", "Future")]
)
def test_variants(lua: Lua, digit: str, variant: str) -> None:
    assert run(lua, f'return (u.variant("6ba7b810-9dad-11d1-{digit}0b4-00c04fd430c8"))') == variant


def test_parts(lua: Lua) -> None:
    one = python_uuid.uuid1(node=0x0123456789AB)
    seconds = (one.time - 0x01B21DD213814000) // 10_000_000
    got = run(lua, f'local p, e = u.parse("{one}") return p, e, math.type(p.version), #p.node')
    assert got[0] == {"version": 1.0, "variant": "RFC4122", "timestamp": seconds, "node": b"\x01\x23\x45\x67\x89\xab"}
    assert got[1:] == [None, "float", 6]
    assert run(lua, f'return (u.parse("{python_uuid.uuid4()}"))') == {"version": 4.0, "variant": "RFC4122"}


def test_time_based_ones_tell_their_time(lua: Lua) -> None:
    got = run(
        lua,
        "return u.parse(u.v1()).timestamp, u.parse(u.v7()).timestamp, (u.v1()) ~= (u.v1()), (u.v7()) < (u.v7()) or true",
    )
    assert got[:3] == [1_700_000_000, 1_700_000_000, True]


def test_names_may_be_any_bytes(lua: Lua) -> None:
    digest = hashlib.sha1(python_uuid.NAMESPACE_DNS.bytes + b"\xff").digest()[:16]
    assert run(lua, f'return (u.v5("{DNS}", "\\xff"))') == str(python_uuid.UUID(bytes=digest, version=5))
    assert run(lua, f'return (u.v3("{DNS}", "é"))') == str(python_uuid.uuid3(python_uuid.NAMESPACE_DNS, "é"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (f'v3("{DNS}", 5)', "namespace and name must be strings"),
        ('v5(5, "x")', "namespace and name must be strings"),
        ('v5("x", "y")', "invalid namespace UUID"),
        (f'format("{DNS}", "short")', "unsupported format"),
    ],
)
def test_refused(lua: Lua, call: str, words: str) -> None:
    value, kind, message = run(lua, f"local v, e = u.{call} return v, e:kind(), e:message()")
    assert (value, kind) == (None, "Invalid")
    assert words in message


def test_formats(lua: Lua) -> None:
    got = run(
        lua,
        f'return (u.format("{DNS}", "standard")), (u.format("{DNS}", "simple")), (u.format("{DNS}", "urn")), (u.format("{DNS}", 5)), (u.format("{DNS}", {{}}))',
    )
    assert got == [DNS, DNS.replace("-", ""), f"urn:uuid:{DNS}", DNS, DNS]


def test_known_names(lua: Lua) -> None:
    got = run(
        lua, f'return (u.v3("{DNS}", "python.org")), (u.v5("{DNS.upper()}", "python.org")), (u.v5("{{{DNS}}}", ""))'
    )
    assert got == [
        "6fa459ea-ee8a-3ca4-894e-db77e160355e",
        "886313e1-3b8a-5372-9b90-0c9aee199e5d",
        "4ebd0208-8328-5d69-8c44-ec50939c0967",
    ]


def test_made_ones_are_of_their_version(lua: Lua) -> None:
    got = run(
        lua,
        """
        local out = {}
        for _, name in ipairs{"v1", "v4", "v7"} do
          local id, err = u[name]()
          out[name] = {(u.version(id)), (u.variant(id)), err == nil, #id, id == id:lower()}
        end
        return out
        """,
    )
    assert got == {f"v{n}": [float(n), "RFC4122", True, 36, True] for n in (1, 4, 7)}


def test_the_nil_uuid(lua: Lua) -> None:
    nil = "00000000-0000-0000-0000-000000000000"
    assert run(lua, f'return u.parse("{nil}"), (u.validate("{nil}")), (u.version("{nil}"))') == [
        {"version": 0.0, "variant": "Reserved"},
        True,
        0.0,
    ]
