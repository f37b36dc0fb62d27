"""One application: boot, programs, shutdown. Also the way to embed wippy in another Python program."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Any

from wippy.errors import INVALID, NOT_FOUND, UNAVAILABLE, WippyError
from wippy.lang.cache import CompileCache
from wippy.modules.bindings import Bindings
from wippy.modules.catalog import Catalog
from wippy.observe.events import Bus
from wippy.observe.level import level_of
from wippy.observe.log import Log
from wippy.observe.log_stream import stream_to_events
from wippy.registry.config import Config
from wippy.registry.decode import convert
from wippy.registry.entry import ID, Entry
from wippy.registry.environment import Environment
from wippy.registry.kinds import internal_kinds
from wippy.registry.lifecycle import Security
from wippy.registry.notice import Notice
from wippy.registry.pipeline import run_pipeline
from wippy.registry.project import LoadedProject
from wippy.registry.references import References
from wippy.registry.reload import Reloaded, reload_operations
from wippy.registry.store import Event, Registry
from wippy.registry.version import History
from wippy.security.check import permitted
from wippy.security.policies import Policies
from wippy.services.catalog import register_kinds
from wippy.services.module_services import ModuleServices
from wippy.services.process_host import workflow_worker
from wippy.services.site import Site
from wippy.services.system import System
from wippy.services.terminal_end import exit_code, report
from wippy.supervise.clock import DrivenClock
from wippy.supervise.commands import Commands as ServiceCommands
from wippy.supervise.commands import publisher
from wippy.supervise.state import RUNNING
from wippy.supervise.supervisor import Supervisor
from wippy.units.clock import Clock, SystemClock
from wippy.units.code import CodeStore
from wippy.units.commands import Commands
from wippy.units.frame import Frame, Scopes
from wippy.units.host import HostConfig, ProcessHost
from wippy.units.node import node_id
from wippy.units.router import FUNCTIONS, Router
from wippy.units.runtime import Runtime

SECOND = 1_000_000_000
SWITCH_INTERVAL = 0.0005
BROKEN_LIMIT = 2.0
"""Seconds for the shutdown after a part has failed that the application stands on."""
"""Seconds after which a Python thread gives way: the default of 5 ms shows as latency between workers."""


class App:
    """An application made of a loaded project. Lives on the event loop that is running when `start` is called.

    Args:
        project: entries and folders.
        config: the runtime configuration.
        log: where records go.
        clock: drives timers and workflows.
    """

    def __init__(self, project: LoadedProject, config: Config, log: Log, *, clock: Clock | None = None) -> None:
        self.project = project
        self.config = config
        self.log = log
        self.clock = clock or SystemClock()
        self.bus = Bus()
        self.registry = Registry(
            internal_kinds=internal_kinds(config.get("registry.dispatch_internal_kinds", None)),
            wait_timeout=config.duration("registry.event_wait_timeout", 30 * SECOND),
            notice=self._notice,
            keeps_history=config.get("registry.enable_history", True)
            and config.get("registry.history_type", "memory") != "nil",
            history=self._history(),
        )
        self.environment = Environment()
        self._run_log = log.named("run")
        self._code = 0
        self._shutdown: asyncio.Event | None = None
        self._functions: ProcessHost | None = None
        self._functions_lock = threading.Lock()
        self._commands: Commands | None = None
        self.arguments: list[str] = []
        self._stopped = self._broken = False
        self._files: dict[ID, Entry] = {}
        self.site: Site

    def _history(self) -> History | None:
        wanted = self.config.get("registry.history_type", "memory")
        if wanted in ("memory", "nil") or not self.config.get("registry.enable_history", True):
            return None
        if wanted == "sqlite":
            from wippy.registry.durable_history import DurableHistory

            return DurableHistory(self.config.path("registry.history_path", ".wippy/registry.db"))
        self._notice(Notice("warn", "unknown history type, history is kept in memory", {"history_type": wanted}))
        return None

    # Boot

    async def load(self) -> None:
        """Boots without services: entries go into the registry, and nothing runs until it is started by name.

        Raises:
            WippyError, Problems: a mistake in the project.
        """
        await self.start(idle=True)

    def workflow_providers(self) -> list[ID]:
        """The entries of workflow providers."""
        return [ID.parse(id) for id in self.site.workflow_nodes]

    async def start(self, *, idle: bool = False) -> None:
        """Boots: entries into the registry, services with `auto_start` in the background.

        Args:
            idle: services do not start.

        Raises:
            WippyError, Problems: a mistake in the project; nothing goes on running.
        """
        sys.setswitchinterval(SWITCH_INTERVAL)
        loop = asyncio.get_running_loop()
        self._shutdown = self._shutdown or asyncio.Event()
        if self.config.get("logmanager.stream_to_events", False):
            stream_to_events(self.log, self.bus)
        self._build(loop)
        self._run_log.debug("components loaded successfully")
        entries = self._pipeline(self.project)
        self._files = {entry.id: entry for entry in entries}
        version = self.registry.version
        if version.id:
            self._run_log.info("restoring registry state from history", {"version": str(version)})
        else:
            self._run_log.info("initializing registry with baseline state at v0")
        self.supervisor.idle = idle
        await self.registry.load(entries)
        self._run_log.info("entries loaded to registry successfully")
        self._run_log.info("runtime ready")

    def _pipeline(self, project: LoadedProject) -> list[Entry]:
        overrides, disable = self.config.overrides(), self.config.disable()
        entries, notices = run_pipeline(project.entries, overrides=overrides, disable=disable)
        for notice in notices:
            self._notice(notice)
        return entries

    async def reload(self, project: LoadedProject) -> Reloaded:
        """Brings entries whose files have changed into force, all in one change; all else goes on.

        Args:
            project: the project as it was read again.

        Returns:
            What has changed. Processes that run changed code and are upgradable have been told.

        Raises:
            WippyError, Problems: a mistake in the project; nothing has changed.
        """
        entries = self._pipeline(project)
        new = {entry.id: entry for entry in entries}
        operations = reload_operations(self._files, new, self.registry)
        self.site.outdated = []
        roots, self.site.module_roots = self.site.module_roots, dict(project.module_roots)
        try:
            if operations:
                await self.registry.apply(operations, report_all=True, from_files=True)
        except BaseException:
            self.site.module_roots = roots
            raise
        self._files, self.project = new, project
        self.registry.relocate(entries)
        outcome = Reloaded.of(operations)
        outcome.told = await self._told()
        return outcome

    async def _told(self) -> int:
        """How many processes the workers have told so far; a worker that is busy is not waited for long."""
        waiting = [asyncio.wrap_future(future) for future in self.site.outdated]
        if not waiting:
            return 0
        done, _ = await asyncio.wait(waiting, timeout=1)
        return sum(task.result()[0] for task in done if not task.cancelled() and task.exception() is None)

    def _build(self, loop: asyncio.AbstractEventLoop) -> None:
        config = self.config
        router = Router(node_id(config.get("relay.node_name", "")))
        router.home = self.functions
        catalog = Catalog()
        cache = CompileCache(
            config.path("lua.cache.dir", ".wippy/cache/lua"),
            "off" if config.get("lua.cache.enabled", True) is False else config.get("lua.cache.mode", "readwrite"),
        )
        strict = bool(config.get("security.strict_mode", False))
        policies = Policies(self._notice)
        scopes = Scopes(lambda ids: policies.scope([ID.parse(id) for id in ids]))
        modules = ModuleServices(
            self.registry, self.environment, self.log, self.bus, router, self._permitted, policies, scopes
        )
        runtime = Runtime(
            router,
            CodeStore(catalog, cache),
            Bindings(modules, catalog),
            self.clock,
            self._permitted,
            self._lua_log,
            strict,
            scopes,
        )

        def told(notice: Notice) -> None:
            self._notice(notice, "supervisor")

        supervisor = Supervisor(
            references=self._references,
            listener=publisher(self.bus),
            notice=told,
            clock=DrivenClock(self.clock, loop),
        )
        self._service_commands = ServiceCommands(self.bus, supervisor, loop, told)
        self.registry.listen(self._registry_event)
        runtime.fatal = self._fatal
        runtime.dead_letters.later = self._later
        self.runtime = runtime
        self.policies = policies
        self.supervisor = supervisor
        self.site = Site(
            config=config,
            log=self.log,
            registry=self.registry,
            environment=self.environment,
            policies=policies,
            supervisor=supervisor,
            runtime=runtime,
            bus=self.bus,
            loop=loop,
            functions=self.functions,
            exit=self.request_shutdown,
            folder=str(self.project.folder),
            supervisor_notice=self._notice,
            module_roots=dict(self.project.module_roots),
        )
        self._strict = strict
        modules.resources = self.site.resources
        modules.arguments = lambda: self.arguments
        self.system = modules.system = System(self.site, catalog)
        modules.setting = config.get
        self._commands = Commands(runtime, loop)
        register_kinds(self.site)
        self.registry.participate(supervisor)

    def functions(self) -> ProcessHost:
        """The host of functions that are called from outside of any VM; started at the first use."""
        host = self._functions
        if host is None:
            with self._functions_lock:
                host = self._functions
                if host is None:
                    host = ProcessHost(
                        FUNCTIONS,
                        self.runtime,
                        HostConfig(workers=1),
                        functions_home=True,
                        extra={"workflow_worker": lambda id: workflow_worker(self.site, id)},
                    )
                    host.start()
                    self._functions = host
        return host

    # Programs

    async def run_program(self, entry: str, args: list[str], host: str | None = None, security: Any = None) -> int:
        """Runs a process on a terminal host.

        Args:
            entry: full entry ID of a process.
            args: its arguments, also what `io.args()` gives.
            host: terminal host, needed where there are several.
            security: identity as in `lifecycle.security` (plain data); None for none.

        Returns:
            The exit code.

        Raises:
            WippyError: there is no terminal host, or it does not run; INVALID for a wrong security block.
        """
        id = self._terminal(host)
        await self._wait_for_services(id)
        terminal = self.site.hosts[id]
        frame = self._program_frame(entry, security)
        hidden = self.log.hide() if self.site.terminals[id].hide_logs else contextlib.nullcontext()
        self.arguments = args
        with hidden:
            future = terminal.execute(entry, args, frame.blob(), terminal=True)
            try:
                value = await asyncio.wrap_future(future)
            except WippyError as error:
                sys.stdout.flush()
                return report(error, self.runtime.code)
        sys.stdout.flush()
        return exit_code(value)

    def _program_frame(self, entry: str, security: Any) -> Frame:
        if security is None:
            return Frame()
        known = self.registry.peek(entry) or Entry(ID.parse(entry), "process.lua")
        return self.site.frame_for(convert(known, security, Security, ("meta", "command", "security")))

    def _terminal(self, host: str | None) -> str:
        found = sorted(self.site.terminals)
        if host:
            if host not in found:
                raise WippyError(NOT_FOUND, f"terminal host not found: {host} (there is: {', '.join(found) or 'none'})")
            return host
        if not found:
            raise WippyError(
                NOT_FOUND, "no terminal.host found in registry: add an entry of kind terminal.host to run a program"
            )
        if len(found) > 1:
            raise WippyError(INVALID, f"multiple terminal hosts found ({', '.join(found)}), use --host to specify")
        return found[0]

    async def _wait_for_services(self, id: str) -> None:
        terminal = ID.parse(id)
        with contextlib.suppress(TimeoutError, WippyError):
            async with asyncio.timeout(5):
                await self.supervisor.settled()
                await self._first_waits()
        state = self.supervisor.state(terminal)
        if state is None or state.status != RUNNING:
            try:
                async with asyncio.timeout(5):
                    await self.supervisor.start(terminal)
            except TimeoutError:
                raise WippyError(UNAVAILABLE, f"terminal host {id} did not start within 5s") from None

    async def _first_waits(self) -> None:
        """Returns when the processes of services have come to wait: then they have the names they register."""
        router = self.runtime.router
        waits = []
        for state in self.supervisor.states():
            entry = self.registry.get(state.id)
            if state.status == RUNNING and entry is not None and entry.kind == "process.service":
                asked = router.request("first_wait", state.details, "", "", "", b"")
                waits.append(asyncio.wrap_future(asked))
                waits[-1].add_done_callback(lambda one: one.cancelled() or one.exception())  # no answer is none's fault
        if waits:
            await asyncio.wait(waits)

    # Shutdown

    def request_shutdown(self, code: int = 0) -> None:
        """Asks for an orderly shutdown; the last code counts. From any thread."""
        self._code = code
        if self._shutdown is None:
            self._shutdown = asyncio.Event()
            self._shutdown.set()
            return
        site = getattr(self, "site", None)
        if site is None or site.loop.is_closed():
            self._shutdown.set()
        else:
            site.loop.call_soon_threadsafe(self._shutdown.set)

    async def wait(self) -> None:
        """Returns when a shutdown has been asked for."""
        self._shutdown = self._shutdown or asyncio.Event()
        await self._shutdown.wait()

    async def stop(self) -> int:
        """Stops services, dependents first, then functions and resources; returns the exit code. Idempotent."""
        if self._stopped:
            return self._code
        self._stopped = True
        if not hasattr(self, "site"):
            return self._code
        limit = self.config.duration("shutdown.timeout", 30 * SECOND) / SECOND
        if self._broken:
            limit = min(limit, BROKEN_LIMIT)
        self._service_commands.close()
        try:
            async with asyncio.timeout(limit):
                for error in await self.supervisor.shutdown():
                    self._run_log.error("a service did not stop in time", {"error": str(error)})
                loop = asyncio.get_running_loop()
                if self._functions is not None:
                    await loop.run_in_executor(None, self._functions.stop, min(limit, 10.0))
                if self._commands is not None:
                    await self._commands.stop()
        except TimeoutError:
            self._run_log.error("shutdown took too long, the rest is cut off", {"limit": f"{limit:g}s"})
        for host in self.site.hosts.values():
            host.kill()
        if self._functions is not None:
            self._functions.kill()
        self.runtime.guests.close()
        self.runtime.router.close()
        self.registry.history.close()
        self.runtime.dead_letters.flush()
        for resource in self.site.resources.values():
            close = getattr(resource, "close", None)
            if close is not None:
                with contextlib.suppress(Exception):
                    close()
        self._run_log.info("stopped")
        return self._code

    # Wiring

    def _fatal(self, text: str) -> None:
        """A part that everything stands on has ended: nobody may wait for it for ever."""
        self._broken = True
        self._run_log.error("the application cannot go on", {"error": text})
        print(f"Error: {text}", file=sys.stderr, flush=True)
        self.request_shutdown(1)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        """Calls a function on the event loop after a while; never, if the loop closes before. From any thread."""
        with contextlib.suppress(RuntimeError):
            self.site.loop.call_soon_threadsafe(self.site.loop.call_later, seconds, act)

    def _permitted(self, frame: Frame, action: str, resource: str, meta: dict[str, Any] | None) -> bool:
        scope = self.runtime.scopes.get(frame.scope) if frame.scope is not None else None
        return permitted(frame.actor, scope, action, resource, meta, self._strict)

    def _registry_event(self, event: Event) -> None:
        if self.bus.wanted("registry", event.kind):
            self.bus.send("registry", event.kind, event.path, event.plain())

    def _references(self, id: Any) -> Any:
        entry = self.registry.peek(id)
        return References(entry).ids if entry is not None else ()

    def _notice(self, notice: Notice, logger: str = "registry") -> None:
        self.log.write(level_of(notice.level), logger, notice.message, notice.fields)

    def _lua_log(self, level: str, name: str, message: str, fields: dict[str, Any]) -> None:
        self.log.write(level_of(level), name, message, fields)
