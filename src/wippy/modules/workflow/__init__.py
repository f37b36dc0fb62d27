"""The module `workflow`: children, versions, attributes and figures of a run."""

from __future__ import annotations

from wippy.modules.module import CHILD, RECORD, Module

workflow = Module("workflow", classes={"workflow", "nondeterministic"}, lua="workflow.lua")
workflow.lua_function("exec(id: string, ...)", in_workflow=CHILD, doc="Runs a child workflow and gives its result.")
workflow.lua_function("execute(id: string, ...)", in_workflow=CHILD, doc="Starts a workflow from anywhere and waits.")
workflow.lua_function(
    "version(change: string, min: number, max: number)", in_workflow=RECORD, doc="The recorded version of a change."
)
workflow.lua_function("attrs(values: table)", in_workflow=RECORD, doc="Merges search attributes and memo.")
workflow.lua_function("info()", doc="Figures of the run, nil outside of one.")
workflow.lua_function("history_length()", doc="Events so far.")
workflow.lua_function("history_size()", doc="Bytes so far.")
