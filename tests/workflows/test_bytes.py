"""Strings that are no text, wherever code may put them, never make a history that cannot be read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from application import application, function, workflow
from wippy.workflows.history_export import to_json
from wippy.workflows.history_import import from_json

RUNNING = {"auto_start": True}
PEER = "{app:history@app:workflows|no\\255body}"
ODD = {
    "the reason of a cancel": f"process.cancel('{PEER}', 'why\\255')",
    "a message": f"process.send('{PEER}', 'topic\\255', 'v\\255', {{['k\\255'] = 'v\\255'}})",
    "a message to a process": "process.send('{app:processes|no\\255body}', 'topic\\255', 1)",
    "a name that is looked up": "process.send('no\\255body', 'topic', 1)",
    "a memo": "workflow.attrs({memo = {['k\\255'] = 'v\\255', e = errors.new('x'), t = {['k\\255'] = {'v\\255'}}}})",
    "an attribute": "workflow.attrs({search = {['k\\255'] = 'v\\255'}})",
    "a version": "workflow.version('v\\255', 1, 2)",
    "a call": "funcs.call('app:echo', 'v\\255', {['k\\255'] = 'v\\255'})",
    "a call of nobody": (
        "funcs.new():with_options({['activity.retry_policy'] = {maximum_attempts = 1}}):call('app:no\\255')"
    ),
    "an error of a call": "funcs.call('app:fails')",
    "options": (
        "funcs.new():with_options({['activity.summary'] = 's\\255', ['activity.id'] = 'i\\255'}):call('app:echo')"
    ),
    "context": "funcs.new():with_context({['k\\255'] = 'v\\255', v = 'v\\255'}):call('app:echo')",
    "a child": "process.exec('app:no\\255', 'app:workflows')",
    "a child with options": (
        "process.with_options({['workflow.memo'] = {['k\\255'] = 'v\\255'}, ['workflow.summary'] = 's\\255'})"
        ":exec('app:nothing', 'app:workflows')"
    ),
    "a result": "(function() return {['k\\255'] = 'v\\255'} end)()",
}
FAILS = """
return function()
  local details = {['k\\255'] = 'v\\255', n = {['k\\255'] = {1, 'v\\255'}}}
  return nil, errors.new({message = 'm\\255', kind = 'K\\255', retryable = false, details = details})
end
"""


@pytest.mark.parametrize("what", [*ODD, "an error of the run"])
def test_a_history_is_read_again(tmp_path: Path, what: str) -> None:
    body = f"return pcall(function() return {ODD[what]} end)" if what in ODD else "return funcs.call('app:fails')"
    code = f"""
    local funcs, workflow = require("funcs"), require("workflow")
    return function()
      {body}
    end
    """
    with application(
        {"name": "history", "kind": "workflow.provider.sqlite", "path": "flows.db", "lifecycle": RUNNING},
        {
            "name": "workflows",
            "kind": "workflow.worker",
            "provider": "history",
            "task_queue": "main",
            "lifecycle": RUNNING,
        },
        workflow("odd", code, ["funcs", "workflow"]),
        workflow("nothing", "return function() end"),
        function("echo", "return function(...) return ... end", method="main"),
        function("fails", FAILS, method="main"),
        folder=tmp_path,
    ) as app:
        app.lua(
            """
            local pid = process.with_options({["workflow.id"] = "one"}):spawn_monitored("app:odd", "app:workflows")
            process.events():receive()
            """
        )
        engine = app.app.site.workflow_nodes["app:history"].engine()
        assert engine is not None
        history = engine.history("one").result(10)
        assert type(history[-1]).__name__ in ("WorkflowExecutionCompleted", "WorkflowExecutionFailed")
        assert [run.blocked for run in engine.find("", 0).result(10)] == [""] * len(engine.find("", 0).result(10))
        again = from_json(json.loads(json.dumps(to_json(history))))
        assert [type(event) for event in again] == [type(event) for event in history]
