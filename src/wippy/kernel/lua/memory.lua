-- How much memory a process holds: an estimate, made by walking over what its code can reach.
--
-- Counted are tables, closures, coroutines and texts with the sizes that Lua 5.4 gives them; not what is shared with
-- others (code, modules, libraries) and not what Python holds for the process.
local K = ...
local raw = K.raw
local rawtype, next, rawget, rawlen, getmt, getinfo = raw.type, raw.next, raw.rawget, raw.rawlen, raw.getmetatable, raw.getinfo
local getlocal, getupvalue, upvalueid = raw.getlocal, raw.getupvalue, raw.upvalueid
local keys = K.channel_keys
local SLOTS, PENDING = keys.slots, keys.pending

local UNIT = 1700      -- unit table, PID, environment, inbox and coroutine of any process
local THREAD = 1000    -- coroutine with its stack
local TABLE, ITEM, NODE = 56, 16, 24
local CLOSURE, UPVALUE, CLOSED = 32, 8, 40
local TEXT = 25
local SHORT = 40       -- texts up to this length are shared in the VM
local LEVELS = 100     -- frames of a stack whose variables are looked at

local function is_code(f) return K.is_ours(getinfo(f, "S").source) end

-- Bytes, and whether there was more than the given number of objects and items of tables to look at.
function K.memory_of(p, objects)
  local seen, total, left = {}, UNIT, objects
  local list, n = {}, 0
  local libs = p.unit.libs or {}
  for i = 1, #libs do seen[libs[i].rt] = true end
  if p.unit.main_rt then seen[p.unit.main_rt] = true end

  local function push(v)
    local t = rawtype(v)
    if t == "string" then
      if not seen[v] then
        seen[v] = true
        total = total + TEXT + #v
      end
    elseif (t == "table" or t == "function" or t == "thread") and not seen[v] then
      seen[v] = true
      n = n + 1
      list[n] = v
    end
  end

  local function walk_stack(co)
    for level = 0, LEVELS do
      local info = getinfo(co, level, "Sf")
      if not info then return end
      if not K.is_ours(info.source) then
        push(info.func)
        for i = 1, 250 do
          local name, value = getlocal(co, level, i)
          if not name then break end
          push(value)
        end
        for i = -1, -250, -1 do
          local name, value = getlocal(co, level, i)
          if not name then break end
          push(value)
        end
      end
    end
  end

  local function walk_messages(list_)
    if not list_ then return end
    for i = list_.h, list_.n do
      left = left - 1
      if left < 0 then return end
      total = total + TABLE + 5 * ITEM
      local m = list_[i]
      push(m and rawget(m, 3))
    end
  end

  local function walk_channel(ch)
    total = total + TABLE + 4 * NODE
    walk_messages(ch[PENDING])
    local slots = ch[SLOTS]
    for _, v in next, slots or {} do
      left = left - 1
      if left < 0 then return end
      total = total + ITEM
      push(v)
    end
  end

  local function walk_table(t)
    local class = K.classof(t)
    if class then
      if getmt(t) == K.Channel then return walk_channel(t) end
      if getmt(t) == K.Message then push(rawget(t, 3)) end
      if getmt(t) == K.Payload then push(rawget(t, K.PAYLOAD_VALUE)) end
      total = total + TABLE + 4 * NODE
      return
    end
    local content = K.unfrozen(t)
    if content ~= t then -- a library, or a constant of the code
      total = total + TABLE
      return
    end
    local items, count = rawlen(t), 0
    for k, v in next, t do
      count = count + 1
      left = left - 1
      if left < 0 then break end
      if rawtype(k) ~= "string" or #k > SHORT then push(k) end
      push(v)
    end
    total = total + TABLE + ITEM * items
    local named = count - items
    if named > 0 then
      local size = 1
      while size < named do size = 2 * size end
      total = total + NODE * size
    end
    local mt = getmt(t)
    if rawtype(mt) == "table" and mt ~= p.unit.envmt and K.user_metatables[mt] then push(mt) end
  end

  if p.env then seen[p.env] = true end
  for k, v in next, p.env or {} do
    left = left - 1
    if left < 0 then break end
    if v ~= p.env then
      total = total + NODE
      push(k)
      push(v)
    end
  end
  push(p.args)
  walk_messages(p.unrouted)
  push(p.inbox)
  for _, ch in next, p.topics or {} do push(ch) end
  local main = p.main or p
  if main.co then walk_stack(main.co) end
  for th in next, p.threads or {} do
    if rawtype(th) == "table" and th.co then push(th.co) end
  end

  while n > 0 do
    left = left - 1
    if left < 0 then break end
    local v = list[n]
    list[n] = nil
    n = n - 1
    local t = rawtype(v)
    if t == "table" then
      walk_table(v)
    elseif t == "thread" then
      total = total + THREAD
      walk_stack(v)
    elseif not is_code(v) then
      local i = 1
      while true do
        local name, value = getupvalue(v, i)
        if not name then break end
        local id = upvalueid(v, i) -- one variable may be shared by many closures
        if not seen[id] then
          seen[id] = true
          total = total + CLOSED
        end
        push(value)
        i = i + 1
      end
      total = total + CLOSURE + UPVALUE * (i - 1)
    end
  end
  return total, left < 0
end
