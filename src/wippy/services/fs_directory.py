"""Kind `fs.directory`: a folder as a volume."""

from __future__ import annotations

from pathlib import Path

import msgspec

from wippy.registry.decode import decode
from wippy.registry.entry import Entry
from wippy.services.site import Site


class DirectoryEntry(msgspec.Struct):
    """Data of a volume entry."""

    directory: str = ""
    auto_init: bool = False
    mode: str | int = "0755"
    base: str = ""


class DirectoryHandler:
    """Makes volumes of folders."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def create(self, entry: Entry) -> None:
        from wippy.modules.fs.volume import DirectoryVolume

        config = decode(entry, DirectoryEntry, env=self._site.read_variable)
        if not config.directory:
            raise entry.error("directory path is required", hint="give directory: the folder of the volume")
        try:
            mode = config.mode if isinstance(config.mode, int) else int(config.mode, 8)
        except ValueError:
            raise entry.error(f"mode must be octal text such as 0755, got {config.mode!r}", "mode") from None
        if config.base not in ("", "project", "module"):
            raise entry.error(f"base must be project or module, got {config.base!r}", "base")
        root = Path(config.directory)
        if not root.is_absolute():
            module = entry.meta.get("module")
            base = self._site.module_roots.get(module) if module and config.base != "project" else None
            root = Path(base or self._site.folder) / root
        if not root.is_dir():
            if not config.auto_init:
                raise entry.error(
                    f"directory {config.directory} does not exist",
                    "directory",
                    hint="create it, or set auto_init: true",
                )
            root.mkdir(parents=True, mode=mode, exist_ok=True)
        self._site.resources[str(entry.id)] = DirectoryVolume(root, mode)

    async def update(self, entry: Entry, old: Entry) -> None:
        await self.create(entry)

    async def delete(self, entry: Entry) -> None:
        self._site.resources.pop(str(entry.id), None)
