"""The `wippy` command with an application that does what the test says instead of running entries.

Environment: FAKE_APP names what it does, see `App`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import types
from typing import Any

from wippy.errors import INVALID, SourceError, WippyError


class App:
    def __init__(self, project: Any, config: Any, log: Any) -> None:
        self.logger = log.named("app")
        self.does = os.environ.get("FAKE_APP", "")
        self.code = 0
        self.told = asyncio.Event()

    async def start(self) -> None:
        if self.does == "port":
            raise WippyError(INVALID, "failed to load state: app:web: port 8080 is in use; choose another one")
        if self.does == "source":
            raise SourceError(
                "unexpected symbol", file="src/a.lua", line=3, column=5, text="if x then then", hint="remove one"
            )
        if self.does == "fault":
            raise ZeroDivisionError("inside")
        if self.does == "boot":
            print("serving", flush=True)
            await self.told.wait()
        self.logger.info("started", {"entries": 3})
        self.logger.debug("details")

    async def run_program(self, entry: str, args: list[str], host: str | None = None, security: Any = None) -> int:
        if self.does in ("wait", "slow"):
            print("running", flush=True)
            await asyncio.Event().wait()
        print(entry, args, host, security, flush=True)
        return 300 if self.does == "300" else 7 if self.does == "7" else 0

    async def wait(self) -> None:
        if self.does == "serve":
            print("serving", flush=True)
        if self.does == "busy":
            print("serving", flush=True)
            while True:
                time.sleep(0.01)
        await self.told.wait()

    def request_shutdown(self, code: int = 0) -> None:
        self.code = code
        self.told.set()

    async def stop(self) -> int:
        if self.does == "thread":
            threading.Thread(target=threading.Event().wait).start()
        if self.does == "executor":
            asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
        if self.does == "slow":
            await asyncio.Event().wait()
        self.logger.info("stopped")
        return self.code


if __name__ == "__main__":
    fake = types.ModuleType("wippy.app")
    fake.App = App  # type: ignore[attr-defined]
    sys.modules["wippy.app"] = fake

    from wippy.cli.main import main

    main()
