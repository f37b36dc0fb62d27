"""The entry kinds of this build and who handles them."""

from __future__ import annotations

import functools

from wippy.registry.env_handlers import register_environment
from wippy.security.policies import register_security
from wippy.services.code_changes import CodeChanges
from wippy.services.fs_directory import DirectoryHandler
from wippy.services.lua_bytecode import BYTECODE_KINDS, LuaBytecodeHandler
from wippy.services.lua_entry import KINDS, LuaEntryHandler
from wippy.services.pg_scope import ScopeHandler
from wippy.services.process_host import HostHandler
from wippy.services.process_service import ProcessServiceHandler
from wippy.services.python_process import PythonProcessHandler
from wippy.services.site import Site
from wippy.services.sqlite_database import SqliteHandler
from wippy.services.temporal_client import ClientHandler, ClientService
from wippy.services.temporal_worker import WorkerHandler as TemporalWorkerHandler
from wippy.services.type_gate import TypeGate
from wippy.services.wasm_process import WasmProcessHandler
from wippy.services.workflow_provider import ProviderHandler, ProviderService
from wippy.services.workflow_worker import WorkerHandler

GROUP = "wippy.kinds"


def register_kinds(site: Site) -> None:
    """Registers every handler. An installed package adds kinds through the entry-point group `wippy.kinds`.

    Such an entry point is named like the kind and gives a callable: site -> handler.
    """
    registry = site.registry
    register_environment(registry, site.environment, site.supervisor_notice)
    register_security(registry, site.policies)
    types = TypeGate(site.config)
    registry.participate(CodeChanges(site, types))
    code = LuaEntryHandler(site, types)
    for kind in KINDS:
        registry.register(kind, code)
    packed = LuaBytecodeHandler(site, types)
    for kind in BYTECODE_KINDS:
        registry.register(kind, packed)
    host = HostHandler(site)
    registry.register("process.host", host)
    registry.register("terminal.host", host)
    registry.register("process.service", ProcessServiceHandler(site))
    registry.register("process.python", PythonProcessHandler(site))
    registry.register("process.wasm", WasmProcessHandler(site))
    registry.register("pg.scope", ScopeHandler(site))
    registry.register("db.sql.sqlite", SqliteHandler(site))
    registry.register("fs.directory", DirectoryHandler(site))
    providers: dict[str, ProviderService] = {}
    registry.register("workflow.provider.sqlite", ProviderHandler(site, providers))
    registry.register("workflow.worker", WorkerHandler(site, providers))
    clients: dict[str, ClientService] = {}
    registry.register("temporal.client", ClientHandler(site, clients))
    registry.register("temporal.worker", TemporalWorkerHandler(site, clients))
    registry.discover = functools.partial(_discover, site)


def _discover(site: Site, kind: str) -> None:
    # Only now: the packages of an environment take longer to look through than most applications to start.
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=kind):
        site.registry.register(kind, point.load()(site))
