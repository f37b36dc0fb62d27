"""Packages that only some applications need, imported when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

from wippy.errors import UNAVAILABLE, WippyError


def optional(package: str, extra: str, purpose: str) -> Any:
    """The imported package.

    Args:
        package: import name, may be dotted.
        extra: the extra of wippy that installs it.
        purpose: what needs it, for the error.

    Raises:
        WippyError: UNAVAILABLE when it is not installed; names the command that installs it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise WippyError(
            UNAVAILABLE,
            f"{purpose} needs the Python package {package.partition('.')[0]}, which cannot be imported ({error}); "
            f"install it with: pip install 'wippy[{extra}]'",
        ) from None
