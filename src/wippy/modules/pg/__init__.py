"""The module `pg`: process groups."""

from __future__ import annotations

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module
from wippy.modules.pg.groups import Membership, Scope, Watch

__all__ = ["Scope", "pg"]

pg = Module("pg", classes={"process", "nondeterministic"}, lua="pg.lua")


class Opened:
    """A scope as one process has opened it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope


pg.object("Opened", Opened)
pg.object("Watch", Watch)


@pg.function(
    name="_open", permission="pg.open", resource="id", denied="not allowed to access pg scope: {resource}", single=True
)
def open_(call: Call, id: str) -> Opened:
    if not id:
        raise WippyError(INVALID, "resource id is required")
    try:
        found = call.resource(id)
    except WippyError as error:
        raise WippyError(INTERNAL, f"failed to acquire pg scope: {error.message}") from None
    if not isinstance(found, Scope):
        raise WippyError(INVALID, f"resource is not a pg scope: {id}")
    if not found.running:
        raise WippyError(INTERNAL, f"failed to acquire pg scope: {id} is not running")
    return Opened(found)


@pg.function(name="_release", single=True)
def release(call: Call, opened: Opened) -> bool:
    call.drop(opened)
    return True


@pg.function(name="_join")
def join(call: Call, opened: Opened, groups: list) -> bool:
    if opened.scope.join(call.pid, groups):
        call.keep(Membership(opened.scope, call.pid))
    return True


@pg.function(name="_leave")
def leave(call: Call, opened: Opened, groups: list) -> bool:
    opened.scope.leave(call.pid, groups)
    return True


@pg.function(name="_members")
def members(call: Call, opened: Opened, group: str) -> list[str]:
    return opened.scope.members(group)


@pg.function(name="_groups")
def groups(call: Call, opened: Opened) -> list[str]:
    return opened.scope.names()


@pg.function(name="_monitor")
def monitor(call: Call, opened: Opened, group: str, topic: str) -> tuple[Watch, list[str], None]:
    pid, deliver = call.pid, call.services.deliver
    return (*opened.scope.watch(group, lambda event: deliver(pid, topic, event)), None)


@pg.function(name="_events")
def events(call: Call, opened: Opened, topic: str) -> tuple[Watch, dict[str, list[str]], None]:
    pid, deliver = call.pid, call.services.deliver
    return (*opened.scope.watch_all(lambda event: deliver(pid, topic, event)), None)


@pg.function(name="_unwatch", single=True)
def unwatch(call: Call, watch: Watch) -> bool:
    watch.close()
    call.drop(watch)
    return True


@pg.function(name="_buffer", single=True)
def buffer(call: Call, opened: Opened) -> int:
    return opened.scope.buffer


pg.lua_function(
    "open(id: string)", doc="The Instance of a running `pg.scope` entry. Errors: INVALID, PERMISSION_DENIED."
)
for _signature, _doc in (
    ("join(group: any)", "Joins a group, or all groups of a list, or none. Errors: INVALID, RATE_LIMITED."),
    ("leave(group: any)", "Takes back one join. Errors: INVALID, NOT_FOUND."),
    ("get_members(group: string)", "PIDs in join order, one for each join."),
    ("get_local_members(group: string)", "The same of this node."),
    ("which_groups()", "Names of the groups that have members."),
    ("which_local_groups()", "The same of this node."),
    ("broadcast(group: string, topic: string, ...)", "A message to every member, once for each join."),
    ("broadcast_local(group: string, topic: string, ...)", "The same to members of this node."),
    ("monitor(group: string)", "A Subscription to the changes of a group and its members now."),
    ("events()", "A Subscription to the changes of all groups and the members of each now."),
    ("release()", "Gives the scope back; any number of times."),
):
    pg.lua_method("Instance", _signature, doc=_doc)
pg.lua_method("Subscription", "channel()", doc="The channel of the events.")
pg.lua_method("Subscription", "close(options: table?)", doc="Ends it; with `{flush = true}` without what is buffered.")
