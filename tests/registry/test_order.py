"""The order of operations does not depend on the order in which they are given."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy.registry.entry import ID, Entry
from wippy.registry.order import Operation, create, delete, order_operations, update


def entry(id_, data=None, kind="registry.entry", **meta):
    return Entry(ID.parse(id_), kind, meta, data or {})


def ids(operations, current=()):
    state = {one.id: one for one in current}
    ordered, _ = order_operations(operations, state.get)
    return [f"{'-' if op.kind == 'entry.delete' else ''}{op.entry.id}" for op in ordered]


def test_dependencies_come_first_ties_by_id():
    found = ids(
        [
            create(entry("a:a", {"process": "z"})),
            create(entry("b:m")),
            create(entry("a:z", {"imports": {"x": "b:m", "json": "a"}})),
            create(entry("a:b")),
        ]
    )
    assert found == ["a:b", "b:m", "a:z", "a:a"]


@pytest.mark.parametrize(
    "data",
    [
        {"lifecycle": {"requires": ["z"]}},
        {"lifecycle": {"depends_on": "a:z"}},
        {"lifecycle": {"security": {"policies": ["a:z"]}}},
        {"imports": {"x": {"ns": "a", "name": "z"}}},
        {"anything": {"depends_on": ["z"]}},
        {"tls": {"cert_env": "z"}},
        {"auth": {"key_env": "z"}},
        {"token_env": "a:z"},
        {"middleware": ["other:x", "z"]},
        {"dead_letter": {"queue": "z"}},
        {"contracts": [{"contract": "a:z"}]},
        {"contracts": [{"contract": "x:y", "methods": {"do": "z"}}]},
        {"env": {"A": "z"}},
        {"storages": ["a:z"]},
        {"text": "see ${env:a:z}"},
        {"deep": [{"text": "${env:z|x}"}]},
    ],
)
def test_paths_that_order(data):
    assert ids([create(entry("a:a", data)), create(entry("a:z"))]) == ["a:z", "a:a"]


@pytest.mark.parametrize(
    "data", [{"imports": {"x": "z"}}, {"imports": {"x": ":z"}}, {"other": "a:z"}, {"source": "$${env:a:z}"}]
)
def test_paths_that_do_not(data):
    assert ids([create(entry("a:a", data)), create(entry("a:z"))]) == ["a:a", "a:z"]


@pytest.mark.parametrize(
    "meta",
    [
        {"depends_on": "z"},
        {"depends_on": ["b:no", "a:z"]},
        {"depends_on": "group:late"},
        {"depends_on": ["ns:b"]},
        {"router": "z"},
        {"temporal": {"activity": {"worker": "z"}}},
    ],
)
def test_meta_that_orders(meta):
    target = entry("b:z" if meta.get("depends_on") == ["ns:b"] else "a:z", groups=["late"])
    assert ids([create(entry("a:a", **meta)), create(target)])[1] == "a:a"


def test_placeholders_order_by_public_name():
    variable = entry("a:z", {"variable": "PORT", "storage": "a:zz"}, kind="env.variable")
    storage = entry("a:zz", kind="env.storage.os")
    assert ids([create(entry("a:a", {"addr": "${PORT|80}"})), create(variable), create(storage)]) == [
        "a:zz",
        "a:z",
        "a:a",
    ]


def test_deletes_go_from_dependents_to_dependencies():
    current = [entry("a:a"), entry("a:b", {"process": "a:a"}), entry("a:c", {"process": "a:b"})]
    assert ids([delete(one.id) for one in current], current) == ["-a:c", "-a:b", "-a:a"]
    moved = update(entry("a:b"))
    assert ids([delete(ID("a", "a")), moved], current) == ["a:b", "-a:a"]


def test_delete_comes_before_create_of_the_same_id():
    current = [entry("a:lib"), entry("a:f", {"imports": {"l": "a:lib"}})]
    operations = [create(one) for one in current] + [delete(one.id) for one in current]
    assert ids(operations, current) == ["-a:f", "-a:lib", "a:lib", "a:f"]


def test_a_cycle_is_told_and_broken():
    entries = [entry("a:x", {"process": "y"}), entry("a:y", {"process": "x"}), entry("a:z", {"process": "x"})]
    ordered, (notice,) = order_operations([create(one) for one in entries])
    assert [str(op.entry.id) for op in ordered] == ["a:x", "a:y", "a:z"]
    assert notice.fields == {"cycle": "a:x -> a:y -> a:x"}


def test_an_entry_that_names_itself_is_no_cycle():
    assert order_operations([create(entry("a:x", {"process": "x"}))])[1] == []


NAMES = st.sampled_from([f"{ns}:{name}" for ns in "ab" for name in "stuvw"])


@given(
    st.dictionaries(NAMES, st.tuples(st.sampled_from(["create", "update", "delete"]), st.lists(NAMES, max_size=3))),
    st.randoms(use_true_random=False),
)
def test_any_input_order_gives_the_same_order(plan: dict, chance: random.Random):
    current = {ID.parse(name): entry(name, {"storages": refs[::-1]}) for name, (_, refs) in plan.items()}
    operations: list[Operation] = []
    for name, (kind, refs) in plan.items():
        one = entry(name, {"storages": refs})
        operations.append(delete(one.id) if kind == "delete" else create(one) if kind == "create" else update(one))
    expected = order_operations(operations, current.get)
    chance.shuffle(operations)
    assert order_operations(operations, current.get) == expected
    assert sorted(map(str, operations)) == sorted(map(str, expected[0]))
    if not expected[1]:
        place = {str(op.entry.id): number for number, op in enumerate(expected[0])}
        for name, (kind, refs) in plan.items():
            for ref in refs:
                if kind != "delete" and ref in plan and plan[ref][0] != "delete":
                    assert place[ref] <= place[name]
