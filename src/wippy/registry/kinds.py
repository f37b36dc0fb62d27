"""The kinds of entries that every build knows."""

from __future__ import annotations

INTERNAL = frozenset(("registry.entry", "ns.requirement", "ns.dependency", "ns.definition"))


def internal_kinds(configured: object) -> frozenset[str]:
    """The kinds stored without a handler: a list from the configuration stands in place of the default."""
    if not isinstance(configured, list):
        return INTERNAL
    return frozenset(kind for kind in configured if isinstance(kind, str))


HANDLED = frozenset(
    (
        *("function.lua", "function.lua.bc", "library.lua", "library.lua.bc", "process.lua", "process.lua.bc"),
        *("workflow.lua", "workflow.lua.bc", "function.wasm", "function.wat", "process.wasm", "process.python"),
        *("process.host", "process.service", "terminal.host", "pg.scope"),
        *("http.service", "http.router", "http.endpoint", "http.static"),
        *("db.sql.sqlite", "db.sql.postgres", "db.sql.mysql", "db.cdc.postgres"),
        *("store.memory", "store.sql", "store.kv.raft", "store.kv.crdt"),
        *("queue.driver.memory", "queue.driver.amqp", "queue.driver.sqs", "queue.queue", "queue.consumer"),
        *("temporal.client", "temporal.worker", "workflow.provider.sqlite", "workflow.worker"),
        *("config.aws", "cloudstorage.s3", "fs.directory", "fs.embed"),
        *("env.storage.memory", "env.storage.file", "env.storage.os", "env.storage.static", "env.storage.router"),
        *("env.variable", "template.set", "template.jet"),
        *("security.policy", "security.policy.expr", "security.token_store"),
        *("contract.definition", "contract.binding", "exec.native", "exec.docker"),
        *("network.socks5", "network.i2p", "network.tailscale"),
    )
)

KNOWN = INTERNAL | HANDLED


def suggestions(kind: str, more: frozenset[str] = frozenset()) -> list[str]:
    """Up to three known kinds that `kind` may have been meant as, best first.

    Args:
        kind: as written.
        more: further kinds that have a handler.
    """
    from difflib import get_close_matches  # slow to import, needed only for mistakes

    known = sorted(KNOWN | more)
    lower = kind.strip().lower().replace("_", ".").replace("-", ".")
    swapped = ".".join(reversed(lower.split(".")))
    exact = [name for name in known if name in (lower, swapped)]
    return (exact + [name for name in get_close_matches(lower, known, 3, 0.7) if name not in exact])[:3]


def advice(kind: str, more: frozenset[str] = frozenset()) -> str:
    """What to tell the writer of an unknown kind."""
    found = suggestions(kind, more)
    if found:
        return f"did you mean {' or '.join(found)}?"
    return "use a known kind; registry.entry holds data of your own"
