import pytest

from wippy.registry.entry import ID, Entry
from wippy.registry.finder import Filter, find

ENTRIES = [
    Entry(ID("app", "one"), "function.lua", {"type": "tool", "n": 1, "tags": ["a", "b"], "on": True, "g.r": "dotted"}),
    Entry(ID("app", "two"), "process.lua", {"type": "test", "n": 1.5, "tags": ["b"]}),
    Entry(ID("lib", "one"), "library.lua", {"n": "1"}),
]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, [0, 1, 2]),
        ({".kind": "process.lua"}, [1]),
        ({".kind": "*.lua"}, [0, 1, 2]),
        ({".kind": "f*.lua"}, [0]),
        ({".kind": "aba*aba"}, []),
        ({".ns": "app", ".name": "one"}, [0]),
        ({".id": "lib:*"}, [2]),
        ({".kind": 5}, [0, 1, 2]),
        ({"meta.type": "tool"}, [0]),
        ({"meta.n": 1}, [0]),
        ({"meta.n": 1.0}, [0]),
        ({"meta.n": "1"}, [2]),
        ({"meta.on": True}, [0]),
        ({"meta.on": 1}, []),
        ({"meta.tags": ["b"]}, [0, 1]),
        ({"meta.tags": ["b", "a"]}, [0]),
        ({"meta.g.r": "dotted"}, [0]),
        ({"meta.none": None}, []),
        ({"~meta.type": "^t.*l$"}, [0]),
        ({"~meta.type": "("}, [0, 1, 2]),
        ({"~meta.n": "1"}, [2]),
        ({"*meta.type": "es"}, [1]),
        ({"*meta.tags": "a"}, [0]),
        ({"^meta.type": "to"}, [0]),
        ({"$meta.type": "st"}, [1]),
        ({"kind": "x"}, [0, 1, 2]),
        ({"meta": {"type": "tool"}}, [0, 1, 2]),
        ({"meta": {"meta.type": "tool"}}, [0]),
        ({".unknown": "x"}, [0, 1, 2]),
    ],
)
def test_criteria(criteria, expected):
    assert find(ENTRIES, criteria) == [ENTRIES[number] for number in expected]


@pytest.mark.parametrize("criteria", [{"kind": "x"}, {"meta": {"type": "t"}}, {"~meta.a": "("}, {"^meta.a": 5}])
def test_ignored_criteria_are_told(criteria):
    assert len(Filter(criteria).notices) == 1
