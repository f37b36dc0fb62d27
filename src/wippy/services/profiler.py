"""The profiling server: where an application spends its time and memory, over HTTP, for the machine it runs on.

It works in threads of its own, so an application whose event loop is stuck still answers.
"""

from __future__ import annotations

import ipaddress
import json
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wippy.errors import INVALID, WippyError
from wippy.registry.config import Config
from wippy.services.control_answers import Answers
from wippy.services.system import System

SECOND = 1_000_000_000
LONGEST = 300.0
"""Seconds of one profile."""
LARGEST = 100
"""Processes that the page about memory names."""

INDEX = """\
/debug/pprof/profile?seconds=10  reductions by stack, in the collapsed form that flame graph tools read
/debug/pprof/goroutine           processes, calls and threads with their stacks
/debug/pprof/heap                memory, and the processes that hold most of it
/debug/pprof/cmdline             the command line
/debug/stats                     figures of hosts, services and machine
/debug/gc                        collect garbage now
"""


class Profiler:
    """Serves the pages while it is open.

    Args:
        config: section `profiler`: address, read_timeout, write_timeout, idle_timeout.
        view: gives the application's figures, None while it boots.
    """

    def __init__(self, config: Config, view: Callable[[], System | None]) -> None:
        self._view = view
        self._answers = Answers(view)
        self._address = _address(config.get("profiler.address", "localhost:6060"))
        self._timeout = config.duration("profiler.read_timeout", 15 * SECOND) / SECOND
        self._server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        """Host and port in use, also where any port was asked for."""
        host, port = self._address
        return f"{host}:{self._server.server_address[1] if self._server is not None else port}"

    def open(self) -> None:
        """Begins to serve. Raises OSError."""
        profiler = self

        class Handler(BaseHTTPRequestHandler):
            timeout = profiler._timeout

            def do_GET(self) -> None:
                profiler._serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(self._address, Handler)
        self._server.daemon_threads = True
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.1,), name="profiler", daemon=True).start()

    def close(self) -> None:
        """Stops serving. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        try:
            if not self._is_local(request.headers.get("Host", "")):
                status, text = 403, "this address is for the machine itself\n"
            else:
                status, text = self._page(url.path.rstrip("/"), parse_qs(url.query))
        except WippyError as error:
            status, text = 400 if error.kind == INVALID else 503, f"{error.message}\n"
        except Exception as error:
            status, text = 500, f"{type(error).__name__}: {error}\n"
        body = text.encode("utf-8", "replace")
        request.send_response(status)
        request.send_header("Content-Type", "text/plain; charset=utf-8")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _is_local(self, host: str) -> bool:
        """A page of some web site must not reach a local address under a name of its own."""
        bound = self._address[0]
        if bound not in ("localhost", "127.0.0.1", "::1"):
            return True
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost":
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def _page(self, path: str, query: dict[str, list[str]]) -> tuple[int, str]:
        pages: dict[str, Callable[[dict[str, list[str]]], str]] = {
            "/debug/pprof": lambda query: INDEX,
            "/debug/pprof/profile": self._profile,
            "/debug/pprof/goroutine": self._stacks,
            "/debug/pprof/heap": self._heap,
            "/debug/pprof/cmdline": lambda query: "\0".join(sys.argv),
            "/debug/stats": lambda query: _json(self._answers({"request": "figures"})),
            "/debug/gc": self._collect,
        }
        page = pages.get(path)
        return (200, page(query)) if page is not None else (404, f"no such page; there is\n{INDEX}")

    def _system(self) -> System:
        found = self._view()
        if found is None:
            raise WippyError("Unavailable", "the application is still starting")
        return found

    def _profile(self, query: dict[str, list[str]]) -> str:
        text = query.get("seconds", ["10"])[0]
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= LONGEST:
            raise WippyError(INVALID, f"seconds must be a number up to {LONGEST:g}, not {text}")
        system = self._system()
        found = system.inspection.profile(system.all_stations(None, home=True), seconds)
        lines = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return "".join(f"{stack} {reductions}\n" for stack, reductions in lines)

    def _stacks(self, query: dict[str, list[str]]) -> str:
        rows = self._answers({"request": "processes", "calls": True})["rows"]
        out = [f"{len(rows)} processes and calls\n"]
        for row in rows:
            waits = f", waits for {row['waits']}" if "waits" in row else ""
            out.append(f"{row.get('pid', 'call')} {row['source']} at {row.get('at', '?')}: {row['state']}{waits}\n")
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for number, frame in sys._current_frames().items():
            out.append(f"\nthread {names.get(number, number)}\n{''.join(traceback.format_stack(frame))}")
        return "".join(out)

    def _heap(self, query: dict[str, list[str]]) -> str:
        from wippy.modules.system import machine

        system = self._system()
        rows = self._answers({"request": "processes", "sort": "memory", "limit": LARGEST})["rows"]
        keys = ("pid", "source", "memory", "memory_cut", "mailbox")
        largest = [{key: row[key] for key in keys} for row in rows]
        return _json({"memory": machine.memory(system.memory_limit), "processes": largest})

    def _collect(self, query: dict[str, list[str]]) -> str:
        self._system().collect()
        return "collected\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=repr) + "\n"


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise WippyError(INVALID, f"profiler.address must be host:port, not {text}")
    return host.strip("[]") or "0.0.0.0", int(port)
