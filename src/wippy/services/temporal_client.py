"""Kind `temporal.client`: a namespace of a Temporal server as a workflow provider."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from wippy.errors import INVALID, UNAVAILABLE, WippyError
from wippy.registry.decode import Duration, decode
from wippy.registry.entry import Entry
from wippy.registry.lifecycle import Lifecycle
from wippy.services.site import Site
from wippy.services.workflow_node import WorkflowNode
from wippy.workflows.machine_vm import MachineVM
from wippy.workflows.provider import Provider
from wippy.workflows.temporal.seats import THREADS, Seats
from wippy.workflows.temporal.unverified import Tunnel

log = logging.getLogger("wippy.workflows")

SECOND = 1_000_000_000
PATIENCE = 5.0
"""Seconds for which a health check waits."""


class Auth(msgspec.Struct):
    """The `auth` block."""

    type: str = "none"
    api_key: str = ""
    api_key_env: str = ""
    api_key_file: str = ""
    cert_file: str = ""
    cert_pem: str = ""
    key_file: str = ""
    key_pem: str = ""
    key_pem_env: str = ""


class Tls(msgspec.Struct):
    """The `tls` block."""

    enabled: bool = False
    ca_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False


class HealthCheck(msgspec.Struct):
    """The `health_check` block."""

    enabled: bool = False
    interval: Duration = Duration(30 * SECOND)


class ClientEntry(msgspec.Struct):
    """Data of a client entry."""

    address: str = ""
    namespace: str = "default"
    tq_prefix: str = ""
    connection_timeout: Duration = Duration(10 * SECOND)
    keep_alive_time: Duration = Duration(30 * SECOND)
    keep_alive_timeout: Duration = Duration(10 * SECOND)
    auth: Auth = msgspec.field(default_factory=Auth)
    tls: Tls = msgspec.field(default_factory=Tls)
    health_check: HealthCheck = msgspec.field(default_factory=HealthCheck)
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


class Connection(NamedTuple):
    """A client of the SDK, and what it goes through to a server that is not verified."""

    client: Any
    tunnel: Tunnel | None


def _settings(config: ClientEntry) -> tuple[Any, ...]:
    """What decides about the connection."""
    times = config.connection_timeout, config.keep_alive_time, config.keep_alive_timeout
    return config.address, config.namespace, config.auth, config.tls, *times


class ClientService(WorkflowNode):
    """A connected client under supervision.

    Attributes:
        reconnect: connects anew at the next start, with settings that have changed; or None.
        threads: in which the tasks of its runs are done.
        seats: the VMs in which its runs live.
    """

    def __init__(self, site: Site, id: str, config: ClientEntry, connection: Connection) -> None:
        super().__init__(site, id)
        self.config = config
        self.connection = connection
        self.reconnect: Callable[[], Awaitable[Connection]] | None = None
        self._kept: Any = None
        self._provider: Any = None
        self._health: asyncio.Task[None] | None = None
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"workflows of {id}")
        self.seats = Seats(lambda: MachineVM(site.runtime, self.max_memory))

    def engine(self) -> Provider | None:
        return self._provider

    async def start(self, ended: Any) -> str | None:
        from wippy.workflows.temporal.provider import TemporalProvider

        try:
            if self.reconnect is not None:
                self.connection, self.reconnect = await self.reconnect(), None
                if self._kept is not None:
                    self._kept.client = self.connection.client
            if self.connection.tunnel is not None:
                await self.connection.tunnel.open()
            await self._check()
        except WippyError as error:
            self.problem = error.message
            raise
        self.problem = ""
        if self._kept is None:  # attempts and watchers outlive a restart of the service
            self._kept = TemporalProvider(self.connection.client, asyncio.get_running_loop())
        self._kept.resume()
        self._provider = self._kept
        if self.config.health_check.enabled:
            interval = self.config.health_check.interval / 1e9
            self._health = asyncio.get_running_loop().create_task(self._watch(interval, ended))
        return f"{self.config.address} {self.config.namespace}"

    async def _is_healthy(self) -> bool:
        from temporalio.service import RPCError, RPCStatusCode

        check = self.connection.client.service_client.check_health
        try:
            return await check()
        except RPCError as error:
            if error.status != RPCStatusCode.CANCELLED:
                raise
        return await check()  # the connection had just ended; this call makes a new one

    async def _check(self) -> None:
        try:
            healthy = await asyncio.wait_for(self._is_healthy(), PATIENCE)
        except Exception as error:
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise WippyError(
                UNAVAILABLE, f"the Temporal server at {self.config.address} does not answer: {text}", retryable=True
            ) from None
        if not healthy:
            raise WippyError(
                UNAVAILABLE, f"the Temporal server at {self.config.address} is not healthy", retryable=True
            )

    async def _watch(self, interval: float, ended: Any) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await self._check()
            except WippyError as error:
                log.error("%s: %s", self.id, error.message)
                ended(error)
                return

    async def stop(self) -> None:
        if self._health is not None:
            self._health.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._health
            self._health = None
        provider, self._provider = self._provider, None
        if provider is not None:
            provider.pause()
        if self.connection.tunnel is not None:
            await self.connection.tunnel.close()


class ClientHandler:
    """Connects clients when their entries are loaded; a change takes effect after a restart."""

    def __init__(self, site: Site, clients: dict[str, ClientService]) -> None:
        self._site = site
        self._clients = clients

    async def create(self, entry: Entry) -> None:
        config = self._config(entry)
        id = str(entry.id)
        service = ClientService(self._site, id, config, await self._connection(entry, config))
        self._clients[id] = self._site.workflow_nodes[id] = service
        self._site.runtime.router.peers[id] = service
        self._site.supervisor.register(entry.id, service, config.lifecycle)

    async def update(self, entry: Entry, old: Entry) -> None:
        config = self._config(entry)
        service = self._clients[str(entry.id)]
        if _settings(config) != _settings(service.config):
            service.reconnect = lambda: self._connection(entry, config)
        service.config = config
        self._site.supervisor.register(entry.id, service, config.lifecycle)

    async def delete(self, entry: Entry) -> None:
        id = str(entry.id)
        self._clients.pop(id, None)  # its thread ends with it, after the workers that use it have stopped
        self._site.workflow_nodes.pop(id, None)
        self._site.runtime.router.peers.pop(id, None)
        await self._site.supervisor.unregister(entry.id)

    async def _connection(self, entry: Entry, config: ClientEntry) -> Connection:
        tunnel = self._tunnel(entry, config)
        return Connection(await self._connect(entry, config, tunnel), tunnel)

    async def _connect(self, entry: Entry, config: ClientEntry, tunnel: Tunnel | None) -> Any:
        try:
            from temporalio.client import Client
            from temporalio.service import HttpConnectProxyConfig, KeepAliveConfig

            from wippy.workflows.temporal.core_log import runtime
            from wippy.workflows.temporal.headers import Headers
        except ImportError:
            raise entry.error(
                "Temporal needs the package temporalio", hint="pip install 'wippy[temporal]'", kind=UNAVAILABLE
            ) from None
        options: dict[str, Any] = {}
        if config.auth.type == "api_key":
            options["api_key"] = self._api_key(entry, config.auth)
        if tunnel is not None:
            await tunnel.open()
            options["http_connect_proxy_config"] = HttpConnectProxyConfig(tunnel.target)
        if config.keep_alive_time:
            options["keep_alive_config"] = KeepAliveConfig(
                interval_millis=max(config.keep_alive_time // 1_000_000, 1),
                timeout_millis=max((config.keep_alive_timeout or 10 * SECOND) // 1_000_000, 1),
            )
        else:
            options["keep_alive_config"] = None
        seconds = config.connection_timeout / 1e9
        try:
            return await asyncio.wait_for(
                Client.connect(
                    config.address,
                    namespace=config.namespace,
                    tls=False if tunnel is not None else self._tls(entry, config),
                    interceptors=[Headers()],
                    runtime=runtime(),
                    **options,
                ),
                seconds or None,
            )
        except TimeoutError:
            reason = f"no answer within {seconds:g} s"
        except Exception as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        finally:
            if tunnel is not None:
                await tunnel.close()
        raise entry.error(
            f"failed to create client: failed to connect to temporal: {config.address}: {reason}",
            "address",
            kind=UNAVAILABLE,
            hint="is the server running there? `temporal server start-dev` starts one for development",
        )

    def _api_key(self, entry: Entry, auth: Auth) -> str:
        if auth.api_key:
            return auth.api_key
        if auth.api_key_file:
            return self._read(entry, auth.api_key_file, "auth", "api_key_file").decode().strip()
        return self._variable(entry, auth.api_key_env, "api_key_env")

    def _variable(self, entry: Entry, name: str, key: str) -> str:
        found = self._site.read_variable(name)
        if not found:
            raise entry.error(f"variable not set: {name}", "auth", key)
        return found

    def _tls(self, entry: Entry, config: ClientEntry) -> Any:
        from temporalio.service import TLSConfig

        tls, auth = config.tls, config.auth
        if not tls.enabled and auth.type != "mtls":
            if auth.type == "api_key":
                log.warning("%s: the API key is sent to %s without TLS", entry.id, config.address)
            return False
        certificate, key = self._pair(entry, auth)
        root = self._read(entry, tls.ca_file, "tls", "ca_file") if tls.enabled and tls.ca_file else None
        if root is not None and b"-----BEGIN CERTIFICATE-----" not in root:
            raise entry.error(f"{tls.ca_file} holds no certificate", "tls", "ca_file")
        return TLSConfig(
            server_root_ca_cert=root,
            domain=tls.server_name or None if tls.enabled else None,
            client_cert=certificate,
            client_private_key=key,
        )

    def _pair(self, entry: Entry, auth: Auth) -> tuple[bytes, bytes] | tuple[None, None]:
        """Certificate and key of the client."""
        if auth.type != "mtls":
            return None, None
        certificate = auth.cert_pem.encode() or self._read(entry, auth.cert_file, "auth", "cert_file")
        if auth.key_file:
            return certificate, self._read(entry, auth.key_file, "auth", "key_file")
        return certificate, (auth.key_pem or self._variable(entry, auth.key_pem_env, "key_pem_env")).encode()

    def _tunnel(self, entry: Entry, config: ClientEntry) -> Tunnel | None:
        """The way to a server that is not verified."""
        if not (config.tls.enabled and config.tls.insecure_skip_verify):
            return None
        log.warning("%s: nobody checks that %s is the server meant", entry.id, config.address)
        try:
            return Tunnel(config.address, *self._pair(entry, config.auth))
        except ValueError as error:
            raise entry.error(str(error), "tls", "insecure_skip_verify", kind=INVALID) from None

    def _read(self, entry: Entry, path: str, *keys: str) -> bytes:
        try:
            return (Path(self._site.folder) / path).read_bytes()
        except OSError as error:
            raise entry.error(f"cannot read {path}: {error.strerror}", *keys) from None

    def _config(self, entry: Entry) -> ClientEntry:
        config = decode(entry, ClientEntry, env=self._site.read_variable)

        def bad(text: str, *keys: str, hint: str | None = None) -> WippyError:
            return entry.error(text, *keys, kind=INVALID, hint=hint)

        if not config.address:
            raise bad("address is required", hint="give the server as host:port, such as 127.0.0.1:7233")
        for name in ("connection_timeout", "keep_alive_time", "keep_alive_timeout"):
            if getattr(config, name) < 0:
                raise bad(f"{name.replace('_', ' ')} must be >= 0", name)
        self._check_auth(config.auth, bad)
        if config.tls.enabled and config.tls.insecure_skip_verify:
            if config.tls.server_name:
                raise bad("cannot use insecure skip verify with server name", "tls", "insecure_skip_verify")
            if sys.platform == "win32":
                raise bad("tls.insecure_skip_verify is not supported on Windows", "tls", "insecure_skip_verify")
        if config.health_check.enabled and config.health_check.interval <= 0:
            raise bad("health check interval must be > 0 when enabled", "health_check", "interval")
        return config

    def _check_auth(self, auth: Auth, bad: Any) -> None:
        if auth.type not in ("none", "api_key", "mtls"):
            raise bad(f"invalid auth type: {auth.type}", "auth", "type")
        if auth.type == "api_key":
            given = [one for one in (auth.api_key, auth.api_key_env, auth.api_key_file) if one]
            if len(given) != 1:
                text = "multiple API key sources specified" if given else "API key source is required"
                raise bad(text, "auth")
        if auth.type == "mtls":
            for what, sources in (
                ("certificate", (auth.cert_file, auth.cert_pem)),
                ("key", (auth.key_file, auth.key_pem, auth.key_pem_env)),
            ):
                given = [one for one in sources if one]
                if len(given) != 1:
                    text = f"multiple mTLS {what} sources specified" if given else f"mTLS {what} is required"
                    raise bad(text, "auth")
