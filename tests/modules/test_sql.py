"""sql on SQLite: queries, values, transactions, statements, errors."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from wippy.errors import WippyError
from wippy.modules.sql import Database

from .harness import Lua, LuaFailure, Services

OPEN = 'local sql = require("sql") local db = assert(sql.get("app:db")) '


@pytest.fixture
def lua() -> Iterator[Lua]:
    database = Database.open(":memory:", name="app:db")
    yield Lua(Services(resources={"app:db": database, "app:other": object()}))
    database.close()


async def run(lua: Lua, code: str) -> object:
    return await lua.run(OPEN + code)


async def test_rows_and_results(lua: Lua) -> None:
    got = await run(
        lua,
        """
        db:execute("create table t (id integer primary key, name text, amount real, gone text)")
        local r = assert(db:execute("insert into t (name, amount) values (?, ?), (?, ?)", {"a", 1.5, "b", 2.0}))
        local rows = assert(db:query("select id, name as n, amount, gone, 1 + 1 from t order by id"))
        return r, rows, math.type(rows[2].amount), math.type(rows[1].id), db:type(), (db:query("select * from t where 0"))
        """,
    )
    assert got == [
        {"last_insert_id": 2, "rows_affected": 2},
        [{"id": 1, "n": "a", "amount": 1.5, "1 + 1": 2}, {"id": 2, "n": "b", "amount": 2.0, "1 + 1": 2}],
        "float",
        "integer",
        "sqlite",
        [],
    ]


async def test_parameters(lua: Lua) -> None:
    got = await run(
        lua,
        """
        local function types(params)
          local rows, err = db:query("select typeof(?1) a, typeof(?2) b, typeof(?3) c, typeof(?4) d", params)
          if err then return err:message() end
          return rows[1].a .. " " .. rows[1].b .. " " .. rows[1].c .. " " .. rows[1].d
        end
        return types{1, 2.0, "x", true}, types{nil, {}, print, sql.NULL, "surplus"},
          types{sql.as.int(2.9), sql.as.float(1), sql.as.text(5), sql.as.binary("\\xff")}, types{1, 2, 3, nil},
          types{sql.as.int("x"), sql.as.float("x"), sql.as.binary(5), sql.as.null()},
          db:query("select ? as v", {sql.as.int(-2.9)})[1].v, type(sql.NULL), type(sql.as.int(1)),
          (db:query("select cast(? as text) v", {sql.as.binary("ab")}))[1].v
        """,
    )
    assert got == [
        "integer real text integer",
        "null null null null",
        "integer real text blob",
        "not enough args to execute query: want 4 got 3",
        "integer real null null",
        -2,
        "userdata",
        "userdata",
        "ab",
    ]


async def test_parameters_must_be_a_table(lua: Lua) -> None:
    got = await run(lua, 'local r, e = db:query("select 1", 5) return r, e:kind(), e:message()')
    assert got == [None, "Invalid", "parameters must be a table, got number"]


async def test_several_statements(lua: Lua) -> None:
    got = await run(
        lua,
        """
        local r = assert(db:execute("create table t (a); insert into t values (?), (?); insert into t values (?); -- end", {1, 2, 3}))
        local rows = assert(db:query("insert into t values (99); select count(*) n from t where a > ?", {1}))
        local _, e = db:execute("insert into t values (?); insert into t values (? + ?)", {1})
        return r.rows_affected, rows[1].n, e:message(), db:query("insert into t values (7) returning a")[1].a, #db:query("delete from t")
        """,
    )
    assert got == [1, 2, "not enough args to execute query: want 2 got 0", 7, 0]


async def test_declared_types(lua: Lua) -> None:
    got = await run(
        lua,
        """
        db:execute("create table t (b boolean, c bool, d datetime, e timestamp, f date, g datetime(6))")
        db:execute("insert into t values (1, 1, 0, 1700000000123, '2024-02-03 04:05:06.7+02:00', 5)")
        db:execute("insert into t values (0, 0, 'rubbish', '2024-01-01T10:00:00Z', '2024-01-01', '6')")
        return db:query("select * from t"), db:query("select b + 0 x, max(d) m from t where b")
        """,
    )
    first, second = got[0]
    assert first == {
        "b": True, "c": 1, "d": "1970-01-01T00:00:00Z", "e": "2023-11-14T22:13:20Z", "f": "2024-02-03T02:05:06Z", "g": 5,
    }  # fmt: skip
    assert second["b"] is False
    assert (second["d"], second["e"], second["f"]) == (
        "0001-01-01T00:00:00Z",
        "2024-01-01T10:00:00Z",
        "2024-01-01T00:00:00Z",
    )
    assert got[1] == [{"x": 1, "m": 0}]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ('db:query("select * from nope")', "no such table: nope"),
        ('db:execute("selec 1")', 'near "selec": syntax error'),
        ('db:prepare("selec 1")', 'near "selec": syntax error'),
        ('db:execute("create table u (id integer primary key); insert into u values (1); insert into u values (1)")',
         "UNIQUE constraint failed: u.id"),
    ],
)  # fmt: skip
async def test_engine_errors(lua: Lua, call: str, words: str) -> None:
    got = await run(lua, f"local r, e = {call} return r, e:kind(), e:message(), e:retryable(), e:context()")
    assert got[:4] == [None, "", words, None]
    assert got[4] in ("query", "execute", "prepare")


async def test_statements(lua: Lua) -> None:
    got = await run(
        lua,
        """
        local st = assert(db:prepare("select ? + ? as n"))
        local n = st:query{1, 2}[1].n
        local _, few = st:query{1}
        local _, many = st:query{1, 2, 3}
        local closed = st:close()
        local _, a = st:query{1, 2}
        local _, b = st:close()
        return n, few:message(), many:message(), closed, a:kind(), a:message(), b:message()
        """,
    )
    assert got == [3, "expected 2 arguments, got 1", "expected 2 arguments, got 3", True, "Invalid", "statement is closed",
                   "statement is already closed"]  # fmt: skip


async def test_transactions_and_savepoints(lua: Lua) -> None:
    got = await run(
        lua,
        """
        db:execute("create table t (a)")
        local tx = assert(db:begin{isolation = "serializable", read_only = true})
        assert(tx:execute("insert into t values (1)"))
        assert(tx:savepoint("s1")) assert(tx:execute("insert into t values (2)"))
        assert(tx:savepoint("s2")) assert(tx:rollback_to("s1"))
        local _, gone = tx:release("s2")
        assert(tx:release("s1"))
        local inside = #tx:query("select * from t")
        assert(tx:commit())
        local _, e = tx:query("select 1")
        local tx2 = db:begin() tx2:execute("delete from t") tx2:rollback()
        local _, iso = db:begin{isolation = "snapshot"}
        local tx3 = db:begin()
        local _, n1 = tx3:savepoint("") local _, n2 = tx3:savepoint("a b")
        tx3:commit()
        return inside, #db:query("select * from t"), e:kind(), e:message(), gone:message(), iso:message(), n1:message(), n2:message()
        """,
    )
    assert got == [
        1, 1, "Invalid", "transaction is not active", "no such savepoint: s2", "invalid isolation level: snapshot",
        "savepoint name is required", "savepoint name can only contain alphanumeric characters and underscores",
    ]  # fmt: skip


async def test_an_open_transaction_holds_the_database_until_its_unit_ends(lua: Lua) -> None:
    await run(lua, 'db:execute("create table t (a)") tx = db:begin() tx:execute("insert into t values (1)")')
    other = asyncio.create_task(lua.bindings.services.resource("app:db").query("select count(*) n from t"))
    done, _ = await asyncio.wait({other}, timeout=0.05)
    assert not done
    assert lua.bindings.release("p1") == []
    assert await other == [{"n": 0}]


async def test_a_canceled_query_is_interrupted_and_leaves_the_queue(lua: Lua) -> None:
    database = lua.services.resources["app:db"]
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    running = asyncio.create_task(database.query(endless))
    queued = asyncio.create_task(database.execute("create table never (a)"))
    async with asyncio.timeout(10):
        while database.engine._current is None:
            await asyncio.sleep(0)
    queued.cancel()
    running.cancel()
    await asyncio.gather(running, queued, return_exceptions=True)
    assert await database.query("select count(*) n from sqlite_master") == [{"n": 0}]


async def test_a_canceled_begin_opens_nothing(lua: Lua) -> None:
    database = lua.services.resources["app:db"]
    first = await database.begin()
    second = asyncio.create_task(database.begin())
    await asyncio.sleep(0.01)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await first.commit()
    assert await database.query("select 1 a") == [{"a": 1}]


@pytest.mark.parametrize(
    ("id", "kind", "words"),
    [("", "Invalid", "resource id is required"), ("app:nope", "NotFound", "resource not found: app:nope"),
     ("app:other", "Invalid", "app:other is not a database"),
     ("app:secret", "PermissionDenied", "not allowed to access database: app:secret")],
)  # fmt: skip
async def test_get_refuses(lua: Lua, id: str, kind: str, words: str) -> None:
    lua.services.denied.add(("db.get", "app:secret"))
    got = await lua.run(f'local r, e = require("sql").get("{id}") return r, e:kind(), e:message(), e:retryable()')
    assert got == [None, kind, words, False]


async def test_argument_errors_point_at_the_caller(lua: Lua) -> None:
    with pytest.raises(LuaFailure, match=r"test:2: bad argument #2 to query \(string expected, got table\)"):
        await run(lua, "\nlocal rows = db:query({})")
    with pytest.raises(LuaFailure, match=r"bad argument #1 to query \(sql.DB expected, got table\)"):
        await run(lua, 'local rows = db.query({}, "select 1")')
    with pytest.raises(LuaFailure, match=r"test:1: bad argument #1 to get \(string expected, got nil\)"):
        await lua.run('local db = require("sql").get()')


async def test_handles_are_opaque(lua: Lua) -> None:
    got = await run(
        lua,
        "return type(db), type(db.query), type(db.nothing), db:release(), db:release(), db:stats().open_connections",
    )
    assert got == ["userdata", "function", "nil", True, True, 1.0]
    with pytest.raises(LuaFailure, match="Immutable"):
        await run(lua, "sql.type.SQLITE = 1")


async def test_a_stopped_database_refuses(lua: Lua) -> None:
    database = lua.services.resources["app:db"]
    await database.stop(0)
    got = await lua.run('local r, e = require("sql").get("app:db") return r, e:kind(), e:message()')
    assert got == [None, "Unavailable", "connection pool is closed"]


async def test_refused_in_workflows() -> None:
    lua = Lua(workflow=True)
    got = await lua.run('local r, e = require("sql").get("app:db") return r, e:message()')
    assert got == [None, "sql.get cannot be used in a workflow: call it from a function and call that function"]


async def test_full_text_and_vectors(lua: Lua) -> None:
    got = await run(
        lua,
        """
        assert(db:execute("create virtual table f using fts5(body)"))
        db:execute("insert into f values ('a quick fox')")
        assert(db:execute("create virtual table v using vec0(e float[2])"))
        db:execute("insert into v (rowid, e) values (7, ?)", {"[1, 2]"})
        return #db:query("select * from f where f match 'fox'"), db:query("select rowid from v where e match '[1,2]' and k = 1")[1].rowid
        """,
    )
    assert got == [1, 7]


def test_bad_files(tmp_path) -> None:
    with pytest.raises(WippyError, match="file path is required"):
        Database.open("")
    with pytest.raises(WippyError, match="does not exist; create it"):
        Database.open(tmp_path / "no" / "x.db")
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(WippyError, match="file is not a database"):
        Database.open(tmp_path / "text.db", name="app:db")
