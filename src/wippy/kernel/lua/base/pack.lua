-- string.pack, unpack and packsize: the format text is read here and given to plain Lua with explicit
-- sizes and byte order. Closes the string library.
local K = ...
local raw = K.raw
local sub, match, pcall, error, select = raw.sub, raw.match, raw.pcall, raw.error, raw.select
local tpack, tunpack, concat, tonumber = raw.tpack, raw.tunpack, raw.concat, raw.tonumber
local rpack, runpack, rpacksize = raw.pack, raw.unpack_string, raw.packsize
local badarg, string = K.badarg, K.base.string
local string_arg, integer_arg, number_arg = K.arg.string, K.arg.integer, K.arg.number

local TURN = K.give_way()
local SIZED = { i = 4, I = 4, s = 8 }
local PLAIN = {
  b = "b", B = "B", h = "i2", H = "I2", l = "i8", L = "I8", j = "i8", J = "I8", T = "I8", f = "f", d = "d", n = "d",
  z = "z", x = "x", [">"] = ">", ["<"] = "<", ["="] = "<", ["!"] = "!8",
}
local KINDS = { f = number_arg, d = number_arg, n = number_arg, z = string_arg, s = string_arg, c = string_arg }
for letter in raw.gmatch("bBhHlLjJTiI", ".") do KINDS[letter] = integer_arg end

-- One item of a format text → its text for plain Lua, and the rest; or nil and what is wrong.
local function item(text, at)
  local letter, digits = match(text, "^(.)(%d*)", at)
  local after = at + 1 + #digits
  local size = tonumber(digits)
  if digits ~= "" and (SIZED[letter] or letter == "!" ) then
    if #digits > 2 or size < 1 or size > 16 then
      return nil, "integral size (" .. digits .. ") out of limits [1,16]"
    end
    return letter .. size, after
  elseif SIZED[letter] then
    return letter .. SIZED[letter], after
  elseif letter == "c" then
    if digits == "" then return nil, "invalid format option 'c': its size is missing" end
    if #digits > 9 then return nil, "size of 'c' is too large" end
    return "c" .. size, after
  elseif PLAIN[letter] then
    return PLAIN[letter], at + 1
  end
  return nil, "invalid format option '" .. letter .. "'"
end

-- The format text for plain Lua and how to read each argument; or nil and what is wrong.
local function read_format(text)
  local out, kinds, at, turn = { "<" }, {}, 1, TURN
  while at <= #text do
    turn = turn - 1
    if turn < 0 then turn = K.give_way() end
    local letter = sub(text, at, at)
    if letter == " " then
      at = at + 1
    elseif letter == "X" then
      if at == #text then return nil, "invalid next option for option 'X'" end
      local made, after = item(text, at + 1)
      if not made then return nil, after end
      out[#out + 1] = "X" .. made
      at = after
    else
      local made, after = item(text, at)
      if not made then return nil, after end
      out[#out + 1] = made
      if KINDS[letter] then kinds[#kinds + 1] = KINDS[letter] end
      at = after
    end
  end
  return concat(out), kinds
end

-- Raises what a function of plain Lua raised, as an error of `name` at the line of its caller.
local function fail(message, name)
  local n, text = match(message, "bad argument #(%d+) to '[^']*' %((.*)%)$")
  if n then badarg(n, name, text, 3) end
  error((raw.gsub(message, "^[^:]*:%d+: ", "")), 3)
end

function string.pack(format, ...)
  local made, kinds = read_format(string_arg(format, 1, "pack"))
  if not made then badarg(1, "pack", kinds) end
  local list = { ... }
  if select("#", ...) < #kinds then badarg(select("#", ...) + 2, "pack", "no value") end
  for i = 1, #kinds do list[i] = kinds[i](list[i], i + 1, "pack") end
  local ok, packed = pcall(rpack, made, tunpack(list, 1, #kinds))
  if not ok then fail(packed, "pack") end
  return packed
end

function string.unpack(format, s, at)
  local made, wrong = read_format(string_arg(format, 1, "unpack"))
  if not made then badarg(1, "unpack", wrong) end
  s = string_arg(s, 2, "unpack")
  local got = tpack(pcall(runpack, made, s, at == nil and 1 or integer_arg(at, 3, "unpack")))
  if not got[1] then fail(got[2], "unpack") end
  return tunpack(got, 2, got.n)
end

function string.packsize(format)
  local made, wrong = read_format(string_arg(format, 1, "packsize"))
  if not made then badarg(1, "packsize", wrong) end
  local ok, size = pcall(rpacksize, made)
  if not ok then
    if raw.find(size, "variable", 1, true) then badarg(1, "packsize", "variable-length format") end
    fail(size, "packsize")
  end
  return size
end

K.freeze(string)
-- Methods of strings are looked up in the content: one step less than through the frozen table.
raw.getmetatable("").__index = K.unfrozen(string)
