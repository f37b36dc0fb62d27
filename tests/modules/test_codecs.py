"""base64, hash and the formats of payloads."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy.modules.payload.msgpack import Decoder, encode

from .harness import Lua


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


def test_base64(lua: Lua) -> None:
    got = lua.call(
        r'local b = require("base64") return b.encode(""), b.encode("\xff\xfea"), b.decode("//5h"), b.decode("YR=="), select("#", b.encode("x")), select("#", b.decode("YQ=="))'
    )
    assert got == ["", "//5h", b"\xff\xfea", "a", 1, 1]
    assert lua.call(r'return (require("base64").decode("Y\r\nQ=\n=\n"))') == "a"


@pytest.mark.parametrize(
    ("text", "at"),
    [("Y Q=", 1), ("YQ", 0), ("YWJjYQ", 4), ("YQ=", 3), ("YQ==YQ==", 4), ("-_==", 0), ("=", 0), ("YWJj=", 4), ("YQ=x", 2)],
)  # fmt: skip
def test_what_is_no_base64(lua: Lua, text: str, at: int) -> None:
    got = lua.call(f'local v, e = require("base64").decode("{text}") return v, e:kind(), e:message(), e:context()')
    assert got == [None, "Invalid", f"illegal base64 data at input byte {at}", "decode failed"]


@pytest.mark.parametrize("call", ["encode(5)", "decode(5)", "encode()", "decode({})"])
def test_base64_takes_strings(lua: Lua, call: str) -> None:
    assert lua.call(f'local v, e = require("base64").{call} return v, e:kind(), e:message()') == [
        None,
        "Invalid",
        "string expected",
    ]


def test_hash(lua: Lua) -> None:
    for name in ("md5", "sha1", "sha256", "sha512"):
        got = lua.call(
            f'local h = require("hash") return (h.{name}("abc")), (h.{name}("", true)), (h.hmac_{name}("abc", "k")), (h.hmac_{name}("", "", 0)), (h.{name}("abc", false))'
        )
        empty = hmac.digest(b"", b"", name)
        expected = [
            hashlib.new(name, b"abc").hexdigest(), hashlib.new(name, b"").digest(), hmac.digest(b"k", b"abc", name).hex(), empty,
            hashlib.new(name, b"abc").hexdigest(),
        ]  # fmt: skip
        assert [value.encode() if isinstance(value, str) else value for value in got] == [
            value.encode() if isinstance(value, str) else value for value in expected
        ]


def fnv(data: bytes, bits: int) -> float:
    value, prime = (0x811C9DC5, 0x01000193) if bits == 32 else (0xCBF29CE484222325, 0x100000001B3)
    for byte in data:
        value = (value * prime) % 2**bits ^ byte
    return float(value)


@pytest.mark.parametrize("text", ["", "a", "hello", "x" * 1000])
def test_fnv(lua: Lua, text: str) -> None:
    got = lua.call(
        f'local h = require("hash") local a, b = (h.fnv32("{text}")), (h.fnv64("{text}")) return a, b, math.type(a), math.type(b)'
    )
    assert got == [fnv(text.encode(), 32), fnv(text.encode(), 64), "float", "float"]


def test_hash_takes_strings(lua: Lua) -> None:
    got = lua.call(
        'local h = require("hash") local out = {} for _, e in ipairs{select(2, h.md5(5)), select(2, h.fnv32()), select(2, h.hmac_md5("a", 5)), select(2, h.hmac_md5({}, "k"))} do out[#out + 1] = e:kind() .. " " .. e:message() end return out'
    )
    assert got == [
        "Invalid data must be a string",
        "Invalid data must be a string",
        "Invalid secret must be a string",
        "Invalid data must be a string",
    ]


def payload(lua: Lua, body: str) -> object:
    return lua.call(f'local payload = require("payload") local F = payload.format {body}')


def test_payload_formats_follow_their_modules(lua: Lua) -> None:
    got = payload(
        lua,
        """
        local t = {1, nil, {}, "x", 5.0, a = true}
        local p = payload.new(t)
        local out = {}
        for _, f in ipairs{F.YAML, F.MSGPACK, F.GOLANG} do
          local q = assert(p:transcode(f))
          out[#out + 1] = assert(q:transcode(F.JSON)):data()
        end
        return out, assert(p:transcode(F.YAML)):transcode(F.YAML):get_format()
        """,
    )
    expected = {1: 1, 3: {}, 4: "x", 5: 5.0}
    assert got == [[expected, expected, expected], "yaml/plain"]


def test_payload_yaml_and_golang_details(lua: Lua) -> None:
    got = payload(
        lua,
        """
        local js = payload.new("x"):transcode(F.JSON)
        local numbers = payload.new({a = 1, b = {2}}):transcode(F.JSON):transcode(F.GOLANG):data()
        local yaml = payload.new({z = 1, a = {}, f = 1e6}):transcode(F.YAML)
        local _, unknown = payload.new(1):transcode("x/y")
        local _, none = payload.new(K.new_error("Invalid", "boom")):transcode(F.YAML)
        local _, cyclic = payload.new((function() local t = {} t.t = t return t end)()):transcode(F.YAML)
        return js:data(), math.type(numbers.a), math.type(numbers.b[1]), yaml:data(), (payload.new(nil):transcode(F.STRING)):data(),
          (payload.new(true):transcode(F.BYTES)):data(), unknown:kind(), none:kind(), cyclic:message(), cyclic:context()
        """,
    )
    assert got == [
        "x",
        "float",
        "float",
        {"z": 1, "a": {}, "f": 1e6},
        "",
        "true",
        "Internal",
        "Internal",
        "table contains itself",
        "transcode failed",
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.binary(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.binary(), inner, max_size=20),
    max_leaves=10,
)


@given(VALUES)
def test_msgpack_reads_what_it_writes(value: object) -> None:
    assert Decoder(encode(value)).read() == value


@pytest.mark.parametrize(
    ("value", "data"),
    [("a" * 32, b"\xda\x00\x20" + b"a" * 32), ("a" * 31, b"\xbf" + b"a" * 31), (b"\xff", b"\xa1\xff"), (200, b"\xcc\xc8"), (-33, b"\xd0\xdf"), ({"b": 1, "a": [None]}, b"\x82\xa1a\x91\xc0\xa1b\x01")],
)  # fmt: skip
def test_msgpack_is_of_the_old_family(value: object, data: bytes) -> None:
    assert encode(value) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xa5ab",
        b"\x01\x01",
        b"\xcf" + b"\xff" * 8,
        b"\xdd\xff\xff\xff\xff",
        b"\xc1",
        b"\xc7\x00\x05",
        b"\x91" * 500,
        b"\x81\x90\x01",
    ],
)
def test_broken_msgpack(data: bytes) -> None:
    with pytest.raises(ValueError, match="MessagePack: "):
        Decoder(data).read()


def test_msgpack_strings_may_be_binary() -> None:
    assert Decoder(b"\x82\xc4\x01a\xd9\x01b\x01\xcf\x7f\xff\xff\xff\xff\xff\xff\xff").read() == {
        b"a": b"b",
        b"1": 2**63 - 1,
    }


@given(st.binary(max_size=40))
def test_base64_agrees_with_python(data: bytes) -> None:
    from wippy.modules import base64 as module

    text = base64.b64encode(data)
    assert module.encode(None, data) == text  # type: ignore[arg-type]
    assert module.decode(None, text) == data  # type: ignore[arg-type]


def test_known_digests(lua: Lua) -> None:
    got = lua.call(
        'local h = require("hash") return (h.md5("abc")), (h.sha1("abc")), (h.sha256("abc")), (h.sha512("abc")):sub(1, 32), (h.hmac_md5("what do ya want for nothing?", "Jefe")), (h.hmac_sha1("what do ya want for nothing?", "Jefe")), (h.hmac_sha256("what do ya want for nothing?", "Jefe")), (h.fnv32("foobar")), (h.fnv64("")) '
    )
    assert got == [
        "900150983cd24fb0d6963f7d28e17f72",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ddaf35a193617abacc417349ae204131",
        "750c783e6ab0b503eaa86e310a5db738",
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        float(0x31F0B262),
        float(0xCBF29CE484222325),
    ]


def test_a_payload_holds_the_value_itself(lua: Lua) -> None:
    got = payload(
        lua,
        """
        local t = {1}
        local p = payload.new(t)
        local json = assert(p:transcode(F.JSON))
        return rawequal(p:data(), t), select("#", p:data()), rawequal(p:transcode(F.LUA), p), rawequal(json:transcode(F.JSON), json),
          p:get_format(), json:get_format(), tostring(json), (payload.new()):data() == nil, select("#", p:transcode(F.JSON))
        """,
    )
    assert got == [True, 1, True, True, "lua/any", "json/plain", "payload{format=json/plain}", True, 2]


def test_every_format_names_itself(lua: Lua) -> None:
    assert payload(lua, "local out = {} for name, text in pairs(F) do out[name] = text end return out") == {
        "JSON": "json/plain",
        "YAML": "yaml/plain",
        "STRING": "text/plain",
        "BYTES": "application/octet-stream",
        "MSGPACK": "application/msgpack",
        "LUA": "lua/any",
        "GOLANG": "golang/any",
        "ERROR": "golang/error",
    }


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ('"x\\0"', "x\0"), ("5", "5"), ("5.0", "5.0"), ("0.1", "0.1"), ("true", "true"), ("false", "false"), ("nil", ""),
        ("{1, 2}", "[1,2]"), ("{a = {}}", '{"a":[]}'),
    ],
)  # fmt: skip
def test_values_as_text(lua: Lua, expression: str, text: str) -> None:
    for form in ("STRING", "BYTES"):
        body = f"local p = assert(payload.new({expression}):transcode(F.{form})) return p:data(), p:get_format()"
        assert payload(lua, body) == [text, payload(lua, f"return F.{form}")]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ('payload.new(K.new_error("Invalid", "boom")):data()', "Internal", "no transcoding path found"),
        ('payload.new(K.new_error("Invalid", "boom")):transcode(F.JSON)', "Internal", "no transcoding path found"),
        ("payload.new(1):transcode(F.ERROR)", "Internal", "no transcoding path found"),
        ('payload.new(1):transcode("text/html")', "Internal", "no transcoding path found"),
        ("payload.new({1, a = 2}):transcode(F.JSON)", "Internal", "mixed-key"),
        ("payload.new({1, nil, 3}):transcode(F.JSON)", "Internal", "sparse"),
        ("payload.new((function() local t = {} t.t = t return t end)()):transcode(F.GOLANG)", "Internal", "contains itself"),
        ("K.payload('{', F.JSON):data()", "Internal", "decode failed"),
        ("K.payload('a: [', F.YAML):data()", "Internal", "yaml"),
        ("K.payload('\\xc1', F.MSGPACK):data()", "Internal", "MessagePack"),
    ],
)  # fmt: skip
def test_a_payload_that_cannot_be_converted(lua: Lua, body: str, kind: str, words: str) -> None:
    value, found, message, context, retryable = payload(
        lua, f"local v, e = {body} return v, e:kind(), e:message(), e:context(), e:retryable()"
    )  # type: ignore[misc]
    assert (value, found, context, retryable) == (None, kind, "transcode failed", False)
    assert words in message


def test_plain_conversion(lua: Lua) -> None:
    got = payload(
        lua,
        """
        local source = {list = {1, nil, 3, x = 4}, map = {[0] = "zero", [true] = "yes", [-1.5] = "n"}, none = {}, fn = print, deep = {{}}}
        local p = assert(payload.new(source):transcode(F.GOLANG))
        local v = p:data()
        local parts = {v.list[1], v.list[2] == nil, v.list[3], v.list.x == nil, v.map["0"], v.map["true"], v.map["-1.5"], type(v.fn)}
        return parts, require("json").encode(v.none), require("json").encode(v.deep), rawequal(v.list, source.list), (payload.new({b = 1, deep = {{}}, a = 2}):transcode(F.GOLANG):transcode(F.JSON):transcode(F.STRING):data())
        """,
    )
    assert got == [[1, True, 3, True, "zero", "yes", "n", "string"], "{}", "[{}]", False, '{"a":2,"b":1,"deep":[{}]}']


@pytest.mark.parametrize("size", [524288, 524289, 1_000_000])
def test_long_texts_in_pieces_have_the_same_digest(lua: Lua, size: int) -> None:
    data = bytes(n % 251 for n in range(size))
    code = f"""
    local parts = {{}}
    for n = 0, {size - 1} do parts[n + 1] = string.char(n % 251) end
    local data, h = table.concat(parts), require("hash")
    return (h.md5(data)), (h.sha1(data, false)), (h.sha256(data, true)), (h.sha512(data)), (h.hmac_sha1(data, "key")), (h.hmac_sha256(data, "", true))
    """
    assert lua.call(code) == [
        hashlib.md5(data).hexdigest(),
        hashlib.sha1(data).hexdigest(),
        hashlib.sha256(data).digest(),
        hashlib.sha512(data).hexdigest(),
        hmac.digest(b"key", data, "sha1").hex(),
        hmac.digest(b"", data, "sha256"),
    ]
    assert lua.bindings.handles.count() == 0


def test_long_base64_in_pieces(lua: Lua) -> None:
    code = r"""
    local b = require("base64")
    local data = ("\0\1\2abc\xff"):rep(100000)
    local text = b.encode(data)
    local out = {b.decode(text) == data, #text, text:sub(1, 8)}
    for _, broken in ipairs{text:sub(1, 300000) .. "*" .. text:sub(300001), text .. "=", text:sub(1, 393214) .. "==" .. text:sub(393217), text:sub(1, -2)} do
      local _, err = b.decode(broken)
      out[#out + 1] = err:message():match("%d+$")
    end
    out[#out + 1] = b.decode((text:gsub(("."):rep(76), "%0\r\n"))) == data
    return out
    """
    text = base64.b64encode(b"\0\1\2abc\xff" * 100000)
    assert lua.call(code) == [True, len(text), "AAECYWJj", "300000", "933336", "393216", "933335", True]
