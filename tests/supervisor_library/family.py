"""Supervised children that do as they are told, and what a test asks of them."""

from __future__ import annotations

from typing import Any

from application import Application, function, process

IMPORTS = {"supervisor": "wippy.supervisor:supervisor"}

TREE = process(
    "tree",
    """
    local supervisor = require("supervisor")
    return function(spec, name)
      process.registry.register(name or "tree")
      supervisor.run(spec)
      return "in order"
    end""",
    imports=IMPORTS,
)
CHILD = process(
    "child",
    """
    return function(id, how)
      process.registry.register(id)
      process.send("diary", "note", "start " .. id)
      local events, told = process.events(), process.listen("do")
      while true do
        local r = channel.select({events:case_receive(), told:case_receive()})
        if r.channel == events then
          if how ~= "deaf" then
            process.send("diary", "note", "stop " .. id)
            return
          end
        elseif r.value == "crash" then
          error("crash of " .. id)
        else
          return "finished"
        end
      end
    end""",
)
DIARY = process(
    "diary",
    """
    return function()
      process.registry.register("diary")
      local notes, asked, lines = process.listen("note"), process.listen("ask", {message = true}), {}
      while true do
        local r = channel.select({notes:case_receive(), asked:case_receive()})
        if r.channel == notes then
          lines[#lines + 1] = r.value
        else
          process.send(r.value:from(), "lines", lines)
          lines = {}
        end
      end
    end""",
)
ASK = function(
    "ask",
    """
    local supervisor = require("supervisor")
    return {main = function(op, ...)
      local value, err = supervisor[op](...)
      if value == nil then value = false end
      return {value, err and {err:kind(), err:message()} or false}
    end}""",
    imports=IMPORTS,
)
TELL = function("tell", "return function(id, what) return process.send(id, 'do', what) end")
READ = function("read", "return function() process.send('diary', 'ask') return process.listen('lines'):receive() end")
CANCEL = function("cancel", "return function(who) return (process.cancel(who, 'enough')) end")
HOLDER = function("holder", "return function(name) return (process.registry.lookup(name)) end")
ENTRIES = (TREE, CHILD, DIARY, ASK, TELL, READ, CANCEL, HOLDER)


def child(id: str, *more: Any, **spec: Any) -> dict[str, Any]:
    """A child spec."""
    return {"id": id, "entry": "app:child", "args": [id, *more], **spec}


class Family:
    """A supervisor under test, started when this is made.

    Attributes:
        result: future of what its process returns.
    """

    def __init__(self, app: Application, *children: dict[str, Any], name: str = "tree", **spec: Any) -> None:
        self.app = app
        self.name = name
        self.diary()
        self.result = app.begin("app:tree", {"children": list(children), **spec}, name)
        self.app.settle(4)

    def tell(self, id: str, what: str) -> None:
        """Makes a child crash or finish, and waits until everything that follows is over."""
        self.app.call("app:tell", id, what)
        self.app.settle(6)

    def ask(self, op: str, *args: Any) -> Any:
        """What the supervisor answers; an error as (kind, message)."""
        value, err = self.app.call("app:ask", op, self.name, *args)
        self.app.settle(4)
        return tuple(err) if err else value

    def cancel(self) -> None:
        self.app.call("app:cancel", self.name)
        self.app.settle(6)

    def diary(self) -> list[str]:
        """What children wrote since the last time."""
        return self.app.call("app:read")

    def running(self) -> list[str]:
        """The children that run, in order."""
        return [one["id"] for one in self.ask("which_children") if "pid" in one]
