from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .scripted import Bench, CrashingStore


@pytest.fixture(params=[100, 0], ids=["cached", "replayed"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes benches; every test runs with live machines kept and with every task replayed from the start."""
    made: list[Bench] = []
    CrashingStore.plan, CrashingStore.writes = {}, 0

    def make(programs: dict[str, Any], **more: Any) -> Bench:
        made.append(Bench(tmp_path / f"{len(made)}.db", programs, **{"cache": request.param, **more}))
        return made[-1]

    yield make
    for one in made:
        one.close()
