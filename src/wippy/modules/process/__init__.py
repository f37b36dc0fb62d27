"""The module `process`: processes, their messages, monitors, links and names."""

from __future__ import annotations

from wippy.modules.module import CHILD, RECORD, REFUSE, SIGNAL, Module

process = Module("process", classes={"process", "workflow", "nondeterministic"}, lua="process.lua")
process.lua_function("pid()", doc="PID of the running unit.")
process.lua_function("id()", doc="ID of the running entry.")
process.lua_function("send(destination: string, topic: string, ...)", in_workflow=SIGNAL, doc="Sends a message.")
for _name in ("spawn", "spawn_monitored", "spawn_linked", "spawn_linked_monitored"):
    process.lua_function(f"{_name}(id: string, host: string, ...)", in_workflow=CHILD, doc="Starts a process.")
process.lua_function(
    "exec(id: string, host: string, ...)", in_workflow=CHILD, doc="Starts a process, gives its result."
)
for _name in ("monitor", "unmonitor", "link", "unlink"):
    process.lua_function(f"{_name}(destination: string)", in_workflow=REFUSE)
process.lua_function("terminate(destination: string)", in_workflow=SIGNAL, doc="Ends a process by force.")
process.lua_function("cancel(destination: string, reason: string?)", in_workflow=SIGNAL, doc="Asks a process to end.")
process.lua_function("get_options()")
process.lua_function("set_options(options: table)")
process.lua_function("inbox()", doc="Channel of messages that no listener takes.")
process.lua_function("events()", doc="Channel of EXIT, LINK_DOWN and CANCEL events.")
process.lua_function("listen(topic: string, options: table?)", doc="Channel of one topic.")
process.lua_function("unlisten(channel: any)")
process.lua_function("upgrade(id: string?, ...)", in_workflow=RECORD, doc="Goes on with new code in the same process.")
process.lua_function("with_context(values: table)", doc="A spawner with context values.")
process.lua_function("with_options(options: table)", doc="A spawner with options.")
