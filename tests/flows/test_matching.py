"""Code that asks for something else than its history says: for every kind of command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.flow_app import FlowApp, function, workflow
from flows.held import settled
from wippy.workflows import events as ev

ENTRIES = [
    function("echo", "return function(v) return v end"),
    function("other", "return function(v) return v end"),
    workflow("kid", "return function() end"),
    workflow("boy", "return function() end"),
    function("patient", "local time = require('time') return function() time.sleep('1h') end", "time"),
]
CALL = 'funcs.call("app:echo", "a")'
PEER = '"{app:provider@app:worker|%s}"'


def send(id: str, topic: str) -> str:
    return f'process.send({PEER % id}, "{topic}")'


# name: what the code asked for, what it asks for now, what the two are called by the embedded provider, by Temporal
CHANGES: dict[str, tuple[str, str, tuple[str, str], tuple[str, ...]]] = {
    "another function": (
        CALL,
        'funcs.call("app:other", "a")',
        ("ScheduleActivity (id=1, type='app:other')", "ActivityTaskScheduled (id=1, type='app:echo')"),
        ("app:other", "app:echo"),
    ),
    "a timer for a call": (CALL, "time.sleep('1ms')", ("StartTimer", "ActivityTaskScheduled"), ("Timer", "Activity")),
    "a call for a timer": ("time.sleep('1ms')", CALL, ("ScheduleActivity", "TimerStarted"), ("Activity", "Timer")),
    "a missing call": (
        f"{CALL} {CALL}",
        CALL,
        ("nothing more", "ActivityTaskScheduled (id=2"),
        ("No command", "ActivityTaskScheduled"),
    ),
    "a missing timer": (
        "time.timer('1h')",
        "",
        ("nothing more", "TimerStarted (id=1)"),
        ("No command", "TimerStarted"),
    ),
    "a further call": (
        "",
        "funcs.async('app:echo', 1)",
        ("ScheduleActivity (id=1", "no more commands"),
        (),
    ),
    "a further timer": ("", "time.timer('1h')", ("StartTimer (id=1)", "no more commands"), ()),
    "a timer that is not stopped": (
        "local t = time.timer('1h') time.sleep('1ms') t:stop() time.sleep('1ms')",
        "local t = time.timer('1h') time.sleep('1ms') time.sleep('1ms')",
        ("StartTimer (id=3)", "TimerCanceled (id=1)"),
        ("StartCommandCreated", "TimerCanceled"),
    ),
    "a timer that is stopped": (
        "local t = time.timer('1h') time.sleep('1ms') time.sleep('1ms')",
        "local t = time.timer('1h') time.sleep('1ms') t:stop() time.sleep('1ms')",
        ("CancelTimer (id=1)", "TimerStarted (id=3)"),
        ("CancelTimerCommandSent", "TimerStarted"),
    ),
    "a call that is not cancelled": (
        "local f = funcs.async('app:patient', 1) time.sleep('1ms') f:cancel() time.sleep('1ms')",
        "local f = funcs.async('app:patient', 1) time.sleep('1ms') time.sleep('1ms')",
        ("StartTimer (id=3)", "ActivityTaskCancelRequested (id=1)"),
        ("Timer", "ActivityTaskCancelRequested"),
    ),
    "a call that is cancelled": (
        "local f = funcs.async('app:patient', 1) time.sleep('1ms') time.sleep('1ms')",
        "local f = funcs.async('app:patient', 1) time.sleep('1ms') f:cancel() time.sleep('1ms')",
        ("RequestCancelActivity (id=1)", "TimerStarted (id=3)"),
        ("Activity", "Timer"),
    ),
    "another child": (
        "process.exec('app:kid', 'app:worker')",
        "process.exec('app:boy', 'app:worker')",
        ("StartChild", "type='app:kid'"),
        ("app:boy", "app:kid"),
    ),
    "another ID of a child": (
        "process.with_options({['workflow.id'] = NAME .. '-a'}):exec('app:kid', 'app:worker')",
        "process.with_options({['workflow.id'] = NAME .. '-b'}):exec('app:kid', 'app:worker')",
        ("StartChild", "workflow_id='another ID of a child-a'"),
        ("another ID of a child-b", "another ID of a child-a"),
    ),
    "a child for a call": (
        CALL,
        "process.exec('app:kid', 'app:worker')",
        ("StartChild (id=1, type='app:kid')", "ActivityTaskScheduled"),
        ("Child workflow machine", "id: 5, ActivityTaskScheduled)"),
    ),
    "a message for a call": (
        CALL,
        send("nobody", "word"),
        ("SignalExternal (id=1, workflow_id='nobody', name='word')", "ActivityTaskScheduled"),
        ("Signal external", "ActivityTaskScheduled"),
    ),
    "a message to another workflow": (
        send("nobody", "word"),
        send("none", "word"),
        ("SignalExternal (id=1, workflow_id='none'", "workflow_id='nobody'"),
        (),
    ),
    "another topic": (send("nobody", "word"), send("nobody", "text"), ("name='text'", "name='word'"), ()),
    "a cancel for a message": (
        send("nobody", "word"),
        f"process.cancel({PEER % 'nobody'})",
        ("CancelExternal (id=1, workflow_id='nobody')", "SignalExternalWorkflowExecutionInitiated"),
        ("Cancel external", "SignalExternal"),
    ),
    "a cancel of another workflow": (
        f"process.cancel({PEER % 'nobody'})",
        f"process.cancel({PEER % 'none'})",
        ("CancelExternal (id=1, workflow_id='none')", "workflow_id='nobody'"),
        (),
    ),
    "a version that is not asked for": (
        "workflow.version('change', 1, 2)",
        "",
        ("nothing more", "MarkerRecorded (kind='version', key='change')"),
        ("change",),
    ),
    "another version": (
        "workflow.version('change', 1, 2)",
        "workflow.version('fresh', -1, 2)",
        ("nothing more", "MarkerRecorded (kind='version', key='change')"),
        ("change",),
    ),
    "a name that is not looked up": (
        "process.send('nobody', 'word')",
        "",
        ("nothing more", "MarkerRecorded (kind='side_effect', key='1')"),
        ("e:1:",),
    ),
    "a further look-up of a name": (
        "",
        "process.send('nobody', 'word')",
        ("RecordMarker", "no more commands"),
        (),
    ),
    "attributes that are not set": (
        "workflow.attrs({memo = {a = 1}})",
        "",
        ("nothing more", "WorkflowPropertiesModified"),
        ("No command", "WorkflowPropertiesModified"),
    ),
    "search attributes for a memo": (
        "workflow.attrs({memo = {a = 1}})",
        "workflow.attrs({search = {counted = 1}})",
        ("UpsertAttributes", "WorkflowPropertiesModified"),
        ("SearchAttr", "WorkflowPropertiesModified"),
    ),
    "an end for a call": (
        CALL,
        "if true then return 'over' end",
        ("Complete", "ActivityTaskScheduled"),
        ("Complete", "ActivityTaskScheduled"),
    ),
    "an error for a call": (
        CALL,
        "error('over')",
        ("Fail", "ActivityTaskScheduled"),
        ("Fail", "ActivityTaskScheduled"),
    ),
    "another run for a call": (
        CALL,
        "process.upgrade()",
        ("ContinueAsNew", "ActivityTaskScheduled"),
        ("Continue as new", "ActivityTaskScheduled"),
    ),
    "another order": (
        "funcs.async('app:echo', 1) time.timer('1h')",
        "time.timer('1h') funcs.async('app:echo', 1)",
        ("StartTimer (id=1)", "ActivityTaskScheduled (id=1"),
        ("Timer", "Activity"),
    ),
}
NOT_SEEN = {
    "a message to another workflow": "the SDK does not look at the targets of messages",
    "another topic": "nor at their topics",
    "a cancel of another workflow": "nor at the targets of cancels",
    "a further call": "it takes what its last task asks for beyond the history as commands of the next task",
    "a further timer": "the same",
    "a further look-up of a name": "the same",
}
SAME: dict[str, tuple[str, str]] = {
    "other arguments": (CALL, 'funcs.call("app:echo", "b")'),
    "other options": (
        CALL,
        'funcs.new():with_options({["activity.start_to_close_timeout"] = "5m", '
        '["activity.retry_policy"] = {maximum_attempts = 2}}):call("app:echo", "a")',
    ),
    "another duration": ("time.sleep('1ms') time.timer('1h')", "time.sleep('1h') time.timer('2h')"),
    "another input of a child": (
        "process.exec('app:kid', 'app:worker', 1)",
        "process.with_options({['workflow.run_timeout'] = '1h'}):exec('app:kid', 'app:worker', 2)",
    ),
    "another payload of a message": (send("nobody", "word"), f'process.send({PEER % "nobody"}, "word", 5)'),
    "other attributes": ("workflow.attrs({memo = {a = 1}})", "workflow.attrs({memo = {b = {2}}})"),
    "a guarded change": (CALL, f"if workflow.version('fresh', -1, 1) == -1 then {CALL} end"),
}


def flow(name: str, body: str) -> dict[str, Any]:
    return workflow(
        name.replace(" ", "."),
        """
        local funcs, time, workflow = require("funcs"), require("time"), require("workflow")
        local NAME = "{name}"
        return function()
          {body}
          process.registry.register(NAME .. " waits")
          return process.listen("go"):receive()
        end
        """.replace("{name}", name).replace("{body}", body),
    )


async def _change(app: FlowApp, before: dict[str, str], after: dict[str, str]) -> None:
    """Begins runs with the code as it was, then starts the application again with other code."""
    app.write(*ENTRIES, *(flow(name, body) for name, body in before.items()))
    await app.start()
    for name in before:
        options = {"workflow.id": name, "workflow.task_timeout": 1000}
        await app.wait(app.spawn(name.replace(" ", "."), options=options))

    holder = app.app.runtime.router.names.holder
    await app.until(lambda: all(holder(f"{name} waits".encode()) for name in before))
    for name in before:
        await app.until(lambda name=name: settled(app, name))
    await app.stop()
    app.write(*ENTRIES, *(flow(name, body) for name, body in after.items()))
    await app.start()
    for name in before:
        await app.signal(name, "go", "done")


async def test_changed_code_is_blocked_and_both_commands_are_named(tmp_path: Path, kept: str) -> None:
    changes = {n: c for n, c in CHANGES.items() if kept == "embedded" or n not in NOT_SEEN}
    app = FlowApp(tmp_path)
    try:
        await _change(app, {n: c[0] for n, c in changes.items()}, {n: c[1] for n, c in changes.items()})
        wrong = {}
        for name, (_, _, embedded, temporal) in changes.items():
            await app.until(lambda name=name: app.logged(f"workflow {name} (app"))
            text = app.logged(f"workflow {name} (app")[0]
            wanted = embedded if kept == "embedded" else temporal
            if not all(part in text for part in (*wanted, "is blocked", "workflow.version")):
                wrong[name] = text
            assert (await app.wait(app.engine.describe(name))).status.name == "RUNNING"
        assert wrong == {}
        await app.stop()
        app.write(*ENTRIES, *(flow(name, change[0]) for name, change in changes.items()))
        await app.start()
        for name in changes:
            assert await app.result(name) == "done", name
            assert await app.count(name, ev.WorkflowTaskFailed) == 1, name
    finally:
        await app.stop()


async def test_what_is_not_compared_may_change(tmp_path: Path, kept: str) -> None:
    changes = SAME if kept == "embedded" else {**SAME, **{name: CHANGES[name][:2] for name in NOT_SEEN}}
    app = FlowApp(tmp_path)
    try:
        await _change(app, {n: c[0] for n, c in changes.items()}, {n: c[1] for n, c in changes.items()})
        for name in changes:
            assert await app.result(name) == "done", name
        assert not app.logged("is blocked")
    finally:
        await app.stop()
