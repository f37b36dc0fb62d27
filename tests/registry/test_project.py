"""Load roots: source folder, lock file, modules, replacements."""

import os
import stat

import pytest

from wippy.errors import NOT_FOUND, SourceError, WippyError
from wippy.registry.lock import Lock, LockedModule, Replacement, read_lock, write_lock
from wippy.registry.notice import Problems
from wippy.registry.project import load_project

from .projects import load, write


def single(name, ns="app"):
    return f"namespace: {ns}\nname: {name}\nkind: registry.entry\n"


def names(project):
    return [str(entry.id) for entry in project.entries]


def test_without_lock_file_src_is_loaded(tmp_path):
    project = load(tmp_path, {"src/_index.yaml": single("x"), "other/_index.yaml": single("y")})
    assert names(project) == ["app:x"]
    assert [notice.message for notice in project.notices] == ["no lock file found, using ./src"]


def test_without_anything_the_project_is_empty(tmp_path):
    project = load_project(str(tmp_path))
    assert project.entries == []
    assert [notice.message for notice in project.notices] == ["no lock file found, starting with empty registry"]


def test_files_and_folders_interleave_by_name(tmp_path):
    project = load(
        tmp_path,
        {
            "src/c.yaml": single("c"),
            "src/b/x.yaml": single("b"),
            "src/a.yml": single("a"),
            "src/.h/h.yaml": single("h"),
        },
    )
    assert names(project) == ["app:h", "app:a", "app:b", "app:c"]


def test_switched_off_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("SKIP_TEST_DIRS", "one,two")
    monkeypatch.setenv("SKIP_SQS_TESTS", "1")
    files = {f"src/{name}/x.yaml": single(name) for name in ("one", "two", "three", "sqs", "network")}
    assert names(load(tmp_path, files)) == ["app:network", "app:three"]


LOCK = """
    directories:
      src: ./code
    modules:
      - {name: acme/vendored, version: 1.2.0}
      - {name: acme/replaced, version: 2.0.0}
      - {name: acme/versioned, version: 3.0.0}
    replacements:
      - {from: acme/replaced, to: ../local}
"""


def modules(tmp_path):
    write(tmp_path / "local", {"src/_index.yaml": single("r", "acme.replaced"), "_index.yaml": single("no", "no")})
    return write(
        tmp_path / "project",
        {
            "wippy.lock": LOCK,
            "code/_index.yaml": single("x"),
            ".wippy/vendor/acme/vendored/_index.yaml": single("v", "acme.vendored"),
            ".wippy/vendor/acme/vendored/t/_index.yaml": "namespace: acme.test\nname: t\nkind: registry.entry\n",
            ".wippy/vendor/acme/vendored/drop.yaml": "namespace: acme.vendored\nname: d\nkind: k\nmeta: {type: dev}\n",
            ".wippy/vendor/acme/vendored/wippy.yaml": 'exclude: ["acme.test:*", "*.txt"]\n'
            "exclude_meta: {type: [dev]}\n",
            ".wippy/vendor/acme/versioned-3.0.0/_index.yaml": single("w", "acme.versioned"),
        },
    )


def test_modules_and_replacements(tmp_path):
    project = load_project(str(modules(tmp_path)))
    assert names(project) == ["app:x", "acme.replaced:r", "acme.vendored:v", "acme.versioned:w"]
    assert [entry.meta for entry in project.entries] == [
        {},
        {"module": "acme/replaced"},
        {"module": "acme/vendored", "module_version": "1.2.0"},
        {"module": "acme/versioned", "module_version": "3.0.0"},
    ]
    assert project.module_roots["acme/replaced"] == str(tmp_path / "local")


def test_replacements_of_the_configuration_come_first(tmp_path):
    folder = modules(tmp_path)
    write(tmp_path / "mine", {"_index.yaml": single("mine", "acme.vendored")})
    project = load_project(str(folder), replacements={"acme/vendored": str(tmp_path / "mine")})
    assert "acme.vendored:mine" in names(project)
    assert "acme.vendored:v" not in names(project)


def test_a_module_that_is_nowhere(tmp_path):
    write(tmp_path, {"wippy.lock": "modules: [{name: a/b, version: '1'}, {name: c/d, version: '2'}]"})
    with pytest.raises(Problems) as caught:
        load_project(str(tmp_path))
    assert caught.value.kind == NOT_FOUND
    text = str(caught.value)
    assert "module not found: a/b 1; put a vendored folder at .wippy/vendor/a/b or add a replacement" in text
    assert "module not found: c/d 2" in text


def test_missing_roots_are_skipped(tmp_path):
    write(tmp_path, {"wippy.lock": "directories: {src: gone}"})
    (notice,) = load_project(str(tmp_path)).notices
    assert (notice.message, notice.fields) == ("path not found, skipping", {"path": "gone"})
    write(tmp_path, {"wippy.lock": "directories: {src: file}", "file": ""})
    (notice,) = load_project(str(tmp_path)).notices
    assert notice.message == "path is not a folder, skipping"


def test_vendored_modules_are_not_loaded_as_source_too(tmp_path):
    project = load(
        tmp_path,
        {
            "wippy.lock": "modules: [{name: a/b, version: '1'}]",
            "_index.yaml": single("x"),
            ".wippy/vendor/a/b/_index.yaml": single("m", "a.b"),
            ".wippy/vendor/a/unused/_index.yaml": single("u", "a.u"),
        },
    )
    assert names(project) == ["app:x", "a.b:m"]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("modules:\n  - {name: nope, version: '1'}", 'module name "nope" is not org/module', 2),
        ("modules:\n  - {name: a/, version: '1'}", 'module name "a/" is not org/module', 2),
        ("modules:\n  - name: a/b\n    version: ''", "module a/b: version is required and must be text", 3),
        ("modules:\n  - name: a/b\n    version: 1.0", "module a/b: version is required and must be text", 3),
        ("replacements:\n  - {from: x, to: .}", 'replacement from "x" is not org/module', 2),
        ("replacements:\n  - {from: a/b}", "replacement of a/b: to is required", 2),
        ("replacements:\n  - from: a/b\n    to: ./none", 'replacement path "./none" does not exist', 3),
        ("directories:\n  src: ''", "directories.src is empty", 2),
        ("directories:\n  modules: ' '", "directories.modules is empty", 2),
        ("modules: 5", "modules must be a list", 1),
    ],
)
def test_bad_lock_files(tmp_path, text, message, line):
    write(tmp_path, {"wippy.lock": text})
    with pytest.raises(SourceError) as caught:
        load_project(str(tmp_path))
    assert (caught.value.bare, caught.value.file, caught.value.line) == (
        f"invalid lock file: {message}",
        "wippy.lock",
        line,
    )


def test_lock_file_that_is_asked_for_must_exist(tmp_path):
    with pytest.raises(WippyError, match=r"lock file not found: my\.lock"):
        load_project(str(tmp_path), lock_path="my.lock")


def test_writing_a_lock_file(tmp_path):
    path = str(tmp_path / "wippy.lock")
    (tmp_path / "to").mkdir()
    write_lock(
        Lock(
            path,
            "./src",
            ".wippy",
            (LockedModule("b/b", "1"), LockedModule("a/a", "2", "h"), LockedModule("b/b", "1")),
            (Replacement("x/y", "to"), Replacement("c/d", "to"), Replacement("x/y", "to")),
        )
    )
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    text = (tmp_path / "wippy.lock").read_text()
    assert text.index("directories") < text.index("modules:\n-") < text.index("replacements")
    lock = read_lock(path, project=str(tmp_path))
    assert [module.name for module in lock.modules] == ["a/a", "b/b"]
    assert [replacement.origin for replacement in lock.replacements] == ["c/d", "x/y"]
    assert lock.modules[0].hash == "h"
