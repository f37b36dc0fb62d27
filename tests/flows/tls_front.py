"""A server of Temporal behind TLS, with an authority, a server and a client of our own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "temporal.test"
"""What the certificate of the server says that it is."""


class Authority:
    """Signs certificates; all of them lie in a folder: `<name>.pem` and `<name>.key`, the authority's own is `ca`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of a test")])
        self._write("ca", self._sign(self._name, self._key.public_key(), None), self._key)

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for a host name, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        return self._write(name, self._sign(subject, key.public_key(), name), key)

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, host: str | None) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        )
        if host is not None:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return made.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths


class Front:
    """Takes TLS and passes on what is in it.

    Attributes:
        address: host:port.
        clients: names in the certificates of those who have connected, "" for none.
        names: host names that they have asked for, "" for none.
    """

    def __init__(self, address: str, clients: list[str], names: list[str]) -> None:
        self.address = address
        self.clients = clients
        self.names = names


@contextlib.asynccontextmanager
async def tls_front(server: str, authority: Authority, *, mutual: bool = False) -> AsyncIterator[Front]:
    """A front of the server at an address; with `mutual` it takes only clients that the authority knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(NAME))
    context.set_alpn_protocols(["h2"])
    if mutual:
        context.load_verify_locations(authority.folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    clients: list[str] = []
    names: list[str] = []
    context.sni_callback = lambda socket, name, context: names.append(name or "")
    ways: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ways.add(task)
        task.add_done_callback(ways.discard)
        peer = writer.get_extra_info("peercert") or {}
        clients.append(dict(part[0] for part in peer.get("subject", ())).get("commonName", ""))
        host, _, port = server.rpartition(":")
        far, to = await asyncio.open_connection(host, int(port))
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(_pump(reader, to), _pump(far, writer))
        for one in (writer, to):
            one.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield Front(f"127.0.0.1:{port}", clients, names)
    finally:
        listening.close()
        for way in list(ways):
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while data := await source.read(1 << 16):
        to.write(data)
        await to.drain()
