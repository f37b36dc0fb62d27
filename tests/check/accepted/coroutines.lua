local function range(from: integer, to: integer, step: integer?)
  return coroutine.wrap(function()
    for i = from, to, step or 1 do coroutine.yield(i) end
  end)
end
local function filter(source, keep: (integer) -> boolean)
  return coroutine.wrap(function()
    for v in source do if keep(v) then coroutine.yield(v) end end
  end)
end
for v in filter(range(1, 10), function(x) return x % 2 == 0 end) do print(v + 1) end
local co = coroutine.create(function(a, b)
  local c = coroutine.yield(a + b)
  return c * 2
end)
local ok, sum = coroutine.resume(co, 1, 2)
if ok then print(sum + 1, coroutine.status(co) == "suspended") end
local function tree(t): () -> any
  local stack = {t}
  return function()
    local node = table.remove(stack)
    if node == nil then return nil end
    for _, child in ipairs(node.children or {}) do stack[#stack + 1] = child end
    return node.name
  end
end
for name in tree({name = "a", children = {{name = "b"}}}) do print(name:upper()) end
local function pairs_sorted<V>(map: {[string]: V})
  local keys = {}
  for k in pairs(map) do keys[#keys + 1] = k end
  table.sort(keys)
  local i = 0
  return function(): (string?, V?)
    i = i + 1
    local k = keys[i]
    if k then return k, map[k] end
  end
end
for k, v in pairs_sorted({a = 1, b = 2}) do print(k:upper(), v + 1) end
local done = channel.new(1)
coroutine.spawn(function() done:send({ok = true}) end)
local message, open = done:receive()
if open then print(message.ok) end
