"""Large texts do not hold their worker, and bombs end with an error, in every module of codecs and texts."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

from pathlib import Path

import pytest

from application import Application, application, host, process
from flows.flow_app import FlowApp, workflow

WATCHER = """
return function()
  local inbox = process.inbox()
  while true do
    local message = inbox:receive()
    process.send(message:from(), "ran", 1)
  end
end
"""

# Whether another process ran between the beginning and the end of `work`.
WORKER = """
local base64, crypto, hash, json, text, uuid, yaml = require("base64"), require("crypto"), require("hash"), require("json"), require("text"), require("uuid"), require("yaml")
local prepared, work = %s
return function(watcher)
  local ran = process.listen("ran")
  local given = prepared()
  process.send(watcher, "begin")
  local value, err = work(given)
  local result = channel.select({ran:case_receive(), default = true})
  return {result.ok and not result.default, value == nil and 'none' or value, err and tostring(err) or false}
end
"""
MODULES = ["base64", "crypto", "hash", "json", "text", "uuid", "yaml"]
LINES = "function() return ('key_%d: some words, more words\\n'):rep(4000) end"
WORDS = "function() return ('word '):rep(40000) end"

WORK = {
    "yaml_decode": "function() local t = {} for i = 1, 2000 do t[i] = 'k' .. i .. ': [1, 2]' end return table.concat(t, '\\n') end, function(s) return #yaml.decode(s).k2000 end",
    "yaml_encode": "function() local t = {} for i = 1, 2000 do t[i] = {name = 'x' .. i, n = i} end return t end, function(t) return #yaml.encode(t) > 20000 end",
    "json_validate": "function() local t = {} for i = 1, 20000 do t[i] = {n = i} end return t end, function(t) return json.validate({items = {required = {'n'}}}, t) end",
    "base64": f"{WORDS}, function(s) return base64.decode(base64.encode(s:rep(6))) == s:rep(6) end",
    "base64_broken": f"{WORDS}, function(s) return base64.decode(s:gsub('%s', ''):rep(8) .. '*') end",
    "sha256": f"{WORDS}, function(s) return #hash.sha256(s:rep(4)) end",
    "hmac": f"{WORDS}, function(s) return #hash.hmac_md5(s:rep(4), 'k') + #crypto.hmac.sha256('k', s:rep(4)) end",
    "fnv": f"{WORDS}, function(s) return hash.fnv32(s) > 0 end",
    "match": f"{WORDS}, function(s) return text.regexp.compile('(a|b)*c$'):match_string(s) end",
    "find_all": f"{WORDS}, function(s) return #text.regexp.compile('w(o)'):find_all_string_submatch(s) end",
    "replace": f"{WORDS}, function(s) return #text.regexp.compile('[wr]'):replace_all_string(s, '--') end",
    "split_by_expression": f"{WORDS}, function(s) return #text.regexp.compile(' +'):split(s) end",
    "compare": "function() return {('abc '):rep(300), ('bca '):rep(300)} end, function(t) return #text.diff.new():compare(t[1], t[2]) > 0 end",
    "patch_make": "function() return {('abc '):rep(300), ('bca '):rep(300)} end, function(t) return #text.diff.new():patch_make(t[1], t[2]) > 0 end",
    "split_text": f"{WORDS}, function(s) return #text.splitter.recursive():split_text(s) > 100 end",
    "split_markdown": f"{LINES}, function(s) return #text.splitter.markdown():split_text(s) > 100 end",
    "transcode": "function() local t = {} for i = 1, 5000 do t[i] = 'item ' .. i end return payload.new(t) end, function(p) return #p:transcode(payload.format.MSGPACK):transcode(payload.format.YAML):data() end",
}


@pytest.fixture(scope="module")
def app() -> object:
    with application(host("processes", 1), process("watcher", WATCHER)) as running:
        yield running


@pytest.mark.parametrize("name", WORK)
def test_others_run_while_there_is_much_to_do(app: Application, name: str) -> None:
    watcher = app.spawn("app:watcher")
    app.define(process(name, WORKER % WORK[name], MODULES))
    others_ran, value, error = app.execute(f"app:{name}", watcher)
    assert others_ran
    if name == "base64_broken":
        assert error == "illegal base64 data at input byte 1280000"
    elif name == "match":
        assert value is False
    else:
        assert error is False
        assert value


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return select(2, json.decode(('['):rep(1000000)))", "maximum nesting depth"),
        ("return select(2, json.decode(('{\"a\":'):rep(1000000)))", "maximum nesting depth"),
        ("return select(2, yaml.decode(('['):rep(1000000)))", "nesting depth"),
        ("return select(2, yaml.decode(('- '):rep(100000) .. 'x'))", "nesting depth"),
        (
            """
            local lines = {"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"}
            for n = 1, 9 do lines[n + 1] = "a" .. n .. ": &a" .. n .. " [" .. (("*a" .. n - 1 .. ", "):rep(10)) .. "]" end
            return select(2, yaml.decode(table.concat(lines, "\\n")))
            """,
            "excessive aliasing",
        ),
        ("return select(2, yaml.encode((function() local t = {} for i = 1, 500 do t = {t} end return t end)()))", "nesting depth"),
        ("return select(2, json.encode((function() local t = {} for i = 1, 500 do t = {t} end return t end)()))", "nesting depth"),
        ("return select(2, text.regexp.compile(('(a{1,100}){1,100}'):rep(50)))", "invalid repeat count"),
        ("return select(2, text.regexp.compile(('[^a-z]{1,900}'):rep(900)))", "expression too large"),
        ("return select(2, text.regexp.compile(('('):rep(100000)))", "error parsing regexp"),
        ("return select(2, pcall(function() return text.regexp.compile('x'):find_all_string(('x'):rep(600000)) end))", "more than 500000"),
        ("return select(2, payload.new((function() local t = {} for i = 1, 500 do t = {t} end return t end)()):transcode(payload.format.MSGPACK))", "nesting depth"),
        ("return select(2, json.validate({['$ref'] = '#', pattern = ('(a{1,100}){1,100}'):rep(50)}, 'x'))", "compile schema"),
    ],
)  # fmt: skip
def test_a_bomb_is_an_error(app: Application, body: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wippy.modules.text.MAX_EDGES", 1_000_000)
    head = "local json, yaml, text = require('json'), require('yaml'), require('text')"
    message = app.lua(
        f"local function run() {body} end return tostring(run())".replace(
            "local function run()", f"{head} local function run()"
        ),
        modules=MODULES,
    )
    assert words in message


def test_expressions_that_backtrack_elsewhere_take_linear_time(app: Application) -> None:
    body = """
    local text = require("text")
    local found = {}
    for _, p in ipairs{"(a+)+$", "(a|aa)+$", "(.*)*x", "(a?){50}a{50}"} do
      found[#found + 1] = text.regexp.compile(p):match_string(("a"):rep(5000) .. "!")
    end
    return found
    """
    assert app.lua(body, modules=MODULES) == [False, False, False, True]


def test_large_texts_where_code_cannot_wait(app: Application) -> None:
    source = """
    local yaml, text, base64 = require("yaml"), require("text"), require("base64")
    local lines = {}
    for i = 1, 3000 do lines[i] = "k" .. i .. ": [1, 2]" end
    local source = table.concat(lines, "\\n")
    local word = text.regexp.compile("k([0-9]+)")
    local function work() return {#yaml.decode(source).k3000, #word:find_all_string(source:rep(2)), #base64.encode(source:rep(30)) > 0} end
    local at_the_top = work()
    return function()
      local found = {}
      table.sort({2, 1}, function(a, b) found[1] = work() return a < b end)
      return {at_the_top, found[1]}
    end
    """
    app.define(process("everywhere", source, MODULES))
    assert app.execute("app:everywhere") == [[2, 6000, True]] * 2


async def test_long_comparisons_in_a_workflow_end_and_replay(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local text, time = require("text"), require("time")
        local function noise(seed, n)
          local out = {}
          for i = 1, n do seed = (seed * 1103515245 + 12345) % 2147483648 out[i] = string.char(97 + seed // 65536 % 26) end
          return table.concat(out)
        end
        return function()
          local a, b, differ = noise(1, 20000), noise(2, 20000), text.diff.new()
          local made = #differ:compare(a, b)
          time.sleep("1ms")
          local again = text.diff.new({diff_timeout = 0})
          return {made == #again:compare(a, b), differ:patch_apply(differ:patch_make(a, b), a) == b}
        end
        """,
        "text time",
    )
    async with FlowApp(tmp_path, flow, provider={"cache_size": 0}) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == [True, True]
