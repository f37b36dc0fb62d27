-- text.regexp: objects hold their pattern only, so they may live as long as Lua keeps them.
local K, natives = ...
local raw = K.raw
local rep, unpack_string, error = raw.rep, raw.unpack_string, raw.error
local rawtype, sub, match, find, byte, concat, tointeger, setmt = raw.type, raw.sub, raw.match, raw.find, raw.byte, raw.concat, raw.tointeger, raw.setmetatable
local fn = natives.fn

local PATTERN, NAMES = K.key("pattern"), K.key("names")
local methods = {}
local Regexp = K.class { name = "text.Regexp", methods = methods, tostring = function() return "text.Regexp{}" end }

-- Checks the receiver and the string of a method; the position is that of the caller of the method.
local function checked(self, name, s, n)
  if not K.is(self, Regexp) then K.badtype(1, name, "text.Regexp", self, 3) end
  if rawtype(s) == "string" then return s end
  if rawtype(s) == "number" or K.is_error(s) then return K.text(s) end
  K.badtype(n or 2, name, "string", s, 3)
end

local MANY = 500 -- matches after which others may run

-- The spans of the first `limit` matches (-1: of all) as one string, and the bytes that a match takes in it.
local function spans_of(self, s, limit)
  local data, err = fn._spans(self[PATTERN], s, limit)
  if err then error(err:message(), 4) end -- the caller of the method
  return data, 8 * #self[NAMES]
end

-- Calls visit(span) for each match, with first and last byte of all groups in a row, until it returns true.
local function each(self, s, limit, visit)
  local data, width = spans_of(self, s, limit)
  local form, left = rep("i4", width // 4), MANY
  for at = 1, #data, width do
    if visit({ unpack_string(form, data, at) }) then return end
    left = left - 1
    if left == 0 then
      left = MANY
      K.give_way()
    end
  end
end

local function first_of(self, s)
  local data, width = spans_of(self, s, 1)
  if data == "" then return nil end
  return { unpack_string(rep("i4", width // 4), data) }
end

local function texts(s, span)
  local out = {}
  for i = 1, #span - 1, 2 do out[(i + 1) // 2] = sub(s, span[i], span[i + 1]) end
  return out
end

-- Called by `return`, so that the method is no longer among the callers.
local function all(self, s, make, some)
  local out, n = {}, 0
  each(self, s, -1, function(span)
    n = n + 1
    out[n] = make(s, span)
  end)
  return (n > 0 or not some) and out or nil
end
local function whole(s, span) return sub(s, span[1], span[2]) end
local function edges(_, span) return { span[1], span[2] } end

function methods.match_string(self, s)
  s = checked(self, "match_string", s)
  local found, err = fn._match(self[PATTERN], s)
  if err then error(err:message(), 2) end
  return found
end

function methods.find_string(self, s)
  s = checked(self, "find_string", s)
  local span = first_of(self, s)
  if not span or span[1] > span[2] then return nil end
  return whole(s, span)
end

function methods.find_all_string(self, s)
  s = checked(self, "find_all_string", s)
  return all(self, s, whole)
end

function methods.find_string_submatch(self, s)
  s = checked(self, "find_string_submatch", s)
  local span = first_of(self, s)
  return span and texts(s, span) or nil
end

function methods.find_all_string_submatch(self, s)
  s = checked(self, "find_all_string_submatch", s)
  return all(self, s, texts)
end

function methods.find_string_index(self, s)
  s = checked(self, "find_string_index", s)
  local span = first_of(self, s)
  return span and edges(s, span) or nil
end

function methods.find_all_string_index(self, s)
  s = checked(self, "find_all_string_index", s)
  return all(self, s, edges, true)
end

-- A replacement as texts and group numbers.
local function template(names, text)
  local out, n, from = {}, 0, 1
  while true do
    local at = find(text, "$", from, true)
    if not at then
      out[n + 1] = sub(text, from)
      return out
    end
    out[n + 1] = sub(text, from, at - 1)
    n = n + 1
    local name = match(text, "^{([%w_]+)}", at + 1)
    local stop = name and at + #name + 2
    if not name then
      name = match(text, "^[%w_]+", at + 1)
      stop = name and at + #name
    end
    if byte(text, at + 1) == 36 then
      out[n + 1], stop = "$", at + 1
    elseif not name then
      out[n + 1], stop = "$", at
    else
      local group = match(name, "^%d+$") and tointeger(raw.tonumber(name))
      if not group then
        for i = 1, #names do
          if names[i] == name then group = i - 1 end
        end
      end
      out[n + 1] = group and group < #names and group or ""
    end
    n = n + 1
    from = stop + 1
  end
end

function methods.replace_all_string(self, s, replacement)
  s = checked(self, "replace_all_string", s)
  replacement = checked(self, "replace_all_string", replacement, 3)
  local parts = template(self[NAMES], replacement)
  local out, n, from = {}, 0, 1
  each(self, s, -1, function(span)
    n = n + 1
    out[n] = sub(s, from, span[1] - 1)
    for k = 1, #parts do
      local part = parts[k]
      n = n + 1
      out[n] = rawtype(part) == "string" and part or sub(s, span[2 * part + 1], span[2 * part + 2])
    end
    from = span[2] + 1
  end)
  out[n + 1] = sub(s, from)
  return concat(out)
end

function methods.split(self, s, n)
  s = checked(self, "split", s)
  if n == nil then n = -1 end
  if rawtype(n) ~= "number" then K.badtype(3, "split", "number", n) end
  n = tointeger(n) or K.badarg(3, "split", "number has no integer representation")
  if n == 0 then return {} end
  if s == "" and self[PATTERN] ~= "" then return { "" } end
  local out, from, last = {}, 1, 0
  each(self, s, n, function(span)
    if n > 0 and #out == n - 1 then return true end
    last = span[1] - 1
    if span[2] ~= 0 then out[#out + 1] = sub(s, from, last) end
    from = span[2] + 1
  end)
  if last ~= #s then out[#out + 1] = sub(s, from) end
  return out
end

function methods.num_subexp(self)
  checked(self, "num_subexp", "")
  return #self[NAMES] - 1.0
end

function methods.subexp_names(self)
  checked(self, "subexp_names", "")
  return raw.tmove(self[NAMES], 1, #self[NAMES], 1, {})
end

function methods.string(self)
  checked(self, "string", "")
  return self[PATTERN]
end

return {
  regexp = {
    compile = function(pattern)
      if rawtype(pattern) == "number" or K.is_error(pattern) then pattern = K.text(pattern) end
      if rawtype(pattern) ~= "string" then K.badtype(1, "compile", "string", pattern) end
      local names, err = fn._compile(pattern)
      if err then return nil, err end
      return setmt({ [PATTERN] = pattern, [NAMES] = names }, Regexp), nil
    end,
  },
}
