"""`wippy registry`: looks at the entries of the application."""

from __future__ import annotations

from . import registry_list, registry_show
from .arguments import Command

COMMAND = Command(
    "registry",
    "List and show entries",
    subcommands=(registry_list.COMMAND, registry_show.COMMAND),
)
