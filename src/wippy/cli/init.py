"""`wippy init`: the lock file, and a small application where there is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import INVALID, WippyError
from .arguments import Arguments, Command, Flag

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SRC = "./src"
MODULES = ".wippy"
LOCK = "wippy.lock"

ABOUT = """\
Writes the folders of the application to the lock file and keeps the rest of it. Where the source folder is missing
or empty, it is filled with a small application: a function, a process, a workflow and a command that uses them.
Files that exist are never changed."""

NEXT = """
Try it:
  wippy run hello          a process, a function and a workflow at work
  wippy run hello Ada 3    with arguments
  wippy run list           the commands of the application
  wippy run                serves until Ctrl-C"""


def run(arguments: Arguments) -> int:
    import msgspec

    from ..registry.lock import Lock, read_lock, write_lock

    path = os.path.abspath(arguments.text("lock-file", LOCK))
    folder = os.getcwd()
    made = not os.path.exists(path)
    lock = Lock(path, src=SRC, modules_dir=MODULES) if made else read_lock(path, project=folder)
    if arguments.has("src-dir"):
        lock = msgspec.structs.replace(lock, src=arguments.text("src-dir"))
    if arguments.has("modules-dir"):
        lock = msgspec.structs.replace(lock, modules_dir=arguments.text("modules-dir"))
    if not lock.src or not lock.modules_dir:
        raise WippyError(INVALID, "folders may not be empty; give --src-dir and --modules-dir a path")
    empty = _is_empty(lock.src_dir)
    write_lock(lock)
    print(f"{'created' if made else 'updated'} {_shown(path)}")
    if empty:
        _fill(lock.src_dir)
        _write(os.path.join(os.path.dirname(path), ".gitignore"), ".wippy/\n")
        print(NEXT)
    return 0


def _is_empty(folder: str) -> bool:
    try:
        return not os.listdir(folder)
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        raise WippyError(INVALID, f"{_shown(folder)} is a file; give another folder with --src-dir") from None


def _fill(folder: str) -> None:
    for item in sorted(_starter().iterdir(), key=lambda item: item.name):
        if item.name.endswith((".yaml", ".lua")):
            _write(os.path.join(folder, item.name), item.read_text("utf-8"))


def _starter() -> Traversable:
    from importlib import resources

    return resources.files("wippy.cli") / "starter"


def _write(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        return
    except OSError as error:
        raise WippyError(INVALID, f"cannot write {_shown(path)}: {error.strerror}") from None
    print(f"created {_shown(path)}")


def _shown(path: str) -> str:
    shown = os.path.relpath(path)
    return path if shown.startswith("..") else shown


COMMAND = Command(
    "init",
    "Set up an application in this folder",
    run,
    flags=(
        Flag("src-dir", "source folder", short="d", value="DIR", default=SRC),
        Flag("modules-dir", "folder of vendored modules", value="DIR", default=MODULES),
        Flag("lock-file", "lock file", short="l", value="FILE", default=LOCK),
    ),
    about=ABOUT,
)
