-- The table library. It works on raw content: metamethods are not asked.
local K = ...
local raw = K.raw
local rawtype, mathtype, next, select, error = raw.type, raw.mathtype, raw.next, raw.select, raw.error
local rawget, rawset, rawlen, getmt = raw.rawget, raw.rawset, raw.rawlen, raw.getmetatable
local rinsert, rremove, rconcat, rsort, tunpack = raw.insert, raw.remove, raw.concat, raw.sort, raw.tunpack
local classof, unfrozen, typeof = K.classof, K.unfrozen, K.typeof
local badarg, badtype, is_error, text_of = K.badarg, K.badtype, K.is_error, K.text
local string_arg, integer_arg, number_arg = K.arg.string, K.arg.integer, K.arg.number
local give_way, TURN = K.give_way, K.give_way()

local MAX_RESULTS = 200000
local SMALL_SORT = 5000 -- elements that plain Lua may sort, unsuspended
local RUN = 8
local COSTLY = 2000 -- elements from which on a call is charged for

local table = {}

-- What has no metatable is a table: the kernel gives all other types one.

-- The content of a table argument; `mt` is its metatable. Called by a library function.
local function content(t, mt, name)
  if mt == nil then return t end
  if rawtype(t) ~= "table" or classof(t) then badtype(1, name, "table", t, 3) end
  return unfrozen(t)
end

-- The table of an argument that is to be changed.
local function writable(t, name, text)
  if rawtype(t) ~= "table" or classof(t) then badtype(1, name, "table", t, 3) end
  if unfrozen(t) ~= t then error(text, 3) end
end

function table.getn(t)
  return rawlen(content(t, getmt(t), "getn"))
end

function table.maxn(t)
  local highest = 0
  for key in next, content(t, getmt(t), "maxn") do
    if mathtype(key) and key > highest then highest = key end
  end
  return highest
end

function table.insert(t, ...)
  local mt = getmt(t)
  if mt then writable(t, "insert", "attempt to insert into Immutable table") end
  local n = select("#", ...)
  if n == 1 then
    if mt then
      local v = ...
      if v ~= nil then rawset(t, rawlen(t) + 1, v) end
    else
      t[#t + 1] = ...
    end
    return
  end
  if n ~= 2 then error("wrong number of arguments to insert: 2 or 3 expected, got " .. n + 1, 2) end
  local at, v = ...
  if mathtype(at) ~= "integer" then at = integer_arg(at, 2, "insert") end
  local length = rawlen(t)
  if length - at >= COSTLY and at >= 1 then K.charge(8 * (length - at)) end
  if at < 1 or at > length then
    rawset(t, at, v)
  elseif not mt then
    rinsert(t, at, v)
  else
    for i = length, at, -1 do rawset(t, i + 1, rawget(t, i)) end
    rawset(t, at, v)
  end
end

function table.remove(t, at)
  local mt = getmt(t)
  if mt then writable(t, "remove", "attempt to remove from Immutable table") end
  local length = rawlen(t)
  if at == nil then
    at = length
  else
    if mathtype(at) ~= "integer" then at = integer_arg(at, 2, "remove") end
    if at <= 0 then at = length end
  end
  if length == 0 or at > length then return nil end
  if length - at >= COSTLY then K.charge(8 * (length - at)) end
  if not mt then return (rremove(t, at)) end
  local removed = rawget(t, at)
  for i = at, length do rawset(t, i, rawget(t, i + 1)) end
  return removed
end

function table.concat(t, separator, i, j)
  local mt = getmt(t)
  local list = content(t, mt, "concat")
  if separator == nil then
    separator = ""
  elseif rawtype(separator) ~= "string" then
    separator = string_arg(separator, 2, "concat")
  end
  if i == nil then i = 1 elseif mathtype(i) ~= "integer" then i = integer_arg(i, 3, "concat") end
  if j == nil then j = rawlen(list) elseif mathtype(j) ~= "integer" then j = integer_arg(j, 4, "concat") end
  if j - i >= COSTLY then K.charge(16 * (j - i)) end
  local plain = getmt(list) == nil
  local texts = not plain and {} or nil
  for at = i, j do
    local v
    if plain then v = list[at] else v = rawget(list, at) end
    if rawtype(v) ~= "string" and mathtype(v) ~= "integer" then
      if not mathtype(v) and not is_error(v) then
        error("invalid value (" .. typeof(v) .. ") at index " .. at .. " in table for concat", 2)
      end
      if not texts then
        texts = {}
        for before = i, at - 1 do texts[before - i + 1] = list[before] end
      end
      v = text_of(v)
    end
    if texts then texts[at - i + 1] = v end
  end
  if texts then return rconcat(texts, separator) end
  return rconcat(list, separator, i, j)
end

-- a < b, or an error at the line that called sort.
local function less_than(a, b)
  local s, t = rawtype(a), rawtype(b)
  if s ~= t or s ~= "number" and s ~= "string" then
    local mt, other = getmt(a), getmt(b)
    local handler = s == "table" and mt and rawget(mt, "__lt") or t == "table" and other and rawget(other, "__lt")
    if not handler then error("attempt to compare " .. typeof(a) .. " with " .. typeof(b), 4) end
  end
  return a < b
end

-- Sorts list[1..n] into a new table: runs by insertion, then merged. `less` may wait.
local function merge_sort(list, n, less)
  local from, to, turn = {}, {}, TURN
  for i = 1, n do from[i] = rawget(list, i) end
  for first = 1, n, RUN do
    local last = first + RUN - 1
    if last > n then last = n end
    for i = first + 1, last do
      local v, at = from[i], i - 1
      while at >= first and less(v, from[at]) do
        from[at + 1] = from[at]
        at = at - 1
      end
      from[at + 1] = v
    end
    turn = turn - 4 * RUN
    if turn < 0 then turn = give_way() end
  end
  local width = RUN
  while width < n do
    for first = 1, n, 2 * width do
      local middle, last = first + width, first + 2 * width - 1
      if last > n then last = n end
      local a, b, out = first, middle, first
      while a < middle and b <= last do
        local x, y = from[a], from[b]
        if less(y, x) then
          to[out] = y
          b = b + 1
        else
          to[out] = x
          a = a + 1
        end
        out = out + 1
        turn = turn - 1
        if turn < 0 then turn = give_way() end
      end
      for i = a, middle <= n and middle - 1 or n do
        to[out] = from[i]
        out = out + 1
      end
      for i = b, last do
        to[out] = from[i]
        out = out + 1
      end
    end
    from, to = to, from
    width = 2 * width
  end
  return from
end

-- "number" or "string" when every element is one and they have an order, else nil.
local function one_kind(list, n)
  local kind = rawtype(list[1])
  if kind ~= "number" and kind ~= "string" then return nil end
  for i = 1, n do
    local v = list[i]
    if rawtype(v) ~= kind or v ~= v then return nil end
  end
  return kind
end

local function plain_less(a, b) return a < b end

function table.sort(t, less)
  writable(t, "sort", "attempt to sort Immutable table")
  if less ~= nil and rawtype(less) ~= "function" then badtype(2, "sort", "function", less) end
  local n = rawlen(t)
  if n < 2 then return end
  if not less then
    if getmt(t) == nil and one_kind(t, n) then
      if n <= SMALL_SORT then return rsort(t) end
      less = plain_less
    else
      less = less_than
    end
  end
  local sorted = merge_sort(t, n, less)
  if unfrozen(t) ~= t then error("attempt to sort Immutable table", 2) end
  for i = 1, n do rawset(t, i, sorted[i]) end
end

function table.create(positions, names)
  local out = {}
  if positions ~= nil and not (number_arg(positions, 1, "create") >= 0) then
    badarg(1, "create", "capacity must not be negative")
  end
  if names ~= nil then
    local count = number_arg(names, 2, "create")
    if not (count >= 0) then badarg(2, "create", "capacity must not be negative") end
    if count > 0 then K.hash_marks[out] = true end
  end
  return out
end

function table.freeze(t)
  if unfrozen(content(t, getmt(t), "freeze")) == t then return K.freeze(t) end
  return t
end

function table.isfrozen(t)
  return content(t, getmt(t), "isfrozen") ~= t
end

function table.unpack(t, i, j)
  local mt = getmt(t)
  if mt == nil and i == nil and j == nil then
    local length = #t
    if length < COSTLY then return tunpack(t) end
  end
  local list = content(t, mt, "unpack")
  if i == nil then i = 1 elseif mathtype(i) ~= "integer" then i = integer_arg(i, 2, "unpack") end
  if j == nil then j = rawlen(list) elseif mathtype(j) ~= "integer" then j = integer_arg(j, 3, "unpack") end
  if i > j then return end
  local span = j - i
  if span < 0 or span >= MAX_RESULTS then
    error("too many results to unpack: at most " .. MAX_RESULTS .. " values at once", 2)
  end
  if span >= COSTLY then K.charge(16 * span) end
  if getmt(list) == nil then return tunpack(list, i, j) end
  local values = {}
  for at = 0, span do values[at + 1] = rawget(list, i + at) end
  return tunpack(values, 1, span + 1)
end

K.base.table = K.freeze(table)
