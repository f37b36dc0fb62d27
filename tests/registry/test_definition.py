"""Definition files: scalars, forms, `file://`, positions."""

import math

import pytest

from wippy.errors import SourceError
from wippy.registry.entry import ID
from wippy.registry.notice import Problems
from wippy.registry.project import load_project

from .projects import load, one, write

HEAD = """
    namespace: app
    entries:
      - name: x
        kind: registry.entry
"""


def value(folder, text):
    return one(folder, f"{HEAD}        v: {text}\n").data["v"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("n", "n"),
        ("True", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("Null", None),
        ("", None),
        ("0755", 493),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("-12", -12),
        ("12:30", "12:30"),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("3.0", 3.0),
        ("1.2.3", "1.2.3"),
        (".inf", math.inf),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!float 1", 1.0),
        ("!custom 7", 7),
        ("2024-01-02", 1704153600),
        ("2024-01-02T03:04:05+01:00", 1704161045),
        ("2024-99-02", "2024-99-02"),
        ("0xZZ", "0xZZ"),
        ("-", [None]),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 9223372036854775808.0),
    ],
)
def test_scalars(tmp_path, text, expected):
    if text == "-":
        text = "[null]"
    found = value(tmp_path, text)
    assert found == expected
    assert type(found) is type(expected)


def test_nan(tmp_path):
    assert math.isnan(value(tmp_path, ".NaN"))


def test_anchors_and_merge(tmp_path):
    entry = one(
        tmp_path,
        """
        namespace: app
        base: &base {a: 1, b: 2}
        entries:
          - name: x
            kind: registry.entry
            v: {<<: *base, b: 3}
            w: *base
        """,
    )
    assert entry.data == {"v": {"a": 1, "b": 3}, "w": {"a": 1, "b": 2}}


def test_data_key_replaces_siblings_in_batch_form_only(tmp_path):
    batch = one(tmp_path, f"{HEAD}        data: [1, 2]\n        other: 3\n")
    assert batch.data == [1, 2]
    single = one(tmp_path, "namespace: app\nname: x\nkind: registry.entry\nversion: '1'\ndata: {a: 1}\nother: 3\n")
    assert single.data == {"data": {"a": 1}, "other": 3}
    assert single.id == ID("app", "x")


def test_no_data_is_an_empty_map(tmp_path):
    assert one(tmp_path, HEAD).data == {}


def test_file_meta_is_inherited_shallowly(tmp_path):
    entry = one(
        tmp_path,
        """
        namespace: app
        meta: {a: {x: 1, y: 2}, b: 1}
        entries:
          - name: x
            kind: registry.entry
            meta: {a: {x: 9}}
        """,
    )
    assert entry.meta == {"a": {"x": 9}, "b": 1}


def test_meta_that_is_no_map_counts_as_absent(tmp_path):
    assert one(tmp_path, f"{HEAD}        meta: [1]\n").meta == {}


def test_only_the_first_document_is_read(tmp_path):
    assert len(load(tmp_path, {"src/a.yaml": f"{HEAD}---\n: : {{\n"}).entries) == 1


def test_json(tmp_path):
    project = load(
        tmp_path,
        {
            "src/a.json": '{"namespace": "app", "entries": [\n\t{"name": "x", "kind": "registry.entry",\n'
            ' "t": "file://t.txt", "u": "\\ud83d\\ude00", "n": 1.5, "s": "012"}]}',
            "src/t.txt": "text",
        },
    )
    (entry,) = project.entries
    assert entry.data == {"t": "text", "u": "😀", "n": 1.5, "s": "012"}
    assert entry.source.line == 2
    assert entry.source.line_of("data", "n") == 3
    assert entry.file_of("t") == "src/t.txt"


def test_json_mistake(tmp_path):
    with pytest.raises(SourceError) as caught:
        load(tmp_path, {"src/a.json": '{"namespace": "app",\n "entries": [],}'})
    assert (caught.value.file, caught.value.line, caught.value.column) == ("src/a.json", 2, 16)
    assert "trailing commas" in caught.value.message


def test_files_are_inserted_everywhere(tmp_path):
    project = load(
        tmp_path,
        {
            "src/sub/_index.yaml": """
            namespace: app
            entries:
              - name: x
                kind: registry.entry
                meta: {doc: "file://doc.md", list: [{deep: file:///root.txt}]}
                source: file://../x.lua
            """,
            "src/sub/doc.md": "file://not-again",
            "src/root.txt": "root",
            "src/x.lua": "return 1\n",
        },
    )
    (entry,) = project.entries
    assert entry.meta == {"doc": "file://not-again", "list": [{"deep": "root"}]}
    assert entry.data == {"source": "return 1\n"}
    assert entry.file_of("source") == "src/x.lua"
    assert entry.source.files[("meta", "list", 0, "deep")] == "src/root.txt"


def test_data_as_file(tmp_path):
    write(tmp_path, {"src/t.txt": "hello"})
    entry = one(tmp_path, f"{HEAD}        data: file://t.txt\n")
    assert entry.data == "hello"
    assert entry.source.files == {("data",): "src/t.txt"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file://../secret", "path traversal detected in file path: ../secret"),
        ("file:///../secret", "path traversal detected in file path: ../secret"),
        ("file://link", "path traversal detected in file path: link"),
        ("file://", "empty file path in file:// URL"),
        ("file://none.lua", "failed to read file src/none.lua: No such file or directory"),
        ("file://folder", "failed to read file src/folder: Is a directory"),
    ],
)
def test_files_that_cannot_be_inserted(tmp_path, url, message):
    write(tmp_path, {"secret": "s", "src/folder/x.txt": ""})
    (tmp_path / "src/link").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError) as caught:
        value(tmp_path, url)
    error = caught.value
    assert (error.bare, error.file, error.line) == (message, "src/_index.yaml", 5)
    assert error.text is not None
    assert url in error.text
    assert error.hint


def test_all_mistakes_of_all_files_are_reported_together(tmp_path):
    with pytest.raises(Problems) as caught:
        load(
            tmp_path,
            {
                "src/a.yaml": "namespace: a\nentries:\n  - name: x\n\tkind: y\n",
                "src/b.yaml": "namespace: b\nentries:\n  - kind: k\n  - name: 5\n    kind: ' '\n",
                "src/c.yaml": "namespace: c\nentries: []\n",
                "src/d.yaml": "namespace: d\nname: x\nkind: k\na: 1\na: 2\n",
            },
        )
    found = [(error.file, error.line, error.bare) for error in caught.value.errors]
    assert found == [
        ("src/a.yaml", 4, "invalid YAML: found a tab character that violates indentation"),
        ("src/b.yaml", 3, "entry[0].name: name is required and must be a non-empty string"),
        ("src/b.yaml", 4, "entry[1].name: name is required and must be a non-empty string"),
        ("src/b.yaml", 5, "entry[1].kind: kind is required and must be a non-empty string"),
        ("src/d.yaml", 5, 'duplicate key "a", already defined on line 4'),
    ]
    text = str(caught.value)
    assert "--> src/a.yaml:4:1" in text
    assert "does not allow tabs" in text
    assert text.endswith("5 errors found")


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("namespace: a\nversion: 1.0\nentries: []", "version must be a string", 2),
        ("namespace: 5\nentries: []", "namespace must be a string", 1),
        ("namespace: a", "entries: either entries array or single entry (name/kind) must be provided", 1),
        ("namespace: a\nentries: {a: 1}", "entries must be a list", 2),
        ("namespace: a\nentries:\n  - text", "entry[0] must be a mapping", 3),
        ("namespace: a\nentries: &e\n  - *e", "an anchor contains itself", 2),
        ("namespace: a\nentries:\n - x: *none", "invalid YAML: found undefined alias", 3),
        ("namespace: a\nentries: [\n", "invalid YAML: did not find expected node content", 2),
        (
            "namespace: a\nname: 'x\nkind: b\n",
            "invalid YAML: found unexpected end of stream while scanning a quoted scalar",
            2,
        ),
        (
            "namespace: a\nname: x\nkind b\nc: d\n",
            "invalid YAML: could not find expected ':' while scanning a simple key",
            3,
        ),
        (
            "namespace: a\nentries:\n  - {name: x\n  - y\n",
            "invalid YAML: did not find expected ',' or '}' while parsing a flow mapping",
            3,
        ),
        ("namespace: a\nname: x\nkind: a: b", "invalid YAML: mapping values are not allowed in this context", 3),
    ],
)
def test_mistakes(tmp_path, text, message, line):
    with pytest.raises((SourceError, Problems)) as caught:
        load(tmp_path, {"src/a.yaml": text})
    error = caught.value.errors[0] if isinstance(caught.value, Problems) else caught.value
    assert (error.bare, error.file, error.line) == (message, "src/a.yaml", line)


def test_the_rendering_of_a_mistake(tmp_path):
    with pytest.raises(SourceError) as caught:
        load(tmp_path, {"src/a.yaml": "namespace: a\nname: x\nkind: a: b\n"})
    assert str(caught.value).splitlines() == [
        "error: invalid YAML: mapping values are not allowed in this context",
        "  --> src/a.yaml:3:8",
        "  |",
        "3 | kind: a: b",
        "  |        ^",
        '  = check the indentation, or put a value that contains ": " in quotes',
    ]


def test_files_without_namespace_are_ignored(tmp_path):
    project = load(
        tmp_path,
        {
            "src/chart.yaml": "{{ template }}\n  namespace: {{ x }}\n",
            "src/package.json": "{not json at all",
            "src/list.yaml": "- namespace\n",
            "src/blank.yaml": "namespace: ' '\nentries: 5\n",
            "src/null.yaml": "namespace:\nentries: 5\n",
            "src/nested.yml": "a:\n  namespace: x\n",
            "src/empty.yaml": "",
            "src/node_modules/x.yaml": "namespace: [",
        },
    )
    assert project.entries == []


def test_bytes_that_are_no_text(tmp_path):
    write(tmp_path, {"src/ok.yaml": "a: 1"})
    (tmp_path / "src/bad.yaml").write_bytes(b"namespace: a\nname: \xff\n")
    (tmp_path / "src/other.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match="not valid UTF-8") as caught:
        load_project(str(tmp_path))
    assert (caught.value.file, caught.value.line) == ("src/bad.yaml", 2)


def test_positions_of_keys(tmp_path):
    entry = one(
        tmp_path,
        """
        namespace: app
        meta:
          shared: 1
        entries:
          - name: x
            kind: process.service
            meta:
              own: 1
            lifecycle:
              restart:
                max_delay: 5
            list:
              - a
              - b: 1
        """,
    )
    line = entry.source.line_of
    assert entry.source.line == 5
    assert line("kind") == 6
    assert line("meta", "own") == 8
    assert line("meta", "shared") == 3
    assert line("data", "lifecycle", "restart", "max_delay") == 11
    assert line("data", "lifecycle", "restart", "none") == 10
    assert line("data", "list", 1, "b") == 14
    assert line("data", "injected") == 5
    error = entry.error("too big", "lifecycle", "restart", "max_delay", hint="make it smaller")
    assert isinstance(error, SourceError)
    assert (error.line, error.column, error.hint) == (11, 9, "make it smaller")
