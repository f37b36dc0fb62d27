"""The query builder: text, arguments, errors."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import pytest

from wippy.modules.sql import Database

from .harness import Lua, LuaFailure, Services

B = 'local sql = require("sql") local b = sql.builder '


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


@pytest.mark.parametrize(
    ("code", "text", "args"),
    [
        ('b.select("a", "b"):from("t")', "SELECT a, b FROM t", []),
        ('b.select("a"):from("t"):where("x = ? OR y = ?", 1, "z"):where{c = 2}:where(b.gt{d = 3})',
         "SELECT a FROM t WHERE x = ? OR y = ? AND c = ? AND d > ?", [1, "z", 2, 3]),
        ('b.select("a"):from("t"):distinct():distinct():join("u ON u.id = t.id AND u.k = ?", 5):left_join("v USING (id)")'
         ':group_by("a", "b"):having("count(*) > ?", 1):order_by("a DESC", "b"):limit(0):offset(-3):suffix("FOR UPDATE")',
         "SELECT DISTINCT a FROM t JOIN u ON u.id = t.id AND u.k = ? LEFT JOIN v USING (id) GROUP BY a, b "
         "HAVING count(*) > ? ORDER BY a DESC, b LIMIT 0 OFFSET 0 FOR UPDATE", [5, 1]),
        ('b.select("a"):where("")', "SELECT a", []),
        ('b.insert("t"):columns("a", "b"):values(1, "x"):values(2, "y"):suffix("RETURNING id")',
         "INSERT INTO t (a,b) VALUES (?,?),(?,?) RETURNING id", [1, "x", 2, "y"]),
        ('b.insert():into("t"):set_map{z = 1, a = 2}:options("OR", "IGNORE"):prefix("WITH c AS (SELECT ?)", 9)',
         "WITH c AS (SELECT ?) INSERT OR IGNORE INTO t (a,z) VALUES (?,?)", [9, 2, 1]),
        ('b.insert("t"):columns("a"):values(1):select(b.select("x"):from("u"):where{k = 1})',
         "INSERT INTO t (a) SELECT x FROM u WHERE k = ?", [1]),
        ('b.update("t"):set("a", 1):set("n", b.expr("n + ?", 2)):where{id = 3}:order_by("id"):limit(1)',
         "UPDATE t SET a = ?, n = n + ? WHERE id = ? ORDER BY id LIMIT 1", [1, 2, 3]),
        ('b.update("t"):set_map{b = 2, a = 1}:from_select(b.select("x"):from("u"):where{k = 4}, "s"):where("t.id = s.x")',
         "UPDATE t SET a = ?, b = ? FROM (SELECT x FROM u WHERE k = ?) AS s WHERE t.id = s.x", [1, 2, 4]),
        ('b.delete("t"):where(b.or_{b.eq{a = 1}, {b = 2, c = 3}}):limit(2)',
         "DELETE FROM t WHERE (a = ? OR b = ? AND c = ?) LIMIT 2", [1, 2, 3]),
        ('b.select("a"):from("t"):where{a = 1, b = 2}:placeholder_format(b.dollar)', "SELECT a FROM t WHERE a = $1 AND b = $2", [1, 2]),
        ('b.select("a"):from("t"):where("a ?? ? AND b = ?", 1, 2):placeholder_format(b.at)', "SELECT a FROM t WHERE a ? @p1 AND b = @p2", [1, 2]),
        ('b.select("a"):from("t"):where("a ?? ?", 1)', "SELECT a FROM t WHERE a ?? ?", [1]),
        ("b.eq{a = sql.NULL, b = {}, c = sql.as.int(3)}", "a IS NULL AND b IS NULL AND c = ?", [3]),
        ("b.not_eq{a = sql.NULL, b = 1}", "a IS NOT NULL AND b <> ?", [1]),
        ("b.eq{}", "(1=1)", []),
        ("b.lt{}", "", []),
        ("b.and_{}", "(1=1)", []),
        ("b.or_{}", "(1=0)", []),
        ("b.and_{b.like{a = 'x%'}}", "(a LIKE ?)", ["x%"]),
    ],
)  # fmt: skip
def test_text_and_arguments(lua: Lua, code: str, text: str, args: list[object]) -> None:
    assert lua.call(B + f"return ({code}):to_sql()") == [text, args]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('b.select():from("t")', "select statements must have at least one result column"),
        ("b.insert():values(1)", "insert statements must specify a table"),
        ('b.insert("t")', "insert statements must have at least one set of values or select clause"),
        ('b.update():set("a", 1)', "update statements must specify a table"),
        ('b.update("t")', "update statements must have at least one Set clause"),
        ("b.delete()", "delete statements must specify a From table"),
        ("b.lt{a = sql.NULL}", "cannot use null with less than or greater than operators"),
        ("b.like{a = sql.NULL}", "cannot use null with like operators"),
    ],
)
def test_errors(lua: Lua, code: str, message: str) -> None:
    assert lua.call(B + f"local t, e = ({code}):to_sql() return t, e:kind(), e:message()") == [None, "Invalid", message]


def test_builders_are_immutable(lua: Lua) -> None:
    code = 'local s = b.select("a"):from("t") s:where{x = 1}:limit(1):columns("z") return (s:to_sql())'
    assert lua.call(B + code) == "SELECT a FROM t"


def test_null_arguments_are_holes(lua: Lua) -> None:
    code = 'local t, a = b.insert("t"):values(nil, 1, nil):to_sql() return t, a[1], a[2], a[3]'
    assert lua.call(B + code) == ["INSERT INTO t VALUES (?,?,?)", None, 1, None]


def test_tostring(lua: Lua) -> None:
    code = 'return tostring(b.select("a"):from("t"):where{x = "v", y = 2}), tostring(b.delete()), tostring(b.eq{a = 1}), tostring(b.lt{a = sql.NULL})'
    assert lua.call(B + code) == [
        "SelectBuilder: SELECT a FROM t WHERE x = ? AND y = ? [Args: [v 2]]",
        "DeleteBuilder Error: delete statements must specify a From table",
        "SQL: a = ? [Args: [1]]",
        "SQL Expression Error: cannot use null with less than or greater than operators",
    ]


def test_wrong_arguments_raise(lua: Lua) -> None:
    with pytest.raises(
        LuaFailure, match=r"test:1: bad argument #2 to where \(string, table or condition expected, got boolean\)"
    ):
        lua.call(B + 'local s = b.select("a"):where(true)')
    with pytest.raises(LuaFailure, match=r"test:1: bad argument #1 to eq \(table expected, got nil\)"):
        lua.call(B + "local s = b.eq()")
    with pytest.raises(LuaFailure, match="item 2"):
        lua.call(B + "local s = b.and_{{a = 1}, 5}")
    with pytest.raises(LuaFailure, match=r"test:1: bad argument #2 to limit"):
        lua.call(B + 'local s = b.select("a"):limit("x")')


async def test_run_with() -> None:
    database = Database.open(":memory:")
    lua = Lua(Services(resources={"app:db": database}))
    got = await lua.run(
        B
        + """
        local db = sql.get("app:db")
        db:execute("create table t (a, b, c)")
        local ins = b.insert("t"):columns("a", "b", "c"):values(1, "x", nil):values(2, sql.as.binary("y"), sql.NULL):run_with(db)
        local r = assert(ins:exec())
        ins:exec()
        local q = b.select("a", "typeof(b) AS kind", "c"):from("t"):where{a = 2}:limit(1):run_with(db)
        local tx = db:begin()
        local in_tx = b.delete("t"):where{a = 1}:run_with(tx)
        local deleted = in_tx:exec().rows_affected
        tx:commit()
        local _, late = in_tx:exec()
        local none, why = b.select():run_with(db)
        return r.rows_affected, (q:query()), tostring(q), deleted, late:kind(), late:message(), none, why:message()
        """
    )
    database.close()
    assert got == [
        2, [{"a": 2, "kind": "blob"}], "QueryExecutor: SELECT a, typeof(b) AS kind, c FROM t WHERE a = ? LIMIT 1 [Args: 1]",
        2, "", "transaction has already been committed or rolled back",
        None, "select statements must have at least one result column",
    ]  # fmt: skip
