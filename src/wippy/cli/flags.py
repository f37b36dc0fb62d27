"""Flags that several commands have."""

from __future__ import annotations

from .arguments import Flag

PROFILE = Flag("profile", "overlay of the configuration file; may be repeated", value="NAME", repeat=True)
SET = Flag("set", "set a configuration value: section.path=value", value="KEY=VALUE", repeat=True)
OVERRIDE = Flag(
    "override", "change an entry: ns:entry:field=value", short="o", value="CHANGE", repeat=True, commas=True
)
LOCK = Flag("lock-file", "lock file", short="l", value="FILE", default="wippy.lock")
APP = Flag("app", "process id of the application, where several run in this folder", value="PID")
JSON = Flag("json", "print JSON")
YAML = Flag("yaml", "print YAML")
