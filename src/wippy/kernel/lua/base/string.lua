-- The string library (formats and packing have files of their own), and how arguments are read.
local K = ...
local raw = K.raw
local rawtype, mathtype, error, select, tonumber = raw.type, raw.mathtype, raw.error, raw.select, raw.tonumber
local rawget, getmt, classof, typeof = raw.rawget, raw.getmetatable, K.classof, K.typeof
local badarg, badtype, is_error, text_of = K.badarg, K.badtype, K.is_error, K.text
local rsub, rbyte, rchar, rfind, rmatch = raw.sub, raw.byte, raw.char, raw.find, raw.match
local rgsub, rgmatch = raw.gsub, raw.gmatch
local rrep, rreverse, rlower, rupper, utf8len = raw.rep, raw.reverse, raw.lower, raw.upper, raw.utf8len
local floor, mininteger, maxinteger = raw.floor, raw.mininteger, raw.maxinteger
local host, pattern = K.host, K.pattern
local is_long = K.matcher.is_long
local known, empty, captures, prepare = pattern.known, pattern.empty, pattern.captures, pattern.prepare

local MAX_TEXT = 1 << 27 -- bytes that rep makes: nothing else of the worker runs meanwhile
local BLOCK = 1 << 14
local COSTLY = 20000 -- bytes from which on a call is charged for
local MANY = 200000  -- bytes in which a table or function replaces match by match

-- Arguments. Each of these is called by a library function that user code called: errors carry its line.

local function to_integer(x)
  if x ~= x then return mininteger end
  if x >= 0x1p63 then return maxinteger end
  if x <= -0x1p63 then return mininteger end
  return x < 0 and -floor(-x) or floor(x)
end

local function as_number(v)
  if mathtype(v) then return v end
  if rawtype(v) == "string" then return tonumber(v) end
  return nil
end

local function string_arg(v, n, name)
  local t = rawtype(v)
  if t == "string" then return v end
  if t == "number" or is_error(v) then return text_of(v) end
  badtype(n, name, "string", v, 3)
end

local function number_arg(v, n, name)
  local x = as_number(v)
  if x == nil then badtype(n, name, "number", v, 3) end
  return x
end

local function integer_arg(v, n, name)
  if mathtype(v) == "integer" then return v end
  local x = as_number(v)
  if x == nil then badtype(n, name, "number", v, 3) end
  return mathtype(x) == "integer" and x or to_integer(x)
end

K.arg = {
  string = string_arg, number = number_arg, integer = integer_arg, to_integer = to_integer, as_number = as_number,
}

-- Integers by themselves and by the float of the same value: a lookup costs less than a call that asks for the type.
local SMALL = {}
for i = -64, 4096 do SMALL[i] = i end

local string = {}

function string.sub(s, i, j)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "sub") end
  i = SMALL[i] or integer_arg(i, 2, "sub")
  if j == nil then return rsub(s, i) end
  return rsub(s, i, SMALL[j] or integer_arg(j, 3, "sub"))
end

function string.byte(s, i, j)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "byte") end
  if i == nil then i = 1 else i = SMALL[i] or integer_arg(i, 2, "byte") end
  if j == nil then return rbyte(s, i) end
  j = integer_arg(j, 3, "byte")
  local length = #s
  local from, to = i < 0 and length + i + 1 or i, j < 0 and length + j + 1 or j
  if from < 1 then from = 1 end
  if to > length then to = length end
  if to - from >= 200000 then error("string slice too long: byte gives at most 200000 values at once", 2) end
  return rbyte(s, from, to)
end

function string.char(...)
  local n = select("#", ...)
  if n == 1 then
    local c = integer_arg((...), 1, "char")
    if c < 0 or c > 255 then badarg(1, "char", "value out of range 0..255") end
    return rchar(c)
  end
  if n >= 2000 then K.charge(16 * n) end
  local list = { ... }
  for i = 1, n do
    local c = integer_arg(list[i], i, "char")
    if c < 0 or c > 255 then badarg(i, "char", "value out of range 0..255") end
    list[i] = c
  end
  return rchar(raw.tunpack(list, 1, n))
end

function string.len(s)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "len") end
  return #s
end

function string.reverse(s)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "reverse") end
  if #s >= COSTLY then K.charge(#s) end
  return rreverse(s)
end

function string.rep(s, n)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "rep") end
  n = SMALL[n] or integer_arg(n, 2, "rep")
  if n <= 0 or s == "" then return "" end
  local size = #s
  if n > MAX_TEXT // size then error("resulting string too large", 2) end
  if n * size >= COSTLY then K.charge(n * size) end
  if n <= BLOCK or size >= BLOCK then return rrep(s, n) end
  -- plain Lua copies one by one
  local at_once = BLOCK // size
  return rrep(rrep(s, at_once), n // at_once) .. rrep(s, n % at_once)
end

function string.lower(s)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "lower") end
  if #s >= COSTLY then K.charge(#s) end
  if utf8len(s) == #s then return rlower(s) end
  return host.lower(s)
end

function string.upper(s)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "upper") end
  if #s >= COSTLY then K.charge(#s) end
  if utf8len(s) == #s then return rupper(s) end
  return host.upper(s)
end

function string.find(s, p, init, plain)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "find") end
  if init == nil then init = 1 else init = SMALL[init] or integer_arg(init, 3, "find") end
  if plain then
    if rawtype(p) ~= "string" then p = string_arg(p, 2, "find") end
    if #s >= COSTLY then K.charge(#s) end
    return K.find_plain(s, p, init)
  end
  local made = known[p]
  if not made then
    p = string_arg(p, 2, "find")
    made = prepare(p, 2)
  end
  if is_long(s, made) then return pattern.search(s, made, init) end
  return rfind(s, made, init)
end

function string.match(s, p, init)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "match") end
  local made = known[p]
  if not made then
    p = string_arg(p, 2, "match")
    made = prepare(p, 2)
  end
  if is_long(s, made) then
    return pattern.found_text(s, pattern.search(s, made, init and (SMALL[init] or integer_arg(init, 3, "match"))))
  end
  if init == nil then return rmatch(s, made) end
  return rmatch(s, made, SMALL[init] or integer_arg(init, 3, "match"))
end

function string.gmatch(s, p)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "gmatch") end
  local made, nullable = known[p], empty[p]
  if not made then
    p = string_arg(p, 2, "gmatch")
    made, nullable = prepare(p, 2)
  end
  if rbyte(made) == 94 then return pattern.first_match(s, made) end
  if nullable or is_long(s, made) then return pattern.each_match(s, made) end
  return rgmatch(s, made)
end
string.gfind = string.gmatch

-- The replacement text as plain Lua takes it, and its highest capture index.
local function replacement(text)
  local highest = 0
  return (rgsub(text, "%%(.?)", function(c)
    local digit = rbyte(c)
    if digit and digit >= 48 and digit <= 57 then
      if digit - 48 > highest then highest = digit - 48 end
      return nil
    end
    return "%%" .. (c == "%" and "" or c)
  end)), highest
end

-- Expands a replacement text for one match.
local function expand(text, whole, ...)
  local list, n = { ... }, select("#", ...)
  return (rgsub(text, "%%(.)", function(c)
    if c == "%" then return "%" end
    if c == "0" or (c == "1" and n == 0) then return whole end
    return text_of(list[rbyte(c) - 48])
  end))
end

function string.gsub(s, p, repl, limit)
  if rawtype(s) ~= "string" then s = string_arg(s, 1, "gsub") end
  local made, nullable, count = known[p], empty[p], captures[p]
  if not made then
    p = string_arg(p, 2, "gsub")
    made, nullable, count = prepare(p, 2)
  end
  local kind = rawtype(repl)
  if kind == "table" then
    if is_error(repl) then
      repl, kind = text_of(repl), "string"
    elseif classof(repl) then
      kind = "userdata"
    end
  end
  if limit ~= nil then limit = SMALL[limit] or integer_arg(limit, 4, "gsub") end

  if kind == "string" then
    if rfind(repl, "%", 1, true) then
      local highest
      repl, highest = replacement(repl)
      if highest > (count == 0 and 1 or count) then
        if (limit == nil or limit > 0) and pattern.search(s, made) then
          error("invalid capture index %" .. highest .. " in replacement string", 2)
        end
        return s, 0
      end
    end
    if not nullable and not is_long(s, made) then
      if limit then return rgsub(s, made, repl, limit) end
      return rgsub(s, made, repl)
    end
    return pattern.substitute(s, made, function(...) return expand(repl, ...) end, limit or maxinteger)
  end

  local bad
  local function given(v)
    if v == nil or v == false then return nil end
    local t = rawtype(v)
    if t == "string" then return v end
    if t == "number" then return text_of(v) end
    if bad == nil then bad = v end
    return nil
  end
  local text, n
  if kind == "function" then
    text, n = pattern.substitute(s, made, function(whole, ...)
      if bad ~= nil then return nil end
      if select("#", ...) == 0 then return given((repl(whole))) end
      return given((repl(...)))
    end, limit or maxinteger)
  elseif kind == "table" then
    if not nullable and getmt(repl) == nil and #s < MANY and not is_long(s, made) then
      local function look(key) return given(rawget(repl, key)) end
      if limit then text, n = rgsub(s, made, look, limit) else text, n = rgsub(s, made, look) end
    else
      text, n = pattern.substitute(s, made, function(whole, first)
        if first == nil then first = whole end
        return given(repl[first])
      end, limit or maxinteger)
    end
  else
    badtype(3, "gsub", "string/function/table", repl)
  end
  if bad ~= nil then error("invalid replacement value (a " .. typeof(bad) .. ")", 2) end
  return text, n
end

function string.dump()
  error("unable to dump given function: functions have no text form", 2)
end

K.base.string = string
