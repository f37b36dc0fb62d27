"""Plain data on stdout."""

from __future__ import annotations

import sys
from typing import Any


def print_data(value: Any, *, as_json: bool) -> None:
    """Prints plain data as indented JSON, or as YAML."""
    if as_json:
        import json

        print(json.dumps(value, indent=2, ensure_ascii=False, default=str))
    else:
        sys.stdout.write(yaml_text(value))


def yaml_text(value: Any) -> str:
    """`value` as YAML in block style, keys in their order, ending with a newline."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.nodes.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    out: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return out.removesuffix("...\n")
