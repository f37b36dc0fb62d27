"""An application whose disk is full for a while.

`python full_disk.py <folder> tmpfs|limit`: the folder lies on a small disk of its own (mounted here; needs the right
to mount), or files of this process may not grow. Prints what the log said, then `done`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from flows.flow_app import FlowApp, function, workflow

NOTE = function("note", "return function(text) return #text end")
FLOW = workflow(
    "flow",
    """
    local funcs, uuid = require("funcs"), require("uuid")
    return function(count)
      local inbox, out = process.inbox(), {}
      for i = 1, count do
        local number = inbox:receive():payload():data()
        local size, err = funcs.call("app:note", string.rep("x", 20000) .. uuid.v4())
        if err then return nil, err end
        out[i] = number
      end
      return out
    end
    """,
)
COUNT = 12


def fill_tmpfs(folder: Path) -> Callable[[], None]:
    """Takes what space there is; the result gives it back."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(bytes(4096))
    return filler.unlink


def fill_limit(folder: Path) -> Callable[[], None]:
    """No file may grow beyond what the store's log has now."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "workflows.db-wal").stat().st_size, old[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, old)


async def main(folder: Path, fill: Callable[[Path], Callable[[], None]]) -> None:
    app = await FlowApp(folder, NOTE, FLOW).start()
    await app.begin("flow", COUNT, id="one")
    await app.signal("one", "n", 1)
    free = fill(folder)
    # There may be room for a few more; then a signal that is not stored is not acknowledged.
    acknowledged = 1
    waiting = None
    for number in range(2, COUNT + 1):
        waiting = asyncio.ensure_future(app.signal("one", "n", number))
        await app.until(lambda waiting=waiting: waiting.done() or app.logged("cannot be written"))
        if not waiting.done():
            break
        acknowledged = number
    assert waiting is not None
    assert not waiting.done()
    print(app.logged("cannot be written")[0])
    free()
    await waiting
    for number in range(acknowledged + 2, COUNT + 1):
        await app.signal("one", "n", number)
    result = await app.result("one")
    assert result == list(range(1, COUNT + 1)), result
    assert app.logged("is written again")
    await app.stop()
    await app.start()
    assert len(await app.history("one")) > COUNT
    await app.stop()
    print("done")


if __name__ == "__main__":
    place, how = Path(sys.argv[1]), sys.argv[2]
    if how == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=True)
    os.chdir(place)
    asyncio.run(main(place, fill_tmpfs if how == "tmpfs" else fill_limit))
