"""A copy of a store that is in use, as it was at one moment."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from wippy.errors import ALREADY_EXISTS, UNAVAILABLE, WippyError
from wippy.workflows.sqlite import faults


def backup(path: Path, target: Path) -> int:
    """Writes the store at `path` to the new file `target`; the engine goes on meanwhile. Returns its size in bytes.

    Raises WippyError: ALREADY_EXISTS if there is such a file, UNAVAILABLE if it cannot be written.
    """
    if target.exists():
        raise WippyError(ALREADY_EXISTS, f"{target} exists: name a new file")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source:
            source.execute("VACUUM INTO ?", (str(part),))
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.rename(target)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise WippyError(
            UNAVAILABLE, f"the backup {target} cannot be written: {error}{faults.remedy(error)}", retryable=True
        ) from error
    return target.stat().st_size
