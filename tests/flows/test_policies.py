"""Every combination of ID policies, against an open and a closed run under the same ID, with and without messages."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from flows.flow_app import FlowApp, process
from flows.test_starting import ALREADY, WAITER

CONFLICT = (None, "fail", "use_existing", "terminate_existing")
REUSE = (None, "allow_duplicate", "allow_duplicate_failed_only", "reject_duplicate", "terminate_if_running")
ERROR = (None, True, False)
NEW, EXISTING, REFUSED, COMPLETED, CONTRADICTORY = "new", "existing", "refused", "completed", "contradictory"

AGAIN = process(
    "again",
    """
    -- How the second start under an ID goes, and what the run that it gives has seen.
    return function(id, before, options, messages)
      options["workflow.id"] = id
      local events = process.events()
      local first = process.with_options({["workflow.id"] = id}):spawn_monitored("app:waiter", "app:worker", "first")
      if before == "terminated" then
        process.terminate(first)
      elseif before ~= "open" then
        process.send(first, before)
      end
      if before ~= "open" then events:receive() end
      local b = process.with_options(options)
      for i = 1, messages do b = b:with_message("word", "m" .. i) end
      local pid, err = b:spawn_monitored("app:waiter", "app:worker", "second")
      local open = process.send(first, "end")
      local out = {pid = pid == first, none = pid == nil, open = open == true, ended = {}}
      if err then out.error, out.kind, out.retryable = err:message(), err:kind(), tostring(err:retryable()) end
      if open or pid then
        repeat
          local e = events:receive()
          if e.result.error then out.ended[#out.ended + 1] = e.result.error:message() end
          out.seen = e.result.value
        until out.seen or not open
      end
      return out
    end
    """,
)


def expected(before: str, conflict: str | None, reuse: str | None, error: bool | None, messages: int) -> str:
    """What the rules say of a start with an ID."""
    if reuse == "reject_duplicate" and conflict == "terminate_existing":
        return CONTRADICTORY
    if before == "open":
        if reuse == "terminate_if_running" or conflict == "terminate_existing":
            return NEW
        fails = error is True if conflict is None else conflict == "fail" and error is not False
        return REFUSED if fails else EXISTING
    failed = before != "end"
    if reuse == "reject_duplicate" or (reuse == "allow_duplicate_failed_only" and not failed):
        if error is True:
            return REFUSED
        return COMPLETED if messages else EXISTING
    return NEW


@pytest.mark.parametrize("before", ["open", "end", "fail", "terminated"])
async def test_a_start_under_an_id_that_is_there(tmp_path: Path, before: str) -> None:
    cases = list(itertools.product(CONFLICT, REUSE, ERROR, (0, 2)))
    if before in ("fail", "terminated"):  # conflict policies are for open runs
        cases = [case for case in cases if case[0] is None]
    wrong = {}

    async def one(app: FlowApp, number: int) -> None:
        conflict, reuse, error, messages = cases[number]
        keys = ("id_conflict_policy", "id_reuse_policy", "execution_error_when_already_started")
        given = {f"workflow.{k}": v for k, v in zip(keys, (conflict, reuse, error), strict=True) if v is not None}
        found = await app.process("again", f"{before}-{number}", before, given or {"": 0}, messages)
        want = expected(before, conflict, reuse, error, messages)
        sent = [f"m{i + 1}" for i in range(messages)]
        ok = {
            NEW: found["pid"] and found["open"] and found.get("seen") == ["second", *sent],
            EXISTING: found["pid"]
            and found["open"] == (before == "open")
            and (before != "open" or found.get("seen") == ["first", *sent]),
            REFUSED: found["none"]
            and ALREADY in found.get("error", "")
            and (before != "open" or found.get("seen") == ["first"]),
            CONTRADICTORY: found["none"] and "workflow.id_reuse_policy must be" in found.get("error", ""),
            COMPLETED: found["none"] and found.get("error") == "workflow execution already completed",
        }[want]
        if want in (REFUSED, COMPLETED, CONTRADICTORY):
            ok = ok and (found["kind"], found["retryable"]) == ("", "nil")
        else:
            ok = ok and "error" not in found
        if before == "open":
            ok = ok and list(found["ended"]) == (["workflow terminated"] if want == NEW else [])
        if not ok:
            wrong[cases[number]] = (want, found)

    async with FlowApp(tmp_path, WAITER, AGAIN) as app:
        for batch in range(0, len(cases), 15):
            await asyncio.gather(*(one(app, n) for n in range(batch, min(batch + 15, len(cases)))))
    assert wrong == {}
