"""Which pool the keys of a function's `pool` block ask for."""

from __future__ import annotations

from typing import Any

import pytest

from wippy.errors import WippyError
from wippy.units.pool import Pool, PoolConfig


@pytest.mark.parametrize(
    ("keys", "pool"),
    [
        ({}, Pool(100)),
        ({"max_size": 3}, Pool(3)),
        ({"size": 2, "max_size": 5}, Pool(5)),
        ({"size": 4}, Pool(1, True)),
        ({"workers": 3, "size": 1}, Pool(3, True)),
        ({"workers": 3, "size": 1, "buffer": 10, "warm_start": True}, Pool(3, True)),
        ({"type": "inline"}, Pool(1, True)),
        ({"type": "inline", "size": 9}, Pool(1, True)),
        ({"type": "static"}, Pool(8, True)),
        ({"type": "static", "size": 2}, Pool(2, True)),
        ({"type": "static", "workers": 3, "size": 2}, Pool(3, True)),
        ({"type": "lazy"}, Pool(16)),
        ({"type": "lazy", "max_size": 2}, Pool(2)),
        ({"type": "adaptive"}, Pool(16)),
        ({"type": "adaptive", "max_size": 7}, Pool(7)),
    ],
)
def test_selection(keys: dict[str, Any], pool: Pool) -> None:
    assert PoolConfig(**keys).pool() == pool


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"type": "big"}, "unknown pool type: big"),
        ({"size": -1}, "pool.size must be greater than 0 for non-flex pools"),
    ],
)
def test_refusals(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(WippyError, match=message) as caught:
        PoolConfig(**keys).pool()
    assert caught.value.kind == "Invalid"
