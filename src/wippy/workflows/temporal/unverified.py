"""TLS to a server whose certificate nobody checks.

The SDK always checks it. So it is told to speak without TLS through a proxy of ours, a Unix socket that this user alone
can open; the proxy adds the TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import tempfile
import weakref
from pathlib import Path

CHUNK = 1 << 16


class Tunnel:
    """An HTTP CONNECT proxy to one server.

    Args:
        address: host:port of the server.
        certificate: of the client, with `key`, both PEM; None for none.

    Raises:
        ValueError: the address has no port; certificate and key cannot be read, or do not fit each other.
    """

    def __init__(self, address: str, certificate: bytes | None = None, key: bytes | None = None) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"{address!r} is not host:port")
        self._host, self._port = host.strip("[]"), int(port)
        folder = Path(tempfile.mkdtemp(prefix="wippy-"))
        weakref.finalize(self, shutil.rmtree, folder, True)
        self._path = folder / "tls"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._tls.set_alpn_protocols(["h2"])
        if certificate is not None and key is not None:
            pair = folder / "pair.pem"
            pair.write_bytes(certificate.rstrip() + b"\n" + key)
            try:
                self._tls.load_cert_chain(pair)
            except ssl.SSLError as error:
                raise ValueError(f"the client certificate and its key cannot be used: {error}") from None
            finally:
                pair.unlink()
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()

    @property
    def target(self) -> str:
        """The proxy as the SDK names it."""
        return f"unix:{self._path}"

    async def open(self) -> None:
        """Takes connections; nothing happens if it does so already."""
        if self._server is None:
            self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def close(self) -> None:
        """Ends all connections; the SDK makes new ones after the next `open`."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)
        await server.wait_closed()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._ways.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            await reader.readuntil(b"\r\n\r\n")
            try:
                there, far = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            except OSError as error:
                writer.write(f"HTTP/1.1 502 {type(error).__name__}\r\n\r\n".encode())
                await writer.drain()
                return
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(_pump(reader, far), _pump(there, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._ways.discard(task)
            for one in (writer, far):
                if one is not None:
                    one.close()


async def _pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK):
        to.write(data)
        await to.drain()
    with contextlib.suppress(OSError):
        to.close()
