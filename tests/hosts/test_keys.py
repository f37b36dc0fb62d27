"""The keys of a host entry."""

from __future__ import annotations

from typing import Any

import pytest

from application import application, host, process
from wippy.errors import WippyError
from wippy.services.process_host import memory_size


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("workers", -1, "workers must be greater than 0"),
        ("queue_size", -1, "queue size must be greater than 0"),
        ("local_queue_size", -5, "local queue size must be greater than 0"),
        ("max_processes", -1, "max_processes must not be negative"),
        ("max_mailbox", -1, "max_mailbox must not be negative"),
        ("reductions", -1, "reductions must not be negative"),
        ("max_memory", -1, "max_memory must not be negative"),
        ("max_memory", "many", "max_memory must be a size such as 64M"),
        ("max_memory", "-4M", "max_memory must be a size such as 64M"),
        ("isolation", "none", "isolation must be shared or process"),
    ],
)
def test_wrong_values_are_refused(key: str, value: Any, text: str) -> None:
    entry = host("processes")
    entry["host"][key] = value
    with pytest.raises(WippyError, match=text) as caught, application(entry):
        pass
    assert caught.value.kind == "Invalid"


def test_zero_and_absence_stand_for_the_default_and_unknown_keys_are_ignored() -> None:
    entry = host("processes", 0, queue_size=0, max_processes=0, max_mailbox=0, max_memory=0, reductions=0, colour="red")
    entry["shape"] = "round"
    with application(entry, process("echo", "return function(x) return x end")) as app:
        assert app.execute("app:echo", 1) == 1
        assert app.host().config.workers >= 1


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (0, 0),
        (1048576, 1 << 20),
        ("64M", 64 << 20),
        ("64MB", 64 << 20),
        ("64MiB", 64 << 20),
        ("1.5k", 1536),
        ("2G", 2 << 30),
    ],
)
def test_sizes(value: Any, size: int) -> None:
    assert memory_size(value) == size


@pytest.mark.parametrize("isolation", ["shared", "process"])
def test_limits_answer_with_structured_errors(isolation: str) -> None:
    limited = host("limited", 1, isolation=isolation, max_processes=2, max_mailbox=3, max_memory="24M")
    with application(
        host("processes", 1),
        limited,
        process("deaf", "return function() channel.new():receive() end"),
        process("greedy", "return function() local t = {} while true do t[#t + 1] = {#t} end end"),
    ) as app:
        assert app.lua(
            """
            local pid = process.spawn("app:deaf", "app:limited")
            local sent, out = 0, {}
            local ok, err
            repeat
              ok, err = process.send(pid, "t", sent)
              if ok then sent = sent + 1 end
            until not ok
            out[1] = {sent, err:kind(), err:retryable()}
            local greedy = process.spawn_monitored("app:greedy", "app:limited")
            local failure = process.events():receive().result.error
            out[2] = {failure:kind(), failure:message():find("memory limit of the ", 1, true) == 1}
            local second = process.spawn("app:deaf", "app:limited")
            local third, refused = process.spawn("app:deaf", "app:limited")
            out[3] = {second ~= nil, third == nil, refused:kind(), refused:message(), refused:details().max_processes}
            return out
            """
        ) == [
            [3, "RateLimited", True],
            ["LimitExceeded", True],
            [True, True, "LimitExceeded", "max processes limit exceeded", 2],
        ]
