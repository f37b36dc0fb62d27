"""crypto: ciphers, tokens, key derivation, random values."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import hmac
import json
import sys
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .harness import Lua, LuaFailure

NOW = 1_700_000_000


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


def run(lua: Lua, body: str) -> Any:
    return asyncio.run(lua.run(f'local c = require("crypto") local K16, K32 = ("k"):rep(16), ("k"):rep(32) {body}'))


def failure(lua: Lua, call: str) -> tuple[str, str]:
    value, kind, message, retryable = run(lua, f"local v, e = c.{call} return v, e:kind(), e:message(), e:retryable()")
    assert (value, retryable) == (None, False)
    return kind, message


def test_random(lua: Lua) -> None:
    got = run(
        lua,
        'return #c.random.bytes(1048576), c.random.string(300), c.random.string(50, "ab"), c.random.string(5, 7), (c.random.uuid())',
    )
    assert got[0] == 1048576
    assert len(got[1]) == 300
    assert got[1].isalnum()
    assert set(got[2]) == {"a", "b"}
    assert len(got[3]) == 5
    assert got[4][14] == "4"


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        ("random.bytes(0)", "Invalid", "length must be a positive integer"),
        ("random.bytes(-1)", "Invalid", "length must be a positive integer"),
        ("random.bytes(1048577)", "Invalid", "length exceeds maximum allowed size (1MB)"),
        ('random.string(3, "")', "Invalid", "charset cannot be empty"),
        ('hmac.sha256("", "x")', "Invalid", "key cannot be empty"),
        ('encrypt.aes("x", "short")', "Invalid", "key must be 16, 24, or 32 bytes"),
        ('encrypt.chacha20("x", K16)', "Invalid", "key must be 32 bytes"),
        ('decrypt.aes("x", "short")', "Invalid", "key must be 16, 24, or 32 bytes"),
        ('decrypt.aes("short", K16)', "Invalid", "encrypted data too short"),
        ('decrypt.chacha20("x", K32)', "Invalid", "encrypted data too short"),
        ('decrypt.aes(("x"):rep(12), K16)', "Internal", "decrypt"),
        ('decrypt.aes(("x"):rep(40), K16)', "Internal", "decrypt"),
        ('decrypt.aes(c.encrypt.aes("x", K16, "a"), K16, "b")', "Internal", "decrypt"),
        ('pbkdf2("", "s", 1, 32)', "Invalid", "password cannot be empty"),
        ('pbkdf2("p", "", 1, 32)', "Invalid", "salt cannot be empty"),
        ('pbkdf2("p", "s", 0, 32)', "Invalid", "iterations"),
        ('pbkdf2("p", "s", 10000001, 32)', "Invalid", "iterations"),
        ('pbkdf2("p", "s", 1, 0)', "Invalid", "key length"),
        ('pbkdf2("p", "s", 1, 32, "md5")', "Invalid", "unsupported hash function: md5"),
        ('jwt.encode({1, 2}, "k")', "Invalid", "failed to convert payload to map"),
        ('jwt.encode({}, "no key", "RS256")', "Invalid", "invalid RSA private key: "),
    ],
)
def test_refused(lua: Lua, call: str, kind: str, words: str) -> None:
    found, message = failure(lua, call)
    assert found == kind
    assert words in message


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ('random.bytes("x")', r"bad argument #1 to bytes \(number expected, got string\)"),
        ("random.string()", r"bad argument #1 to string \(number expected, got nil\)"),
        ("jwt.encode(5, 'k')", r"bad argument #1 to encode \(table expected, got number\)"),
        ("jwt.encode({})", r"bad argument #2 to encode \(string expected, got nil\)"),
        ("pbkdf2('p', 's', '1', 32)", r"bad argument #3 to pbkdf2 \(number expected, got string\)"),
        ("constant_time_compare('a')", r"bad argument #2 to constant_time_compare \(string expected, got nil\)"),
        ("random.more()", "nil value"),
    ],
)
def test_wrong_arguments_point_at_the_call(lua: Lua, call: str, words: str) -> None:
    with pytest.raises(LuaFailure, match="test:1: .*" + words):
        run(lua, f"local x = c.{call}")


def test_the_tables_are_read_only(lua: Lua) -> None:
    with pytest.raises(LuaFailure, match="attempt to modify Immutable table"):
        run(lua, "c.random.bytes = nil")


def test_random_strings_use_every_character_alike(lua: Lua) -> None:
    many = run(
        lua,
        "local all = {} for i = 0, 299 do all[i + 1] = string.char(i % 3 + 97) end return (c.random.string(3000, table.concat(all)))",
    )
    few = run(lua, 'return (c.random.string(6000, "abc"))')
    for found in (many, few):
        assert set(found) == {"a", "b", "c"}
        assert all(found.count(char) > len(found) / 4 for char in "abc")


def test_hmac_and_comparison(lua: Lua) -> None:
    got = run(
        lua,
        'return (c.hmac.sha256("k", "data")), (c.hmac.sha512("k", "")), c.constant_time_compare("a", "a"), c.constant_time_compare("a", "ab"), select("#", c.constant_time_compare("a", "b"))',
    )
    assert got == [hmac.digest(b"k", b"data", "sha256").hex(), hmac.digest(b"k", b"", "sha512").hex(), True, False, 1]


def test_ciphers_have_the_usual_layout(lua: Lua) -> None:
    got = run(
        lua,
        r"""
        local a, b = c.encrypt.aes("text\xff", K32, "aad"), c.encrypt.chacha20("text", K32)
        return a, b, (c.decrypt.aes(a, K32, "aad")), (c.decrypt.chacha20(b, K32)), (c.decrypt.aes(c.encrypt.aes("", K16), K16)), c.encrypt.aes("x", K16) == c.encrypt.aes("x", K16)
        """,
    )
    assert AESGCM(b"k" * 32).decrypt(got[0][:12], got[0][12:], b"aad") == b"text\xff"
    assert ChaCha20Poly1305(b"k" * 32).decrypt(got[1][:12], got[1][12:], b"") == b"text"
    assert got[2:] == [b"text\xff", "text", "", False]


def test_in_a_workflow_the_nonce_follows_the_text() -> None:
    code = 'return (c.encrypt.aes("one", K16)), (c.random.string(8))'
    assert run(Lua(workflow=True), code) == run(Lua(workflow=True), code)
    assert run(Lua(workflow=True), code)[0][:12] != run(Lua(workflow=True), code.replace("one", "two"))[0][:12]


@pytest.mark.parametrize(("rounds", "size", "name"), [(1, 32, "sha256"), (1000, 64, "sha512"), (30000, 16, "sha256")])
def test_pbkdf2(lua: Lua, rounds: int, size: int, name: str) -> None:
    found = run(lua, f'return (c.pbkdf2("p", "s", {rounds}, {size}, "{name}"))')
    assert (found.encode() if isinstance(found, str) else found) == hashlib.pbkdf2_hmac(name, b"p", b"s", rounds, size)


def test_pbkdf2_runs_in_place_in_a_workflow() -> None:
    assert Lua(workflow=True).call('return #require("crypto").pbkdf2("p", "s", 30000, 32)') == 32


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(header), json.loads(claims)


def test_tokens(lua: Lua) -> None:
    token = run(
        lua,
        'return (c.jwt.encode({sub = "é<", exp = 1800000000, list = {1, nil, 3}, none = {}, whole = 5.0, _header = {kid = "1"}}, "k", "HS384"))',
    )
    assert token.startswith(
        base64.urlsafe_b64encode(b'{"alg":"HS384","kid":"1","typ":"JWT"}').rstrip(b"=").decode() + "."
    )
    assert parts(token)[1] == {"sub": "é<", "exp": 1800000000, "list": [1, None, 3], "none": {}, "whole": 5}
    got = run(lua, f'local v, e = c.jwt.verify("{token}", "k", "HS384") return v, e, math.type(v.exp)')
    assert got == [{"sub": "é<", "exp": 1.8e9, "list": {1: 1.0, 3: 3.0}, "none": {}, "whole": 5.0}, None, "float"]


def test_an_unknown_algorithm_signs_hs256(lua: Lua) -> None:
    assert parts(run(lua, 'return (c.jwt.encode({}, "k", "none"))'))[0] == {"alg": "HS256", "typ": "JWT"}


@pytest.mark.parametrize(
    ("claims", "arguments", "words"),
    [
        (f"exp = {NOW + 60}", "'k'", None),
        (f"exp = {NOW - 60}", "'k'", "token is expired"),
        (f"exp = {NOW - 60}", "'k', 'HS256', false", "token is expired"),
        ("a = 1", "'k'", "exp claim is required"),
        ("a = 1", "'k', 'HS256', false", None),
        (f"exp = {NOW + 60}, nbf = {NOW + 30}", "'k'", "not valid yet"),
        (f"exp = {NOW + 60}, nbf = {NOW - 30}, iat = {NOW + 99}, iss = 5", "'k'", None),
        ("exp = 'soon'", "'k'", "exp is no number"),
        (f"exp = {NOW + 60}", "'other'", "signature is invalid"),
        (f"exp = {NOW + 60}", "'k', 'HS512'", "signing method HS256 is invalid"),
        (f"exp = {NOW + 60}", "'k', 'none'", "signing method HS256 is invalid"),
    ],
)
def test_verification(lua: Lua, claims: str, arguments: str, words: str | None) -> None:
    got = run(
        lua,
        f'local v, e = c.jwt.verify(c.jwt.encode({{{claims}}}, "k"), {arguments}) return v ~= nil, e and e:kind(), e and e:message()',
    )
    if words is None:
        assert got == [True, None, None]
    else:
        assert got[:2] == [False, "Internal"]
        assert "verify token" in got[2]
        assert words in got[2]


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "e30.e30.e30=", "e30.W10.x", "!!.e30.x", "a.b.c.d"])
def test_what_is_no_token(lua: Lua, token: str) -> None:
    kind, message = failure(lua, f'jwt.verify("{token}", "k")')
    assert kind == "Internal"
    assert "verify token" in message


def test_a_token_without_algorithm_is_not_trusted(lua: Lua) -> None:
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    assert "signing method none is invalid" in failure(lua, f'jwt.verify("{head}.e30.", "k", "none", false)')[1]


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    key = rsa.generate_private_key(65537, 2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(day).not_valid_after(day.replace(year=2090))
    other = ec.generate_private_key(ec.SECP256R1())
    return {
        "pkcs1": key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain).decode(),
        "pkcs8": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode(),
        "public": key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        "certificate": builder.sign(key, hashes.SHA256()).public_bytes(pem).decode(),
        "elliptic": other.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode(),
    }


@pytest.mark.parametrize("private", ["pkcs1", "pkcs8"])
@pytest.mark.parametrize("public", ["public", "certificate"])
def test_rs256(lua: Lua, keys: dict[str, str], private: str, public: str) -> None:
    got = run(
        lua,
        f'return (c.jwt.verify(c.jwt.encode({{exp = {NOW + 60}}}, [[{keys[private]}]], "RS256"), [[{keys[public]}]], "RS256"))',
    )
    assert got == {"exp": NOW + 60.0}


def test_rs256_with_wrong_keys(lua: Lua, keys: dict[str, str]) -> None:
    assert "another kind" in failure(lua, f'jwt.encode({{}}, [[{keys["elliptic"]}]], "RS256")')[1]
    assert (
        "invalid RSA public key"
        in failure(lua, f'jwt.verify(c.jwt.encode({{}}, [[{keys["pkcs8"]}]], "RS256"), "x", "RS256")')[1]
    )
    # An HMAC token signed with the public key must not pass as RS256.
    forged = f'c.jwt.encode({{exp = {NOW + 60}}}, [[{keys["public"]}]], "HS256")'
    assert "signing method HS256 is invalid" in failure(lua, f'jwt.verify({forged}, [[{keys["public"]}]], "RS256")')[1]


def test_without_the_package(lua: Lua, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    kind, message = failure(lua, 'encrypt.aes("x", K16)')
    assert kind == "Unavailable"
    assert "pip install 'wippy[crypto]'" in message


# Vectors of RFC 4231, RFC 7914, RFC 8439, RFC 7515 and of the specification of GCM. --------------------------------


def text_of(data: str) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in bytes.fromhex(data)) + '"'


def test_known_macs(lua: Lua) -> None:
    data, key = text_of("dd" * 50), text_of("aa" * 20)
    assert run(lua, f"return (c.hmac.sha256({key}, {data})), (c.hmac.sha512({key}, {data}))") == [
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
        "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
    ]


def test_known_keys_of_passwords(lua: Lua) -> None:
    got = run(lua, 'return (c.pbkdf2("passwd", "salt", 1, 64)), (c.pbkdf2("Password", "NaCl", 80000, 64, "sha256"))')
    assert [value.hex() for value in got] == [
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
        "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
        "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
        "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d",
    ]


@pytest.mark.parametrize(
    ("name", "key", "nonce", "aad", "sealed", "text"),
    [
        (
            "aes", "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
            "5bc94fbc3221a5db94fae95ae7121a47",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ),
        (
            "aes", "00" * 24, "00" * 12, "", "98e7247c07f0fe411c267e4384b0f6002ff58d80033927ab8ef4d4587514f0fb", "00" * 16,
        ),
        (
            "aes", "00" * 32, "00" * 12, "", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919", "00" * 16,
        ),
        (
            "chacha20", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
            "50515253c0c1c2c3c4c5c6c7",
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b6"
            "7ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
            "1ae10b594f09e26a7e902ecbd0600691",
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.".hex(),
        ),
    ],
)  # fmt: skip
def test_known_ciphertexts(lua: Lua, name: str, key: str, nonce: str, aad: str, sealed: str, text: str) -> None:
    extra = f", {text_of(aad)}" if aad else ""
    got = run(lua, f"return (c.decrypt.{name}({text_of(nonce + sealed)}, {text_of(key)}{extra}))")
    assert (got.encode() if isinstance(got, str) else got).hex() == text


def test_a_known_token(lua: Lua) -> None:
    token = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    key = base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    )
    kind, message = failure(lua, f'jwt.verify("{token}", {text_of(key.hex())})')
    assert (kind, "token is expired" in message) == ("Internal", True)  # in 2011, so the signature was found good
    assert "signature is invalid" in failure(lua, f'jwt.verify("{token}", "other")')[1]


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
def test_every_keyed_algorithm(lua: Lua, name: str) -> None:
    got = run(lua, f'return (c.jwt.verify(c.jwt.encode({{exp = {NOW + 9}}}, "k", "{name}"), "k", "{name}"))')
    assert got == {"exp": NOW + 9.0}
