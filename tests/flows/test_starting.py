"""Which run a start gives, by ID, policies and startup messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, process, workflow

WAITER = workflow(
    "waiter",
    """
    return function(n)
      local seen = {n}
      while true do
        local message = process.inbox():receive()
        if message:topic() == "end" then return seen end
        if message:topic() == "fail" then return nil, "failed on purpose" end
        seen[#seen + 1] = message:payload():data()
      end
    end
    """,
)
ALREADY = "workflow execution already started"

STARTER = process(
    "starter",
    """
    local MINE = {}
    return function(options, messages)
      options["workflow.id"] = "one"
      local first = process.with_options({["workflow.id"] = "one"})
        :spawn_monitored("app:waiter", "app:worker", 1)
      local again = process.with_options(options)
      for i = 1, messages do again = again:with_message("word", "m" .. i) end
      local pid, err = again:spawn("app:waiter", "app:worker", 2)
      local over = options["workflow.id_conflict_policy"] == "terminate_existing"
        or options["workflow.id_reuse_policy"] == "terminate_if_running"
      local old = over and process.events():receive().result.error:message() or ""
      process.send(first, "end")
      process.monitor(first)
      local exit = process.events():receive()
      return {same = pid == first, err = err and tostring(err) or "", kind = err and err:kind() or "",
        seen = exit.result.value, old = old}
    end
    """,
)


@pytest.mark.parametrize(
    ("options", "same", "refused", "seen"),
    [
        ({}, True, False, [1, "m1", "m2"]),
        ({"workflow.id_conflict_policy": "use_existing"}, True, False, [1, "m1", "m2"]),
        ({"workflow.id_conflict_policy": "fail"}, False, True, [1]),
        ({"workflow.execution_error_when_already_started": True}, False, True, [1]),
        ({"workflow.execution_error_when_already_started": False}, True, False, [1, "m1", "m2"]),
        ({"workflow.id_conflict_policy": "terminate_existing"}, True, False, [2, "m1", "m2"]),
        ({"workflow.id_reuse_policy": "terminate_if_running"}, True, False, [2, "m1", "m2"]),
        (
            {"workflow.id_conflict_policy": "use_existing", "workflow.execution_error_when_already_started": True},
            True,
            False,
            [1, "m1", "m2"],
        ),
    ],
)
async def test_a_start_under_the_id_of_an_open_run(
    tmp_path: Path, options: dict[str, Any], same: bool, refused: bool, seen: list[Any]
) -> None:
    async with FlowApp(tmp_path, WAITER, STARTER) as app:
        found = await app.process("starter", options, 2)
    assert (found["same"], found["seen"]) == (same, seen)
    assert (ALREADY in found["err"], found["kind"] in ("", "Unknown")) == (refused, True)
    assert found["old"] == ("workflow terminated" if seen[0] == 2 else "")


async def test_explicit_fail_without_an_error_gives_the_open_run(tmp_path: Path) -> None:
    options = {"workflow.id_conflict_policy": "fail", "workflow.execution_error_when_already_started": False}
    async with FlowApp(tmp_path, WAITER, STARTER) as app:
        found = await app.process("starter", options, 0)
    assert (found["same"], found["err"], found["seen"]) == (True, "", [1])


CLOSED = process(
    "closed",
    """
    return function(topic, options, named)
      local first = process.with_options({["workflow.id"] = "one"})
        :spawn_monitored("app:waiter", "app:worker", 1)
      process.send(first, topic)
      process.events():receive()
      local again = process.with_options(options)
      again = named and again:with_name("one") or again
      local pid, err = again:spawn("app:waiter", "app:worker", 2)
      if err then return "refused: " .. tostring(err) end
      local sent, e2 = process.send(pid, "end")
      if e2 then return "old: " .. tostring(e2) end
      process.monitor(pid)
      return "new " .. process.events():receive().result.value[1]
    end
    """,
)


@pytest.mark.parametrize(
    ("topic", "policy", "found"),
    [
        ("end", "allow_duplicate", "new 2"),
        ("end", None, "new 2"),
        ("end", "allow_duplicate_failed_only", "refused"),
        ("fail", "allow_duplicate_failed_only", "new 2"),
        ("end", "reject_duplicate", "refused"),
        ("fail", "reject_duplicate", "refused"),
        ("end", "terminate_if_running", "new 2"),
    ],
)
async def test_a_start_under_the_id_of_a_closed_run(tmp_path: Path, topic: str, policy: str | None, found: str) -> None:
    strict = {"workflow.execution_error_when_already_started": True, "workflow.id": "one"}
    options: dict[str, Any] = {"workflow.id_reuse_policy": policy, **strict} if policy else strict
    if policy == "terminate_if_running":
        del options["workflow.execution_error_when_already_started"]
    async with FlowApp(tmp_path, WAITER, CLOSED) as app:
        text = await app.process("closed", topic, options, False)
    assert text.startswith(found)
    assert found != "refused" or ALREADY in text


async def test_a_name_under_which_all_is_over_gives_the_old_one(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, WAITER, CLOSED) as app:
        text = await app.process("closed", "end", {"workflow.id_reuse_policy": "reject_duplicate"}, True)
    assert text == "old: workflow execution already completed"


async def test_startup_messages_to_a_closed_run_fail(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function()
          local b = process.with_options({["workflow.id_reuse_policy"] = "reject_duplicate"}):with_name("one")
          local pid = b:spawn_monitored("app:waiter", "app:worker", 1)
          process.send(pid, "end")
          process.events():receive()
          local none, err = b:with_message("word", 1):spawn("app:waiter", "app:worker", 2)
          return {none == nil, tostring(err)}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        assert await app.process("starter") == [True, "workflow execution already completed"]


async def test_the_id_wins_over_the_name_and_no_name_is_registered(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function()
          local pid = process.with_options({["workflow.id"] = "the-id"}):with_name("the-name")
            :spawn("app:waiter", "app:worker", 1)
          local other = process.with_options({}):with_name("the-name"):spawn("app:waiter", "app:worker", 2)
          local found = process.registry.lookup("the-name")
          process.send(pid, "end") process.send(other, "end")
          return {pid, other, found == nil}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        assert await app.process("starter") == [
            "{app:provider@app:worker|the-id}",
            "{app:provider@app:worker|the-name}",
            True,
        ]


async def test_generated_ids_take_startup_messages_under_every_policy(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function()
          local out = {}
          for _, policy in ipairs({"fail", "use_existing", "terminate_existing"}) do
            local b = process.with_options({["workflow.id_conflict_policy"] = policy})
            local pid, err = b:with_message("word", "a"):with_message("", "skipped"):with_message("word", "b")
              :with_message("end"):spawn_monitored("app:waiter", "app:worker", policy)
            if err then return tostring(err) end
            out[#out + 1] = table.concat(process.events():receive().result.value, " ")
          end
          local ok = pcall(function() return process.with_message("@x", 1) end)
          return {out, ok}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        found, at_topic = await app.process("starter")
    assert found == ["fail a b", "use_existing a b", "terminate_existing a b"]
    assert at_topic is False


async def test_a_bar_in_an_id_is_refused(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function()
          local pid, err = process.with_options({["workflow.id"] = "a|b"}):spawn("app:waiter", "app:worker", 1)
          local named, e2 = process.with_options({}):with_name("a|b"):spawn("app:waiter", "app:worker", 1)
          return {pid == nil and named == nil, err ~= nil and e2 ~= nil}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        assert await app.process("starter") == [True, True]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"workflow.id": ""}, "workflow.id cannot be empty"),
    ({"workflow.id": 5}, "workflow.id must be"),
    ({"workflow.task_queue": ""}, "workflow.task_queue cannot be empty"),
    ({"workflow.execution_timeout": "soon"}, "workflow.execution_timeout must be"),
    ({"workflow.run_timeout": True}, "workflow.run_timeout must be"),
    ({"workflow.task_timeout": -1}, "workflow.task_timeout must be"),
    ({"workflow.id_conflict_policy": "maybe"}, "workflow.id_conflict_policy must be"),
    ({"workflow.id_conflict_policy": 9}, "workflow.id_conflict_policy must be"),
    ({"workflow.id_reuse_policy": {}}, "workflow.id_reuse_policy must be"),
    ({"workflow.execution_error_when_already_started": "yes"}, "must be"),
    ({"workflow.retry_policy": "often"}, "workflow.retry_policy must be"),
    ({"workflow.retry_policy": {"maximum_attempts": 1.5}}, "maximum_attempts must be"),
    ({"workflow.retry_policy": {"backoff_coefficient": 0.5}}, "backoff_coefficient must be"),
    ({"workflow.retry_policy": {"initial_interval": "x"}}, "initial_interval must be"),
    ({"workflow.cron_schedule": 5}, "workflow.cron_schedule must be"),
    ({"workflow.memo": "note"}, "workflow.memo must be"),
    ({"workflow.search_attributes": {"x": {"y": 1}}}, 'search attribute "x": unsupported value type'),
    ({"workflow.search_attributes": {"x": ["a", 5]}}, 'search attribute "x"'),
    ({"workflow.start_delay": "later"}, "workflow.start_delay must be"),
    ({"workflow.parent_close_policy": "keep"}, "workflow.parent_close_policy must be"),
    ({"workflow.summary": 5}, "workflow.summary must be"),
    ({"temporal.workflow.run_timeout": "x"}, "must be"),
    ({"workflow.cron_schedule": "whenever"}, "invalid CronSchedule"),
    ({"workflow.cron_schedule": "@hourly", "workflow.start_delay": "1s"}, ""),
    ({"workflow.enable_eager_start": "yes"}, "workflow.enable_eager_start must be"),
    ({"workflow.priority": 5}, "workflow.priority must be"),
]


async def test_a_bad_option_starts_nothing(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function(options)
          local pid, err = process.with_options(options):spawn("app:waiter", "app:worker", 1)
          if pid then process.terminate(pid) end
          return {pid == nil, err and err:kind() or "", tostring(err)}
        end
        """,
    )
    found = {}
    async with FlowApp(tmp_path, WAITER, starter) as app:
        for options, text in BAD:
            none, kind, message = await app.process("starter", options)
            if not none or text not in message or (text and kind not in ("", "Unknown", "Invalid")):
                found[str(options)] = (none, kind, message)
    assert found == {}


GOOD: list[dict[str, Any]] = [
    {"temporal.workflow.id": "alias", "unknown.key": 5},
    {"workflow.execution_timeout": "1m30s", "workflow.run_timeout": 60000, "workflow.task_timeout": 2500.5},
    {"workflow.id_conflict_policy": "USE-EXISTING", "workflow.id_reuse_policy": 1},
    {"workflow.id_conflict_policy": "Terminate_Existing"},
    {"workflow.retry_policy": {"maximumAttempts": 1, "initialInterval": "1s", "BackoffCoefficient": 1}},
    {"workflow.retry_policy": {"non_retryable_error_types": "Invalid"}},
    {"workflow.retry_policy": {}},
    {"workflow.memo": {"note": "hello", "deep": {"n": [1, 2]}}, "workflow.summary": "s", "workflow.details": "d"},
    {"temporal.workflow.static_summary": "s", "temporal.workflow.static_details": "d"},
    {"workflow.enable_eager_start": True},
    {"workflow.priority": {"priority_key": 2, "fairness_key": "a", "fairness_weight": 1.5}},
]


async def test_good_options_start(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function(options)
          local pid, err = process.with_options(options):with_message("end")
            :spawn_monitored("app:waiter", "app:worker", 1)
          if err then return tostring(err) end
          local exit = process.events():receive()
          return exit.result.value and exit.result.value[1] or tostring(exit.result.error)
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        found = [await app.process("starter", options) for options in GOOD]
    assert found == [1] * len(GOOD)


async def test_the_canonical_key_wins(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function()
          local options = {["workflow.id"] = "canonical", ["temporal.workflow.id"] = "alias"}
          local pid = process.with_options(options):spawn("app:waiter", "app:worker", 1)
          process.send(pid, "end")
          return pid
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        assert await app.process("starter") == "{app:provider@app:worker|canonical}"


async def test_the_provider_that_a_test_names_keeps_its_workflows(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with FlowApp(tmp_path, WAITER) as app:
        await app.begin("waiter", 1, id="one")
        provider = type(app.engine).__module__
    assert request.node.callspec.params["kept"] in provider.replace("sqlite", "embedded")
