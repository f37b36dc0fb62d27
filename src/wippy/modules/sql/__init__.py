"""The module `sql`."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

from wippy.errors import INVALID, NOT_FOUND, WippyError
from wippy.kernel.codec import Constant
from wippy.modules.caller import Call
from wippy.modules.module import REFUSE, Convert, Module
from wippy.modules.sql.database import Database, Result, Rows, Statement, Transaction

__all__ = ["Connection", "Database", "sql"]

T = TypeVar("T")

sql = Module("sql", classes={"storage", "io", "nondeterministic"}, lua=("values.lua", "condition.lua", "builder.lua"))

Params = Annotated[list[Any], Convert("sql.params")]
"""nil or a table; comes as a list in which NULLs are constants and blobs are one-element lists."""

sql.constant("type", {"POSTGRES": "postgres", "MYSQL": "mysql", "SQLITE": "sqlite", "UNKNOWN": "unknown"})
sql.constant(
    "isolation",
    {
        "DEFAULT": "default",
        "READ_UNCOMMITTED": "read_uncommitted",
        "READ_COMMITTED": "read_committed",
        "WRITE_COMMITTED": "write_committed",
        "REPEATABLE_READ": "repeatable_read",
        "SERIALIZABLE": "serializable",
    },
)
ISOLATIONS = frozenset(sql.constants["isolation"].values())


class Connection:
    """One unit's claim on a database."""

    def __init__(self, database: Database) -> None:
        database.claim()
        self.database = database
        self._held = True

    def close(self) -> None:
        """Gives the claim back; once."""
        if self._held:
            self._held = False
            self.database.unclaim()


sql.object("DB", Connection)
sql.object("Transaction", Transaction)
sql.object("Statement", Statement)


def bound(params: list[Any] | None) -> list[Any] | None:
    """Parameters as the engine takes them."""
    if not params:
        return None
    return [
        None if isinstance(value, Constant) else _blob(value[0]) if isinstance(value, list) else value
        for value in params
    ]


def _blob(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


async def doing(what: str, work: Awaitable[T]) -> T:
    """The result of `work`; its errors get `what` as context."""
    try:
        return await work
    except WippyError as error:
        error.context = what if error.context is None else f"{what}: {error.context}"
        raise


def _active(transaction: Transaction) -> Transaction:
    if not transaction.active:
        raise WippyError(INVALID, "transaction is not active")
    return transaction


def _usable(statement: Statement, text: str = "statement is closed") -> Statement:
    if statement.closed:
        raise WippyError(INVALID, text)
    return statement


@sql.function(
    permission="db.get", resource="id", denied="not allowed to access database: {resource}", in_workflow=REFUSE
)
def get(call: Call, id: str) -> Connection:
    """The database entry `id`. Errors: INVALID, PERMISSION_DENIED, NOT_FOUND, UNAVAILABLE when it is being stopped."""
    if not id:
        raise WippyError(INVALID, "resource id is required")
    try:
        found = call.resource(id)
    except WippyError as error:
        if error.kind == NOT_FOUND:
            raise WippyError(NOT_FOUND, f"resource not found: {id}", context="acquire resource") from None
        raise
    if not isinstance(found, Database):
        raise WippyError(INVALID, f"{id} is not a database")
    return Connection(found)


@sql.method(Connection)
def type_(call: Call, db: Connection) -> str:
    """One of `sql.type`."""
    return db.database.type


@sql.method(Connection, in_workflow=REFUSE)
async def query(call: Call, db: Connection, text: str, params: Params = None) -> Rows:  # type: ignore[assignment]
    """Rows of `text`, one table a row, by column name. Errors: UNKNOWN with the engine's text."""
    return await doing("query", db.database.query(text, bound(params)))


@sql.method(Connection, in_workflow=REFUSE)
async def execute(call: Call, db: Connection, text: str, params: Params = None) -> Result:  # type: ignore[assignment]
    """`{last_insert_id, rows_affected}` of the last statement of `text`. Errors: UNKNOWN with the engine's text."""
    return await doing("execute", db.database.execute(text, bound(params)))


@sql.method(Connection, in_workflow=REFUSE)
async def prepare(call: Call, db: Connection, text: str) -> Statement:
    """A compiled statement. Errors: UNKNOWN for bad SQL."""
    return await doing("prepare", db.database.prepare(text))


@sql.method(Connection, in_workflow=REFUSE)
async def begin(call: Call, db: Connection, options: Any = None) -> Transaction:
    """Opens a transaction; waits while another one is open. Errors: INVALID for an unknown isolation."""
    if isinstance(options, dict):
        isolation = options.get("isolation")
        if isinstance(isolation, str) and isolation not in ISOLATIONS:
            raise WippyError(INVALID, f"invalid isolation level: {isolation}")
    return await doing("begin", db.database.begin())


@sql.method(Connection, name="_stats")
def stats(call: Call, db: Connection) -> dict[str, Any]:
    """Figures of the connection pool."""
    numbers = dict.fromkeys(
        ("in_use", "idle", "wait_count", "max_idle_closed", "max_idle_time_closed", "max_lifetime_closed"), 0.0
    )
    busy = db.database.engine.open_gate is not None
    numbers["in_use"], numbers["idle"] = float(busy), float(not busy)
    return {**numbers, "max_open_connections": 1.0, "open_connections": 1.0, "wait_duration": "0s"}


@sql.method(Connection)
def release(call: Call, db: Connection) -> bool:
    """Ends this handle's claim on the database."""
    db.close()
    return True


@sql.method(Statement, name="query", in_workflow=REFUSE)
async def statement_query(call: Call, statement: Statement, params: Params = None) -> Rows:  # type: ignore[assignment]
    """Rows, as `db:query`. Errors: INVALID after close."""
    return await doing("stmt query", _usable(statement).query(bound(params)))


@sql.method(Statement, name="execute", in_workflow=REFUSE)
async def statement_execute(call: Call, statement: Statement, params: Params = None) -> Result:  # type: ignore[assignment]
    """As `db:execute`. Errors: INVALID after close."""
    return await doing("stmt execute", _usable(statement).execute(bound(params)))


@sql.method(Statement, name="close", in_workflow=REFUSE)
async def statement_close(call: Call, statement: Statement) -> bool:
    """Frees the statement. Errors: INVALID when it is closed already."""
    _usable(statement, "statement is already closed").close()
    return True


@sql.method(Transaction)
def db_type(call: Call, tx: Transaction) -> str:
    """One of `sql.type`."""
    return _active(tx).database.type


@sql.method(Transaction, name="query", in_workflow=REFUSE)
async def tx_query(call: Call, tx: Transaction, text: str, params: Params = None) -> Rows:  # type: ignore[assignment]
    """As `db:query`, inside the transaction."""
    return await doing("tx query", _active(tx).database.query(text, bound(params), tx))


@sql.method(Transaction, name="execute", in_workflow=REFUSE)
async def tx_execute(call: Call, tx: Transaction, text: str, params: Params = None) -> Result:  # type: ignore[assignment]
    """As `db:execute`, inside the transaction."""
    return await doing("tx execute", _active(tx).database.execute(text, bound(params), tx))


@sql.method(Transaction, name="prepare", in_workflow=REFUSE)
async def tx_prepare(call: Call, tx: Transaction, text: str) -> Statement:
    """As `db:prepare`, inside the transaction."""
    return await doing("tx prepare", _active(tx).database.prepare(text, tx))


# For executors of the builder: a finished transaction is the engine's error there.
@sql.method(Transaction, name="_query", in_workflow=REFUSE)
async def executor_query(call: Call, tx: Transaction, text: str, params: Params = None) -> Rows:  # type: ignore[assignment]
    return await doing("tx query", tx.database.query(text, bound(params), tx))


@sql.method(Transaction, name="_execute", in_workflow=REFUSE)
async def executor_execute(call: Call, tx: Transaction, text: str, params: Params = None) -> Result:  # type: ignore[assignment]
    return await doing("tx execute", tx.database.execute(text, bound(params), tx))


@sql.method(Transaction, in_workflow=REFUSE)
async def commit(call: Call, tx: Transaction) -> bool:
    """Makes the changes last; the transaction is over, also after an error."""
    await doing("tx commit", _active(tx).commit())
    return True


@sql.method(Transaction, in_workflow=REFUSE)
async def rollback(call: Call, tx: Transaction) -> bool:
    """Undoes the changes; the transaction is over."""
    await doing("tx rollback", _active(tx).rollback())
    return True


@sql.method(Transaction, in_workflow=REFUSE)
async def savepoint(call: Call, tx: Transaction, name: str) -> bool:
    """Marks a point to which `rollback_to` returns. Errors: INVALID for a bad name."""
    await doing("savepoint", _active(tx).savepoint("SAVEPOINT", name))
    return True


@sql.method(Transaction, in_workflow=REFUSE)
async def rollback_to(call: Call, tx: Transaction, name: str) -> bool:
    """Undoes what came after the savepoint, which remains."""
    await doing("savepoint", _active(tx).savepoint("ROLLBACK TO SAVEPOINT", name))
    return True


@sql.method(Transaction, name="release", in_workflow=REFUSE)
async def release_savepoint(call: Call, tx: Transaction, name: str) -> bool:
    """Removes the savepoint, keeping the changes."""
    await doing("savepoint", _active(tx).savepoint("RELEASE SAVEPOINT", name))
    return True


sql.lua_method(Connection, "stats()", doc="Figures of the connection pool, a read-only table.")
