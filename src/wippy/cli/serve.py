"""Running one application in this process: event loop, signals, exit code."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import WippyError
from .failure import show, show_fault
from .signals import Signals

if TYPE_CHECKING:
    from ..observe.log import Log
    from ..registry.config import Config
    from ..registry.project import LoadedProject
    from .program import Program


Beside = Callable[[Any], Coroutine[Any, Any, None]]


class Application(Protocol):
    """What is needed of the application."""

    async def start(self) -> None: ...
    async def run_program(self, entry: str, args: list[str], host: str | None = None, security: Any = None) -> int: ...
    async def wait(self) -> None: ...
    async def stop(self) -> int: ...
    def request_shutdown(self, code: int = 0) -> None: ...


def serve(
    project: LoadedProject,
    config: Config,
    log: Log,
    program: Program | None = None,
    arguments: list[str] | None = None,
    *,
    host: str | None = None,
    beside: Beside | None = None,
) -> int:
    """Runs the application until it is told to stop, or until its program has ended.

    Args:
        beside: runs as well while the application does.

    Returns:
        The exit code.

    Raises:
        WippyError: it could not start, or the program could not be started.
    """
    from ..app import App

    async def main() -> int:
        app = App(project, config, log)
        with control_socket(app, config, log), profiler(app, config, log):
            return await conduct(app, log, program, arguments or [], host, beside)

    return run_loop(main())


@contextlib.contextmanager
def control_socket(app: Any, config: Config, log: Log) -> Iterator[None]:
    """The socket through which `wippy ps` and `wippy top` see this application; an application runs without it too."""
    if not config.get("control.enabled", True) or not hasattr(socket, "AF_UNIX"):
        yield
        return
    from ..services.control import Control
    from ..services.control_answers import Answers
    from ..services.control_place import place

    control = Control(place(config), Answers(lambda: getattr(app, "system", None)))
    try:
        control.open()
    except (OSError, WippyError) as error:
        log.named("run").warn("no control socket: wippy ps will not find this application", {"error": str(error)})
    try:
        yield
    finally:
        control.close()


@contextlib.contextmanager
def profiler(app: Any, config: Config, log: Log) -> Iterator[None]:
    """The profiling server, where the configuration or `-p` asks for it."""
    if config.get("profiler.enabled", False) is not True:
        yield
        return
    from ..services.profiler import Profiler

    logger = log.named("run")
    made: Profiler | None = None
    try:
        made = Profiler(config, lambda: getattr(app, "system", None))
        made.open()
        logger.info("profiler listens", {"address": made.address})
    except (OSError, WippyError) as error:
        logger.warn("no profiler", {"error": str(error)})
    try:
        yield
    finally:
        if made is not None:
            made.close()


async def conduct(
    app: Application,
    log: Log,
    program: Program | None,
    arguments: list[str],
    host: str | None,
    beside: Beside | None = None,
) -> int:
    """Starts, waits and stops `app` in order; signals are taken care of meanwhile."""
    with Signals(log, app.request_shutdown) as signals:
        task: asyncio.Future[None] | None = None
        try:
            await app.start()
            if beside is not None:
                task = asyncio.ensure_future(beside(app))
                task.add_done_callback(_over)
            if program is not None and not signals.seen:
                await _run_program(app, program, arguments, host)
            else:
                await app.wait()
        except BaseException:
            await _give_up(app, log)
            raise
        finally:
            if task is not None:
                task.cancel()
        return await app.stop()


def _over(task: asyncio.Future[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, WippyError):
        show(error)
    elif error is not None:
        show_fault(error)


async def _give_up(app: Application, log: Log) -> None:
    """Stops what had started; the reason for giving up matters more than what goes wrong here."""
    try:
        await app.stop()
    except Exception as error:
        log.named("run").error("shutdown failed", cause=error)


async def _run_program(app: Application, program: Program, arguments: list[str], host: str | None) -> None:
    """Waits until the program has ended or the application is told to stop."""
    running = asyncio.ensure_future(app.run_program(str(program.id), arguments, host, program.security))
    told = asyncio.ensure_future(app.wait())
    try:
        await asyncio.wait((running, told), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            app.request_shutdown(running.result())
    finally:
        told.cancel()
        if not running.done():
            # Its host ends it in the order of the shutdown; what it still has to say no longer counts.
            running.add_done_callback(lambda task: task.cancelled() or task.exception())


def run_loop(main: Coroutine[None, None, int]) -> int:
    """Runs `main` on an event loop of its own; threads that are still busy afterwards are not waited for."""
    loop = _new_loop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=1))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # type: ignore[import-not-found]
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
