type Entry<V> = {key: string, value: V, before: Entry<V>?, after: Entry<V>?}
type Lru<V> = {limit: integer, size: integer, map: {[string]: Entry<V>}, first: Entry<V>?, last: Entry<V>?}
local function new<V>(limit: integer): Lru<V>
  return {limit = limit, size = 0, map = {}, first = nil, last = nil}
end
local function unlink<V>(c: Lru<V>, e: Entry<V>)
  if e.before then e.before.after = e.after else c.first = e.after end
  if e.after then e.after.before = e.before else c.last = e.before end
  e.before, e.after = nil, nil
end
local function front<V>(c: Lru<V>, e: Entry<V>)
  e.after = c.first
  if c.first then c.first.before = e end
  c.first = e
  if not c.last then c.last = e end
end
local function get<V>(c: Lru<V>, key: string): V?
  local e = c.map[key]
  if not e then return nil end
  unlink(c, e)
  front(c, e)
  return e.value
end
local function put<V>(c: Lru<V>, key: string, value: V)
  local e = c.map[key]
  if e then
    e.value = value
    unlink(c, e)
  else
    e = {key = key, value = value}
    c.map[key] = e
    c.size = c.size + 1
    if c.size > c.limit and c.last then
      local oldest = c.last
      unlink(c, oldest)
      c.map[oldest.key] = nil
      c.size = c.size - 1
    end
  end
  front(c, e)
end
local c: Lru<number> = new(2)
put(c, "a", 1)
put(c, "b", 2)
local a = get(c, "a")
if a then print(a + 1) end
print(c.size, c.first and c.first.key:upper(), c.last and c.last.value + 1)
