-- Which operation failed. Plain Lua's message about two tables without metamethods names neither the operation nor both
-- operands; the function's bytecode does.
local K = ...
local raw = K.raw
local byte, sub, unpack, dump, getmt, rawget, rawtype = raw.byte, raw.sub, raw.unpack_string, raw.string.dump,
  raw.getmetatable, raw.rawget, raw.type

local HEADER = sub(dump(function() end), 1, 31)
local MMBIN, UNM = 46, 49 -- instructions that look for a metamethod of a binary operation and negate
local EVENTS = { [6] = "add", [7] = "sub", [8] = "mul", [9] = "mod", [10] = "pow", [11] = "div" }
local NO_LINE = 128 -- the line of an instruction stands in a list of its own
local MAX_CODE = 4000000 -- bytes of a function that are looked through

-- Sizes are written seven bits a byte, the last byte marked.
local function size(code, at)
  local n = 0
  while true do
    local b = byte(code, at)
    at = at + 1
    n = n << 7 | b & 127
    if b >= 128 then return n, at end
  end
end

local function skip_text(code, at)
  local n
  n, at = size(code, at)
  return n == 0 and at or at + n - 1
end

local function skip_list(code, at, width)
  local n
  n, at = size(code, at)
  return at + n * width
end

local WIDTHS = { [0x03] = 8, [0x13] = 8 }

local function skip_function(code, at, sections)
  at = skip_text(code, at)
  local first_line
  first_line, at = size(code, at)
  local _
  _, at = size(code, at)
  at = at + 3
  sections.first_line = first_line
  sections.count, sections.code = size(code, at)
  at = sections.code + 4 * sections.count
  local n
  n, at = size(code, at)
  for _ = 1, n do
    local kind = byte(code, at)
    at = at + 1
    if kind == 0x04 or kind == 0x14 then at = skip_text(code, at) else at = at + (WIDTHS[kind] or 0) end
  end
  at = skip_list(code, at, 3)
  n, at = size(code, at)
  for _ = 1, n do at = skip_function(code, at, {}) end
  n, sections.lines = size(code, at)
  n, at = size(code, sections.lines + n)
  sections.far_lines = at
  for _ = 1, n do
    _, at = size(code, at)
    _, at = size(code, at)
  end
  n, at = size(code, at)
  for _ = 1, n do
    at = skip_text(code, at)
    _, at = size(code, at)
    _, at = size(code, at)
  end
  n, at = size(code, at)
  for _ = 1, n do at = skip_text(code, at) end
  return at
end

-- Calls take(instruction) for every instruction of the line until it gives something, and gives that.
local function search(code, line, take)
  local sections = {}
  skip_function(code, #HEADER + 2, sections)
  local at_line, far, _ = sections.first_line, sections.far_lines, nil
  for i = 0, sections.count - 1 do
    local step = byte(code, sections.lines + i)
    if step == NO_LINE then
      _, far = size(code, far)
      at_line, far = size(code, far)
    else
      at_line = at_line + (step < 128 and step or step - 256)
    end
    if at_line == line then
      local found = take((unpack("<I4", code, sections.code + 4 * i)))
      if found then return found end
    end
  end
end

local function without(value, event)
  if rawtype(value) ~= "table" then return false end
  local mt = getmt(value)
  return not (mt and rawget(mt, event))
end

-- What Lua would have said if it named the operation that failed in a frame; nil when that cannot be told.
-- info: the frame's "Slf"; registers: the values in it, from 0 on.
function K.failed_operation(info, registers)
  local code = dump(info.func)
  if #code > MAX_CODE or sub(code, 1, #HEADER) ~= HEADER then return nil end
  return search(code, info.currentline, function(instruction)
    local kind, a, b = instruction & 127, registers[instruction >> 7 & 255], registers[instruction >> 16 & 255]
    if kind == UNM then
      if without(b, "__unm") then return "__unm undefined" end
    elseif kind == MMBIN then
      local name = EVENTS[instruction >> 24]
      local event = name and "__" .. name
      if event and without(a, event) and without(b, event) then
        return "cannot perform " .. name .. " operation between " .. K.typeof(a) .. " and " .. K.typeof(b)
      end
    end
  end)
end
