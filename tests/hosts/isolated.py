"""The tests of another module again, on hosts that give each process a VM of its own."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import application

_host = application.host


def isolated_host(name: str, workers: int = 1, **limits: Any) -> dict[str, Any]:
    """As `application.host`, with `isolation: process`."""
    return _host(name, workers, **{"isolation": "process", **limits})


def isolated(module: ModuleType) -> Any:
    """A fixture for a module that has the tests of `module`: its hosts isolate, the default one too."""

    @pytest.fixture(scope="module", autouse=True)
    def isolation() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            if hasattr(module, "host"):
                patch.setattr(module, "host", isolated_host)
            patch.setattr(application, "host", isolated_host)
            yield

    return isolation
