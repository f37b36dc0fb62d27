import pytest

from wippy.duration import SECOND
from wippy.errors import SourceError, WippyError
from wippy.registry.config import Config

from .projects import write

FILE = """
    version: "1.0"
    shutdown:
      timeout: 5s
    cluster:
      enabled: false
      membership: {bind_port: 1, gossip_interval: 1s}
    override:
      app:x:pool.size: 4
      "app:y": {"addr": ":80"}
    disable:
      namespaces: [a.*]
      meta: {env.name: [dev]}
    otel: {sample_rate: 1}
    registry:
"""


def test_leaves(tmp_path):
    config = Config.load(str(write(tmp_path, {".wippy.yaml": FILE})))
    assert config.get("shutdown.timeout", "") == "5s"
    assert config.duration("shutdown.timeout", 0) == 5 * SECOND
    assert config.get("cluster.membership.bind_port", 0) == 1
    assert config.get("otel.sample_rate", 0.5) == 1.0
    assert config.section("cluster.membership") == {"bind_port": 1, "gossip_interval": "1s"}
    assert config.overrides() == {"app:x:pool.size": 4, "app:y.addr": ":80"}
    assert config.disable().namespaces == ["a.*"]
    assert config.disable().meta == {"env.name": ["dev"]}


def test_a_leaf_of_the_wrong_type_counts_as_absent(tmp_path):
    config = Config.load(str(write(tmp_path, {".wippy.yaml": FILE})))
    assert config.get("shutdown.timeout", 7) == 7
    assert config.get("cluster.membership.bind_port", True) is True
    assert config.duration("cluster.membership.bind_port", 9) == 9
    assert config.get("none", "default") == "default"


def test_precedence_is_per_leaf(tmp_path):
    config = Config.load(
        str(write(tmp_path, {".wippy.yaml": FILE})),
        flags={"cluster.enabled": True, "shutdown.timeout": "1s"},
        sets=["shutdown.timeout=2s", "cluster.membership.bind_port=9", "new.leaf=a=b"],
    )
    assert config.get("shutdown.timeout", "") == "2s"
    assert config.get("cluster.enabled", False) is True
    assert config.section("cluster.membership") == {"bind_port": 9, "gossip_interval": "1s"}
    assert config.get("new.leaf", "") == "a=b"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", "True"),
        ("5", 5),
        ("1.5", 1.5),
        ("1e2", 100.0),
        ("30s", "30s"),
        ("", ""),
        ("nan", "nan"),
    ],
)
def test_coercion(text, value):
    found = Config.load("/nonexistent", sets=[f"a.b={text}"]).leaves()["a.b"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.b", 'invalid --set "a.b": expected section.path=value'),
        ("a=1", 'invalid --set "a=1": key must be section.path (e.g. cluster.enabled)'),
        (".a=1", 'invalid --set ".a=1": key must be section.path (e.g. cluster.enabled)'),
    ],
)
def test_bad_sets(text, message):
    with pytest.raises(WippyError) as caught:
        Config.load("/nonexistent", sets=[text])
    assert caught.value.message == message


def test_missing_files_mean_defaults(tmp_path):
    assert Config.load(str(tmp_path)).leaves() == {}
    assert Config.load(str(tmp_path), file="other.yaml").leaves() == {}


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: {}", "missing version field", 1),
        ("a: {}\nversion: '2.0'", "unsupported version: 2.0", 2),
        ("version: 1.0", "unsupported version: 1.0", 1),
        ("version: '1.0'\nlogger: x", "failed to parse YAML: section logger must be a mapping", 2),
        ("- a", "the file must be a mapping of keys to values", 1),
        ("version: '1.0'\na: [", "invalid YAML: did not find expected node content", 2),
    ],
)
def test_bad_files(tmp_path, text, message, line):
    write(tmp_path, {".wippy.yaml": text})
    with pytest.raises(SourceError) as caught:
        Config.load(str(tmp_path))
    assert (caught.value.bare, caught.value.file, caught.value.line) == (message, ".wippy.yaml", line)


def test_paths_resolve_against_the_folder_of_the_file(tmp_path):
    write(
        tmp_path,
        {
            "conf/my.yaml": "version: '1.0'\nregistry: {history_path: h.db}\n"
            "workspace: {replacements: {a/b: ../m, c/d: null}}"
        },
    )
    config = Config.load(str(tmp_path), file="conf/my.yaml")
    assert config.path("registry.history_path", "x") == str(tmp_path / "conf/h.db")
    assert config.replacements() == {"a/b": str(tmp_path / "m"), "c/d": None}
