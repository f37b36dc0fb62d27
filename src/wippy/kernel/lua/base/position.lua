-- Error messages as users see them: positions in their own files, the language's words.
local K = ...
local raw = K.raw
local rawtype, getinfo, getlocal, byte, sub, find, match, len =
  raw.type, raw.getinfo, raw.getlocal, raw.byte, raw.sub, raw.find, raw.match, raw.len

local SHOWN = 59 -- bytes of a chunk name that Lua puts into a message
local COLON = 58

-- Functions of ours under the names that users know.
local names = {}
K.function_names = names

local ours = {} -- source -> boolean
-- Is this the source of a file of ours (or of C)? Names of entries have a colon.
local function is_ours(source)
  local known = ours[source]
  if known == nil then
    known = source == "=[C]" or not find(source, ":", 1, true)
      and (sub(source, 1, 7) == "=wippy." or find(source, "^=[%w_]+/[%w_]+%.lua$") ~= nil)
    ours[source] = known
  end
  return known
end
K.is_ours = is_ours

local function frame(co, level, what)
  if co then return getinfo(co, level, what) end
  return getinfo(level + 1, what)
end

local STEPS = 200 -- frames looked at one by one

-- The innermost frame of user code at or outside of `level`, or nil. Reading a frame takes time in proportion to its
-- level, so where code of ours has recursed deeply, the user's frames outside of it are found by bisection.
local function user_frame(co, level, what)
  if not co then level = level + 1 end
  for at = level, level + STEPS do
    local info = frame(co, at, what)
    if not info or not is_ours(info.source) then return info end
  end
  local low, step = level + STEPS, STEPS
  while true do
    local info = frame(co, low + step, what)
    if not info or not is_ours(info.source) then break end
    low, step = low + step, 2 * step
  end
  while step > 1 do
    local half = step // 2
    local info = frame(co, low + half, what)
    if info and is_ours(info.source) then
      low, step = low + half, step - half
    else
      step = half
    end
  end
  return frame(co, low + 1, what)
end

-- `source:line: ` of the innermost frame of user code.
local function user_position(co)
  local info = user_frame(co, co and 0 or 2, "Sl")
  if not info then return "" end
  return sub(info.source, 2) .. ":" .. info.currentline .. ": "
end

-- Chunk and line at which the innermost frame of user code stands; nil and 0 without one.
function K.user_place()
  local info = user_frame(nil, 2, "Sl")
  if info then return sub(info.source, 2), info.currentline end
  return nil, 0
end

-- A wrapper of ours used its parameter `variable` as an integer: the name of the function and the parameter's number.
local function wrapper_parameter(co, variable)
  local level = co and 0 or 2
  while level < STEPS do
    local info = frame(co, level, "Sf")
    if not info or not is_ours(info.source) then return nil end
    local name = names[info.func]
    if name then
      local n = 1
      while true do
        local parameter = getlocal(info.func, n)
        if not parameter then break end
        if parameter == variable then return name, n end
        n = n + 1
      end
    end
    level = level + 1
  end
end

-- Complaints about patterns in the words of the language.
local function pattern_text(text)
  if text == "invalid pattern capture" then return "invalid ')'" end
  local detail = match(text, "^malformed pattern %((.*)%)$") or match(text, "^(missing '%[' .*)$")
  if detail then return "unexpected EOS (" .. detail .. ")" end
  return text
end

local function kernel_text(text, co)
  local got, variable = match(text, "^attempt to perform bitwise operation on an? (%a+) value %(local '([^']+)'%)")
  if got then
    local name, n = wrapper_parameter(co, variable)
    if name then return "bad argument #" .. n .. " to " .. name .. " (number expected, got " .. got .. ")" end
    return text
  end
  return pattern_text(text)
end

local FOR = { initial = "init", limit = "limit", step = "step" }

-- The values of a frame's registers. For the running coroutine `level` counts from the caller.
local function registers_of(co, level)
  local values = {}
  for n = 1, 255 do
    local name, value
    if co then name, value = getlocal(co, level, n) else name, value = getlocal(level + 1, n) end
    if not name then break end
    values[n - 1] = value
  end
  return values
end

-- The operation of the frame that failed, which may be a helper of ours.
local function failed_operation(co)
  local level, inside = 0, not co
  while true do
    local info = frame(co, level, "Slf")
    if not info then return nil end
    if inside then
      inside = info.func ~= K.handler
    elseif info.what ~= "C" then
      local values = registers_of(co, level)
      return K.failed_operation(info, values)
    end
    level = level + 1
  end
end

local TYPES = { ["nil"] = true, boolean = true, number = true, string = true, table = true, ["function"] = true,
  thread = true, type = true }
-- Lua names an object by its class, the language by its type.
local function type_name(name) return TYPES[name] and name or "userdata" end

local function reworded(text, co)
  local first = byte(text, 1)
  if first == 97 then -- attempt
    local kind, what = match(text, "^attempt to call an? ([^(]-) value(.*)$")
    if kind then return "attempt to call a non-function object(" .. kind .. ")" .. what end
    kind = match(text, "^attempt to compare two (.+) values$")
    if kind then
      kind = type_name(kind)
      return "attempt to compare " .. kind .. " with " .. kind
    end
    local left, right = match(text, "^attempt to compare (.+) with (.+)$")
    if left then return "attempt to compare " .. type_name(left) .. " with " .. type_name(right) end
    -- only tables without handlers come here: all other types have handlers that say it in full
    what = match(text, "^attempt to perform arithmetic on an? (.+ value.*)$")
    if what then return failed_operation(co) or text end
    what = match(text, "^attempt to concatenate a (table value.*)$")
    if what then return "cannot perform concat operation between table and table" end
  elseif first == 98 then -- bad
    local n, name, why = match(text, "^bad argument #(%d+) to '([^']*)' (.*)$")
    if n then
      name = match(name, "([%w_?]+)$") or name
      if (name == "max" or name == "min") and n == "1" and find(why, "no value", 1, true) or why == "(value expected)" then
        if name == "max" or name == "min" then why = "(wrong number of arguments)" end
      end
      return "bad argument #" .. n .. " to " .. name .. " " .. why
    end
    local part = match(text, "^bad 'for' (%a+)")
    if part and FOR[part] then return "for statement " .. FOR[part] .. " must be a number" end
  elseif first == 39 then -- '
    if find(text, "^'__index' chain too long") then return "too many recursions in gettable" end
    if find(text, "^'__newindex' chain too long") then return "too many recursions in settable" end
  end
  return text
end

-- Entry IDs longer than Lua shows are put in full.
local function full_name(message, co)
  local shown = sub(message, 1, SHOWN)
  local level = co and 0 or 2
  while true do
    local info = frame(co, level, "S")
    if not info then return message end
    local source = info.source
    if len(source) > SHOWN + 1 and sub(source, 2, SHOWN + 1) == shown then
      return sub(source, 2) .. sub(message, SHOWN + 1)
    end
    level = level + 1
  end
end

-- The message of a raised string. co: the coroutine that died of it, or nil while its stack is the running one.
local function clean(message, co)
  local text = byte(message, 1) == 119 and match(message, "^wippy%.[%w_/]+:%d+: (.*)$")
    or match(message, "^[%w_]+/[%w_]+%.lua:%d+: (.*)$")
  if text then return user_position(co) .. reworded(kernel_text(text, co), co) end
  if byte(message, SHOWN + 1) == COLON then message = full_name(message, co) end
  if find(message, ": a", 1, true) or find(message, ": b", 1, true) or find(message, ": '", 1, true) then
    local head
    head, text = match(message, "^([^\n]-:%d+: )(.*)$")
    if head then return head .. reworded(text, co) end
  end
  return message
end
K.clean_message = function(message, co)
  if rawtype(message) ~= "string" then return message end
  return clean(message, co)
end

-- Message handler of every protected call.
function K.handler(message)
  if rawtype(message) ~= "string" then return message end
  return (clean(message, nil)) -- no tail call: failed_operation looks for this frame
end

-- The innermost frames of user code: {{level=, source=, line=, name=, type=}, …}.
function K.user_frames(limit)
  local out, level = {}, 2
  while #out < limit and level < 40 do
    local info = getinfo(level, "Sln")
    if not info then break end
    if not is_ours(info.source) then
      out[#out + 1] = {
        level = #out,
        source = sub(info.source, 2),
        line = info.currentline,
        name = info.name or (info.what == "main" and "main chunk" or "?"),
        type = info.namewhat ~= "" and info.namewhat or info.what,
      }
    end
    level = level + 1
  end
  return out
end
