"""Typed configuration, placeholders, the lifecycle block."""

from typing import Any

import msgspec
import pytest

from wippy.duration import HOUR, MINUTE, SECOND
from wippy.errors import INVALID, NOT_FOUND, SourceError, WippyError
from wippy.registry.decode import Duration, decode
from wippy.registry.entry import ID, Entry
from wippy.registry.lifecycle import Lifecycle

from .projects import one


class Pool(msgspec.Struct):
    size: int = 1
    timeout: Duration = Duration(SECOND)

    def __post_init__(self):
        if self.size < 0:
            raise ValueError("size must not be negative")


class Service(msgspec.Struct):
    addr: str
    source: str = ""
    port: int = 80
    debug: bool = False
    rate: float = 1.0
    pool: Pool = msgspec.field(default_factory=Pool)
    pools: list[Pool] = []
    named: dict[str, Pool] = {}
    options: dict[str, Any] = {}
    any: Any = None
    maybe: int | None = 5
    host: str = "localhost"


ENV = {
    "PORT": "9000",
    "ON": "true",
    "RATE": "2",
    "NAME": "x",
    "EMPTY": "",
    "app:id": "by id",
    "WORD": "word",
    "T": "1h",
}


def of(data, **keywords):
    entry = Entry(ID("app", "x"), "http.service", {}, data)
    return decode(entry, Service, env=ENV.get, **keywords)


def test_plain_values():
    found = of(
        {
            "addr": "a",
            "unknown": 1,
            "pool": {"size": 3, "timeout": "1m30s"},
            "pools": [{"size": 1}],
            "named": {5: {"timeout": "1h"}},
            "port": None,
            "maybe": None,
        }
    )
    assert found.pool == Pool(3, Duration(90 * SECOND))
    assert isinstance(found.pool.timeout, Duration)
    assert str(found.pool.timeout) == "1m30s"
    assert found.named == {"5": Pool(1, Duration(HOUR))}
    assert (found.port, found.maybe) == (80, None)


@pytest.mark.parametrize(
    ("data", "field", "value"),
    [
        ({"addr": ":${env:PORT}"}, "addr", ":9000"),
        ({"addr": "${env:PORT}"}, "addr", "9000"),
        ({"addr": "${PORT|80}"}, "addr", "9000"),
        ({"addr": "${PORT}"}, "addr", "${PORT}"),
        ({"addr": "${PORT:-80}"}, "addr", "${PORT:-80}"),
        ({"addr": "$${env:PORT} ${NO|}"}, "addr", "${env:PORT} "),
        ({"addr": "${env:app:id}"}, "addr", "by id"),
        ({"addr": "${env:NO|a|b}"}, "addr", "a|b"),
        ({"addr": "${EMPTY|d}${NAME|d}"}, "addr", "dx"),
        ({"port": "${env:PORT}"}, "port", 9000),
        ({"port": "${NO|81}"}, "port", 81),
        ({"debug": "${env:ON|false}"}, "debug", True),
        ({"rate": "${env:RATE}"}, "rate", 2.0),
        ({"any": "${env:PORT|1}"}, "any", 9000),
        ({"any": "${env:PORT|text}"}, "any", "9000"),
        ({"any": "${env:WORD|1}"}, "any", "word"),
        ({"options": {"deep": [{"v": "${env:ON|false}"}]}}, "options", {"deep": [{"v": True}]}),
        ({"source": "${env:PORT|1}"}, "source", "${env:PORT|1}"),
        ({"pool": {"timeout": "${T|5s}"}}, "pool", Pool(1, Duration(HOUR))),
        ({"host_env": "NAME"}, "host", "x"),
        ({"host_env": "NO", "host": "y"}, "host", "y"),
        ({"host_env": "EMPTY", "host": "y"}, "host", "y"),
        ({"port_env": "PORT"}, "port", 9000),
    ],
)
def test_placeholders(data, field, value):
    found = getattr(of({"addr": "a", **data}), field)
    assert found == value
    assert type(found) is type(value)


def test_placeholders_stay_without_an_environment():
    entry = Entry(ID("app", "x"), "k", {}, {"addr": "${env:PORT}"})
    assert decode(entry, Service).addr == "${env:PORT}"


MISTAKES = [
    ("pool: {size: 1}", INVALID, "invalid configuration: addr is required", 3),
    ("addr: a\nport: '80'", INVALID, "failed to unmarshal config: port must be an integer, not text", 6),
    ("addr: 80", INVALID, "failed to unmarshal config: addr must be text, not an integer", 5),
    (
        "addr: a\npool:\n  timeout: 5",
        INVALID,
        "failed to unmarshal config: pool.timeout: must be a duration such as",
        7,
    ),
    ("addr: a\npool:\n  timeout: 5x", INVALID, 'time: unknown unit "x" in duration "5x"', 7),
    ("addr: a\npool:\n  size: -1", INVALID, "invalid configuration: size must not be negative", 7),
    ("addr: a\npools:\n  - {}\n  - size: x", INVALID, "pools.1.size must be an integer, not text", 8),
    ("addr: a\nnamed: {x: {size: y}}", INVALID, "named (one of its values) must be an integer", 6),
    ("addr: a\npool: 5", INVALID, "pool must be a mapping, not an integer", 6),
    ("addr: a\noptions:\n  x: '${env:NO}'", NOT_FOUND, 'environment variable "NO" is not set and has no default', 7),
    ("data: 5", INVALID, "failed to unmarshal config: data of http.service must be a mapping", 3),
]


@pytest.mark.parametrize(("text", "kind", "message", "line"), MISTAKES)
def test_mistakes_point_at_the_key(tmp_path, text, kind, message, line):
    body = "".join(f"    {part}\n" for part in text.split("\n"))
    entry = one(tmp_path, f"namespace: app\nentries:\n  - name: x\n    kind: http.service\n{body}")
    with pytest.raises(SourceError) as caught:
        decode(entry, Service, env=ENV.get)
    assert caught.value.kind == kind
    assert message in caught.value.bare
    assert (caught.value.file, caught.value.line) == ("src/_index.yaml", line)


def test_mistakes_of_entries_without_a_file():
    with pytest.raises(WippyError, match="port must be an integer, not text"):
        of({"addr": "a", "port": "x"})


class Supervised(msgspec.Struct):
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


def lifecycle(block):
    return decode(Entry(ID("app", "x"), "process.service", {}, {"lifecycle": block}), Supervised).lifecycle


@pytest.mark.parametrize("block", [None, {}, {"restart": {"initial_delay": "0s", "jitter": 0}, "start_timeout": "0"}])
def test_lifecycle_defaults(block):
    found = lifecycle(block)
    assert (found.auto_start, found.startup, found.security) == (False, "required", None)
    assert (found.start_timeout, found.stop_timeout, found.stable_threshold) == (10 * SECOND, 10 * SECOND, 5 * SECOND)
    restart = found.restart
    assert (restart.initial_delay, restart.max_delay) == (SECOND, 90 * SECOND)
    assert (restart.backoff_factor, restart.jitter, restart.max_attempts) == (2.0, 0.1, 0)
    assert found.dependencies("app") == []


def test_lifecycle_keys():
    found = lifecycle(
        {
            "auto_start": True,
            "startup": "optional",
            "requires": ["a", "b:c"],
            "depends_on": ["b:c", "d"],
            "stop_timeout": "1m",
            "restart": {"delay": "2s", "max_attempts": 3, "backoff_factor": 3},
            "security": {"actor": {"id": "svc", "meta": {"k": 1}}, "groups": ["g"], "policies": ["x:p"]},
        }
    )
    assert found.auto_start
    assert found.startup == "optional"
    assert found.dependencies("app") == [ID("app", "a"), ID("b", "c"), ID("app", "d")]
    assert found.stop_timeout == MINUTE
    assert (found.restart.initial_delay, found.restart.max_attempts, found.restart.backoff_factor) == (
        2 * SECOND,
        3,
        3.0,
    )
    assert (found.security.actor.id, found.security.actor.meta) == ("svc", {"k": 1})
    assert found.security.group_ids("app") == [ID("app", "g")]
    assert found.security.policy_ids("app") == [ID("x", "p")]
    assert lifecycle({"startup": "whatever", "depends_on": "one"}).dependencies("n") == [ID("n", "one")]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"start_timeout": 10}, "lifecycle.start_timeout: must be a duration such as"),
        ({"stop_timeout": "-1s"}, "stop_timeout must not be negative"),
        ({"restart": {"backoff_factor": 0.5}}, "backoff_factor must be at least 1"),
        ({"auto_start": "yes"}, "lifecycle.auto_start must be true or false, not text"),
    ],
)
def test_lifecycle_mistakes(block, message):
    with pytest.raises(WippyError, match=message):
        lifecycle(block)


def test_a_misspelt_key_is_told_and_others_are_nobodys_business(tmp_path, caplog):
    text = """\
version: "1.0"
namespace: app
entries:
  - name: x
    kind: http.service
    addr: x
    debgu: true
    notes: mine
    host_env: HOST
    pool: {sise: 3, size: 1}
    _rate: 1
"""
    decode(one(tmp_path, text), Service)
    (record,) = caplog.records
    assert record.getMessage() == 'app:x: unknown key "debgu" (src/_index.yaml:7); did you mean debug?'
