type Pair<A, B> = {first: A, second: B}
type Option<T> = {some: true, value: T} | {some: false}
type Cache<K, V> = {get: (K) -> V?, set: (K, V) -> (), size: () -> integer}
type Reducer<A, T> = (acc: A, item: T) -> A

local function pair<A, B>(a: A, b: B): Pair<A, B> return {first = a, second = b} end
local function swap<A, B>(p: Pair<A, B>): Pair<B, A> return {first = p.second, second = p.first} end
local function some<T>(v: T): Option<T> return {some = true, value = v} end
local function none<T>(): Option<T> return {some = false} end
local function or_else<T>(o: Option<T>, default: T): T
  if o.some then return o.value end
  return default
end
local function reduce<A, T>(list: {T}, start: A, f: Reducer<A, T>): A
  local acc = start
  for _, item in ipairs(list) do acc = f(acc, item) end
  return acc
end
local function group<T>(list: {T}, key: (T) -> string): {[string]: {T}}
  local out: {[string]: {T}} = {}
  for _, item in ipairs(list) do
    local k = key(item)
    out[k] = out[k] or {}
    table.insert(out[k], item)
  end
  return out
end
local function cache<K, V>(load: (K) -> V): Cache<K, V>
  local held, n = {}, 0
  return {
    get = function(k)
      if held[k] == nil then held[k] = load(k); n = n + 1 end
      return held[k]
    end,
    set = function(k, v) held[k] = v end,
    size = function() return n end,
  }
end
local function compose<A, B, C>(f: (A) -> B, g: (B) -> C): (A) -> C
  return function(x) return g(f(x)) end
end
local function keys<K, V>(map: {[K]: V}): {K}
  local out: {K} = {}
  for k in pairs(map) do out[#out + 1] = k end
  return out
end
local function first<T>(list: {T}): T? return list[1] end

local p = swap(pair("a", 1))
print(p.first + 1, p.second:upper())
print(or_else(some(3), 4) + 1, or_else(none(), "x"))
print(reduce({1, 2, 3}, 0, function(a, x) return a + x end) + 1)
print(reduce({"a", "b"}, "", function(a, x) return a .. x end):len())
print(reduce({"a", "bb"}, {}, function(a, x) a[x] = #x return a end).bb)
local groups = group({{name = "x", age = 1}}, function(u) return u.name end)
for name, members in pairs(groups) do print(name:upper(), #members, members[1].age + 1) end
local c = cache(function(k: string) return #k end)
local n = c.get("abc")
if n then print(n + 1) end
c.set("d", 4)
print(compose(function(x: number) return x + 1 end, tostring)(1))
for _, k in ipairs(keys({a = 1})) do print(k:upper()) end
print((first({1, 2}) or 0) + 1, (first({"a"}) or ""):upper(), first({}))
