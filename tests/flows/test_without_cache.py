"""Nothing depends on the cache: tests of order, time and chance once more, with every task a replay from the start."""

from __future__ import annotations

from typing import Any

import pytest

from flows import (
    flow_app,
    test_delivery,
    test_determinism,
    test_numbering,
    test_processor,
    test_signal,
    test_timers,
)

for _module in (test_delivery, test_determinism, test_numbering, test_processor, test_signal, test_timers):
    for _name, _test in vars(_module).items():
        if _name.startswith("test_") and callable(_test):
            assert _name not in globals(), _name
            globals()[_name] = _test


@pytest.fixture(autouse=True)
def without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = flow_app.FlowApp.__init__

    def begin_without(self: flow_app.FlowApp, *args: Any, **more: Any) -> None:
        more["provider"] = {"cache_size": 0, **(more.get("provider") or {})}
        begin(self, *args, **more)

    monkeypatch.setattr(flow_app.FlowApp, "__init__", begin_without)
