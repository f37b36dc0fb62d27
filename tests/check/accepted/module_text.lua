-- modules: text expr eval_runner events registry
local text, expr, eval, events, registry = require("text"), require("expr"), require("eval_runner"), require("events"), require("registry")
local re, err = text.regexp.compile("a(b+)")
if err then error(err) end
local match = re:find_string_submatch("abb")
if match then print(match[1], #match[2]) end
print(re:match_string("x"), re:replace_all_string("ab", "x"):upper())
local differ = text.diff.new({timeout = 1})
local diffs = differ:compare("a", "b")
for _, d in ipairs(diffs or {}) do print(d.operation, d.text) end
local parts = assert(text.splitter.recursive({chunk_size = 10}):split_text("abc"))
for i = 1, #parts do print(parts[i]:len()) end
local price, perr = expr.eval("a * 2 + b", {a = 1, b = 2})
if perr then print(perr) else print(price + 1) end
local program = assert(expr.compile("user.age > 18"))
if program:run({user = {age = 20}}) then print("adult") end
local out, rerr = eval.run({source = "return 1", modules = {"json"}})
if rerr then print(rerr:kind()) else print(out) end
local sub = events.subscribe("app", "order.*")
local ch = sub:channel()
local e, ok = ch:receive()
if ok then print(e.kind, e.path, e.data.id) end
sub:close()
events.send("app", "order.created", "/orders/1", {id = 1})
events.send("app", "order.created", "/orders/1")
local entry, missing = registry.get("app:config")
if missing then print(missing:message()) else print(entry.meta.comment, entry.data.value, entry.kind) end
for _, found in ipairs(registry.find({[".kind"] = "function.lua"}) or {}) do print(found.id, registry.parse_id(found.id).ns) end
