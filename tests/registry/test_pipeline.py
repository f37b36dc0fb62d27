"""Override, disable, link, doubles."""

import pytest

from wippy.errors import WippyError
from wippy.registry.disable import Disable
from wippy.registry.entry import ID, Entry
from wippy.registry.notice import Problems
from wippy.registry.override import parse_override
from wippy.registry.pattern import matches
from wippy.registry.pipeline import run_pipeline


def entry(id_, kind="registry.entry", data=None, **meta):
    return Entry(ID.parse(id_), kind, meta, {} if data is None else data)


def run(*entries, overrides=None, disable=None):
    found, notices = run_pipeline(list(entries), overrides=overrides, disable=disable)
    return {str(one.id): one for one in found}, notices


def test_override_paths():
    found, _ = run(
        entry("a:b", data={"x": 1, "keep": {"y": 2}}),
        overrides={
            "a:b:keep.z": 3,
            "a:b:data.x.deep": True,
            "a:b:meta.m.n": "t",
            "a:b:kind": "other",
            "a:b:.dot": [1],
            "a:b:url:port": 1,
        },
    )
    one = found["a:b"]
    assert one.kind == "other"
    assert one.meta == {"m": {"n": "t"}}
    assert one.data == {"x": {"deep": True}, "keep": {"y": 2, "z": 3}, "dot": [1], "url:port": 1}


def test_override_leaves_the_original_alone():
    original = entry("a:b", data={"x": {"y": 1}})
    run(original, overrides={"a:b:x.y": 2})
    assert original.data == {"x": {"y": 1}}


def test_all_bad_overrides_are_named():
    with pytest.raises(WippyError) as caught:
        run(entry("a:b"), overrides={"a:none:x": 1, "nonsense": 2, "a:b:kind": "", "a:b:x..y": 1, "a:b:ok": 1})
    text = caught.value.message
    assert text.startswith("failed to execute pipeline: override errors: [")
    for part in ("no entry found for a:none", "nonsense: missing separator", "kind must be", 'invalid path "x..y"'):
        assert part in text


def test_overriding_a_disabled_entry_is_a_mistake():
    with pytest.raises(WippyError, match="no entry found for a:b"):
        run(entry("a:b"), overrides={"a:b:x": 1}, disable=Disable(entries=["a:b"]))


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("a:b:c=TRUE", "a:b:c", True),
        ("a:b:c=12", "a:b:c", 12),
        ("a:b:c=012", "a:b:c", "012"),
        ("a:b:c=1.5", "a:b:c", 1.5),
        ("a:b:c=1e3", "a:b:c", 1000.0),
        ("a:b:c=x=y", "a:b:c", "x=y"),
        ("a:b:c=hello", "a:b:c", "hello"),
        ("a:b:c=", "a:b:c", ""),
    ],
)
def test_override_flags(text, key, value):
    assert parse_override(text) == (key, value)
    assert type(parse_override(text)[1]) is type(value)


@pytest.mark.parametrize("text", ["a:b=1", "a:b:c", "a::c=1"])
def test_bad_override_flags(text):
    with pytest.raises(WippyError, match="invalid override: "):
        parse_override(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("app", "app", True),
        ("app", "app.x", False),
        ("app.*", "app.x", True),
        ("app.*", "app", False),
        ("app.*", "app.x.y", False),
        ("app.**", "app", True),
        ("app.**", "app.x.y", True),
        ("**.test", "a.b.test", True),
        ("**.test", "test", True),
        ("a.(b|c).d", "a.c.d", True),
        ("a.(b|c).d", "a.x.d", False),
        ("a.b*", "a.bc", False),
        ("**", "", True),
    ],
)
def test_patterns(pattern, text, expected):
    assert matches(pattern, text) is expected


def test_disable():
    found, _ = run(
        entry("app:x"),
        entry("app.test:y"),
        entry("app:drop"),
        entry("app:m", type="dev"),
        entry("app:n", type="prod"),
        disable=Disable(namespaces=["*.test"], entries=["app:(drop|other)"], meta={"type": ["dev"]}),
    )
    assert sorted(found) == ["app:n", "app:x"]


@pytest.mark.parametrize("pattern", ["app", ":x", "app:"])
def test_bad_disable_patterns(pattern):
    with pytest.raises(WippyError, match="invalid entry pattern"):
        Disable(entries=[pattern])


def test_of_doubles_the_last_wins_with_a_warning():
    found, notices = run(entry("a:x", data={"n": 1}), entry("a:y"), entry("a:x", data={"n": 2}))
    assert found["a:x"].data == {"n": 2}
    assert [notice.message for notice in notices] == ["duplicate entries detected (will use last definition)"]


def dependency(*parameters, component="acme/mod", id_="app:dep"):
    items = [{"name": name, "value": value} for name, value in parameters]
    return entry(id_, "ns.dependency", {"component": component, "parameters": items})


def requirement(id_, *targets, **data):
    items = [{"entry": target, "path": path} for target, path in targets]
    return entry(id_, "ns.requirement", {"targets": items, **data})


def test_a_parameter_beats_the_default():
    found, notices = run(
        requirement("acme.mod:size", ("x", "pool.size"), ("app:y", "meta.size"), default=1),
        dependency(("size", 5)),
        entry("acme.mod:x"),
        entry("app:y"),
    )
    assert found["acme.mod:x"].data == {"pool": {"size": 5}}
    assert found["app:y"].meta == {"size": 5}
    assert notices == []


def test_an_empty_default_is_a_value_and_none_is_a_warning():
    found, notices = run(
        requirement("a:one", ("a:x", "one"), default=""),
        requirement("a:two", ("a:x", "two")),
        entry("a:x"),
    )
    assert found["a:x"].data == {"one": ""}
    (notice,) = notices
    assert notice.message == "unresolved requirement"
    assert notice.fields["requirement"] == "a:two"


@pytest.mark.parametrize(
    ("id_", "module", "name", "fits"),
    [
        ("acme.mod:r", None, "r", True),
        ("acme.mod.inner:r", None, "r", False),
        ("acme.mod.inner:r", "acme/mod", "r", True),
        ("other:r", None, "other:r", True),
        ("acme.mod.inner:r", "acme/mod", "acme.mod:r", True),
        ("acme.mod.inner:r", None, "acme.mod:r", False),
    ],
)
def test_which_requirement_a_parameter_is_for(id_, module, name, fits):
    hole = requirement(id_, ("app:x", "v"), default="default")
    if module:
        hole = hole.with_(meta={"module": module})
    found, _ = run(hole, dependency((name, "given")), entry("app:x"))
    assert found["app:x"].data == {"v": "given" if fits else "default"}


def test_conflicting_parameters():
    _, notices = run(
        requirement("acme.mod:r", ("app:x", "v")),
        dependency(("r", 1)),
        dependency(("r", 2), id_="app:dep2"),
        entry("app:x"),
    )
    assert "parameter conflict: multiple dependencies define different values: app:dep=1, app:dep2=2" in str(notices[0])


def test_appending():
    found, notices = run(
        requirement("a:r1", ("a:x", "list += "), default=5),
        requirement("a:r2", ("a:x", "list+="), default="5"),
        requirement("a:r3", ("a:x", "new+="), default=True),
        requirement("a:r4", ("a:x", "text+="), ("a:x", "after"), default=1),
        entry("a:x", data={"list": [1], "text": "t"}),
    )
    assert found["a:x"].data == {"list": [1, 5], "text": "t", "new": [True], "after": 1}
    assert [notice.fields["requirement"] for notice in notices] == ["a:r4"]


def test_targets_that_are_missing():
    found, notices = run(requirement("a:r", ("a:none", "x"), ("a:x", "x"), default=1), entry("a:x"), requirement("a:s"))
    assert found["a:x"].data == {"x": 1}
    assert {notice.fields["requirement"] for notice in notices} == {"a:r", "a:s"}


def test_a_requirement_may_show_its_value_in_its_own_default():
    found, _ = run(requirement("acme.mod:r", ("r", "default"), default=1), dependency(("r", 7)))
    assert found["acme.mod:r"].data["default"] == 7


def test_undecodable_links_stop_the_boot():
    with pytest.raises(Problems) as caught:
        run(
            entry("a:d", "ns.dependency", {"component": "nope"}),
            entry("a:r", "ns.requirement", {"targets": "x"}),
        )
    assert 'component "nope" is not org/module' in str(caught.value)
    assert "targets must be a list" in str(caught.value)
