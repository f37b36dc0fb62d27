type Matrix = {{number}}
type Registry = {[string]: {[string]: integer}}
local m: Matrix = {{1, 2}, {3, 4}}
local function transpose(a: Matrix): Matrix
  local out: Matrix = {}
  for i = 1, #a[1] do
    out[i] = {}
    for j = 1, #a do out[i][j] = a[j][i] end
  end
  return out
end
local r: Registry = {}
r.a = r.a or {}
r.a.b = (r.a.b or 0) + 1
r["c"] = {d = 1}
local inner = r.x
if inner then print(inner.y) end
for ns, names in pairs(r) do
  for name, n in pairs(names) do print(ns .. "." .. name, n + 1) end
end
local sparse: {[integer]: string} = {[1] = "a", [5] = "b"}
sparse[10] = "c"
sparse[1] = nil
local set: {[string]: boolean} = {a = true}
if set.a and not set.b then print("a only") end
local flags: {[string]: true?} = {x = true}
flags.y = true
flags.x = nil
local keyed: {[any]: any} = {[true] = 1, x = 2, [3] = "z"}
local copy = {}
for k, v in pairs(keyed) do copy[k] = v end
local removed = table.remove(m)
if removed then print(#removed) end
table.insert(m, {5, 6})
table.insert(m, 1, {0, 0})
table.sort(m, function(a, b) return a[1] < b[1] end)
print(table.concat({1, "a", 2.5}, "-"), #transpose(m), next(copy), unpack({1, 2}))
local list = {1, 2, nil, 4, n = 4, name = "mixed"}
print(list[1] + 1, list.n, list.name:upper(), #list)
local stack: {integer} = {}
stack[#stack + 1] = 1
local top = stack[#stack]
stack[#stack] = nil
print(top + 1)
local by_id: {[string]: {id: string}} = {}
for _, e in ipairs({{id = "a"}}) do by_id[e.id] = e end
local function lookup(id: string): {id: string}? return by_id[id] end
print(lookup("a"))
local readonly_list: readonly {number} = {1}
local function read(l: readonly {number}): number return l[1] + #l end
print(read(readonly_list), read({1, 2}), read(stack))
local frozen = table.freeze({1})
print(table.isfrozen(frozen), set["c"] == nil)
