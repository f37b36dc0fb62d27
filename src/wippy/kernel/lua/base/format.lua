-- string.format: each format text is read once into a plan, a format text for plain Lua and one
-- converter per argument.
local K = ...
local raw = K.raw
local rawtype, mathtype, tonumber, rawtostring = raw.type, raw.mathtype, raw.tonumber, raw.tostring
local sub, byte, find, rep, rformat, rgsub = raw.sub, raw.byte, raw.find, raw.rep, raw.format, raw.gsub
local error, select, tunpack, concat, classof = raw.error, raw.select, raw.tunpack, raw.concat, K.classof
local badarg, badtype, text_of, is_error = K.badarg, K.badtype, K.text, K.is_error
local to_integer, as_number, string_arg = K.arg.to_integer, K.arg.as_number, K.arg.string
local huge = raw.huge

local MAX_WIDTH, MAX_PRECISION, MAX_CACHED, MAX_CACHED_LENGTH = 9999, 99, 1000, 500
-- Flags that plain Lua takes for a verb.
local FLAGS = { d = "[-+0 ]", x = "[-#0]", X = "[-#0]", o = "[-#0]" }
for verb in raw.gmatch("eEfgG", ".") do FLAGS[verb] = "[-+#0 ]" end

local function pad(text, width, left)
  local missing = width - #text
  if missing <= 0 then return text end
  if left then return text .. rep(" ", missing) end
  return rep(" ", missing) .. text
end

-- Converters: (argument, its number) → value for plain Lua. Called by format, which user code called.

local function any_text(v)
  local t = rawtype(v)
  if t == "string" then return v end
  if t == "number" or t == "userdata" then return text_of(v) end
  if t == "table" then
    if classof(v) then return text_of(v) end
    return K.workflow and K.anonymous_text(v) or rformat("table: %p", v)
  end
  if t == "function" or t == "thread" then return K.anonymous_text(v) end
  return rawtostring(v)
end

local function integer(v, n)
  if mathtype(v) == "integer" then return v end
  local x = as_number(v)
  if x == nil then badtype(n, "format", "number", v, 3) end
  return mathtype(x) == "integer" and x or to_integer(x)
end

local function character(v, n)
  return raw.char(integer(v, n) & 255)
end

local function unsigned(v, n)
  local x = integer(v, n)
  if x >= 0 then return rformat("%d", x) end
  local tens = (x >> 1) // 5
  return rformat("%d%d", tens, x - tens * 10)
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local function quoted(v, n)
  if rawtype(v) ~= "string" then
    if rawtype(v) ~= "number" and not is_error(v) then badtype(n, "format", "string", v, 3) end
    v = text_of(v)
  end
  v = rgsub(v, '()([%c"\\])', function(at, c)
    if ESCAPES[c] then return ESCAPES[c] end
    local after = byte(v, at + 1)
    return rformat(after and after >= 48 and after <= 57 and "\\%03d" or "\\%d", byte(c))
  end)
  return '"' .. v .. '"'
end

-- A converter to text, padded and cut.
local function padded(convert, width, precision, left)
  if not width and not precision then return convert end
  return function(v, n)
    local text = convert(v, n)
    if precision then text = sub(text, 1, precision) end
    return width and pad(text, width, left) or text
  end
end

-- A converter of numbers that plain Lua formats with `spec`; wide ones are padded here.
local function number(spec, flags, width, is_integer)
  local left = find(flags, "-", 1, true)
  local wide = width and width > MAX_PRECISION
  local zeros = find(flags, "0", 1, true) and not left
  return function(v, n)
    local x
    if is_integer then
      x = integer(v, n)
    else
      x = as_number(v)
      if x == nil then badtype(n, "format", "number", v, 3) end
      if x ~= x or x == huge or x == -huge then return pad(text_of(x), width or 0, left) end
    end
    local text = rformat(spec, x)
    if not wide then return text end
    if zeros then
      local sign = raw.match(text, "^[-+ ]?0?[xX]?")
      if not find(sign, "[xX]") then sign = raw.match(text, "^[-+ ]?") end
      return sign .. rep("0", width - #text) .. sub(text, #sign + 1)
    end
    return pad(text, width, left)
  end
end

-- Floats in plain Lua's format, except those that it writes in its own way.
local function finite(v, n)
  local x = v
  if not mathtype(v) then
    x = as_number(v)
    if x == nil then badtype(n, "format", "number", v, 3) end
  end
  return x
end

local plans, cached = {}, 0

-- Appends the verb to the plan; returns its text for plain Lua, or nil when there is no such verb.
local function add_verb(plan, flags, width, precision, verb)
  local left = find(flags, "-", 1, true) ~= nil
  local n = #plan + 1
  if verb == "s" or verb == "v" then
    plan[n] = padded(any_text, width, precision, left)
    return "%s"
  elseif verb == "q" then
    plan[n] = padded(quoted, width, nil, left)
    return "%s"
  elseif verb == "c" then
    plan[n] = padded(character, width, nil, left)
    return "%s"
  elseif verb == "u" then
    plan[n] = padded(unsigned, width, nil, left)
    return "%s"
  end
  if verb == "i" then verb = "d" end
  local allowed = FLAGS[verb]
  if not allowed then return nil end
  local is_integer = allowed ~= FLAGS.f
  local kept = ""
  for flag in raw.gmatch(flags, allowed) do
    if not find(kept, flag, 1, true) then kept = kept .. flag end
  end
  local tail = (precision and "." .. precision or "") .. verb
  if width and width > MAX_PRECISION then
    plan[n] = number("%" .. kept .. tail, flags, width, is_integer)
    return "%s"
  end
  local spec = "%" .. kept .. (width or "") .. tail
  if is_integer then
    plan[n] = integer
    return spec
  end
  plan[n] = finite
  plan.floats = plan.floats or {}
  plan.floats[n] = number(spec, flags, width, false)
  return spec
end

-- The plan of a format text. Errors carry the line of format's caller.
local function make_plan(text)
  local plan, out, at = {}, {}, 1
  while true do
    local from, to, flags, width, precision, verb = find(text, "%%([-+# 0]*)(%d*)(%.?%d*)(.?)", at)
    if not from then break end
    out[#out + 1] = sub(text, at, from - 1)
    at = to + 1
    if verb == "%" then
      out[#out + 1] = "%%"
    else
      local w = width ~= "" and tonumber(width) or nil
      local p = precision ~= "" and (tonumber(sub(precision, 2)) or 0) or nil
      if w and w > MAX_WIDTH or p and p > (verb == "s" and MAX_WIDTH or MAX_PRECISION) then
        error("invalid format (width or precision too long) in '" .. sub(text, from, to) .. "'", 3)
      end
      local made = add_verb(plan, flags, w, p, verb)
      if not made then error("invalid option '" .. sub(text, from, to) .. "' to format", 3) end
      out[#out + 1] = made
    end
  end
  out[#out + 1] = sub(text, at)
  plan.text, plan.n = concat(out), #plan
  if #text <= MAX_CACHED_LENGTH then
    if cached >= MAX_CACHED then plans, cached = {}, 0 end
    plans[text] = plan
    cached = cached + 1
  end
  return plan
end

-- The plan in which the numbers that are not finite are texts.
local function with_texts(plan, list)
  local i = 0
  local text = rgsub(plan.text, "%%([-+# 0]*%d*%.?%d*)(.)", function(_, verb)
    if verb == "%" then return nil end
    i = i + 1
    local x = list[i]
    if plan.floats[i] and (x ~= x or x == huge or x == -huge) then
      list[i] = plan.floats[i](x, i + 1)
      return "%s"
    end
    return nil
  end)
  return rformat(text, tunpack(list, 1, plan.n))
end

function K.base.string.format(text, ...)
  local plan = plans[text]
  if not plan then
    text = string_arg(text, 1, "format")
    plan = make_plan(text)
  end
  local n = plan.n
  if select("#", ...) < n then badarg(select("#", ...) + 2, "format", "no value") end
  local floats = plan.floats
  local a, b, c = ...
  if n == 1 then
    a = plan[1](a, 2)
    if floats and a - a ~= 0 then return with_texts(plan, { a }) end
    return rformat(plan.text, a)
  elseif n == 2 and not floats then
    a, b = plan[1](a, 2), plan[2](b, 3)
    return rformat(plan.text, a, b)
  elseif n == 3 and not floats then
    a, b, c = plan[1](a, 2), plan[2](b, 3), plan[3](c, 4)
    return rformat(plan.text, a, b, c)
  end
  local list, odd = { ... }, false
  for i = 1, n do
    local v = plan[i](list[i], i + 1)
    list[i] = v
    if floats and floats[i] and v - v ~= 0 then odd = true end
  end
  if odd then return with_texts(plan, list) end
  return rformat(plan.text, tunpack(list, 1, n))
end
