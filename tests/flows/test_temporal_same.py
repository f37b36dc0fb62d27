"""Random programs give the same with the embedded provider and with Temporal, also when the application restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.same_programs import differences
from flows.temporal_server import TemporalServer

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")


@pytest.mark.parametrize("restarts", [0, 1])
async def test_random_programs_give_the_same(
    restarts: int, temporal_server: TemporalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = range(restarts * 1000, restarts * 1000 + 15)
    assert await differences(tmp_path, temporal_server, seeds, monkeypatch, restarts) == []


async def test_random_programs_give_the_same_when_each_task_is_a_replay(
    temporal_server: TemporalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wippy.workflows.temporal import worker

    plain = worker.Worker
    monkeypatch.setattr(
        worker, "Worker", lambda client, **options: plain(client, **{**options, "max_cached_workflows": 0})
    )
    assert await differences(tmp_path, temporal_server, range(10), monkeypatch) == []
