-- json.decode.
local K = ...
local raw = K.raw
local rawtype, next, pcall, error = raw.type, raw.next, raw.pcall, raw.error
local mathtype, tonumber, tostring = raw.mathtype, raw.tonumber, raw.tostring
local byte, sub, find, format, match, concat = raw.byte, raw.sub, raw.find, raw.format, raw.match, raw.concat
local utf8len, utf8char, offset, select = raw.utf8len, raw.utf8.char, raw.utf8.offset, raw.select
local huge, maxinteger, mininteger = raw.huge, raw.maxinteger, raw.mininteger
local hash_marks, is_error = K.hash_marks, K.is_error
local templates, inner = K.json_templates, K.json_text.inner
local taken, learn, run_of, RUN = templates.taken, templates.learn, templates.run_of, templates.RUN

local MAX_DEPTH = 128
local MAX_FLOAT = 1.7976931348623157e308
local MAX_NUMBER = 10000 -- bytes of a number
local PIECE = 65536      -- bytes that are looked at before others may run

local NEAR = 100         -- bytes that are looked at first

local Failure = {}
local function fail(message) error({ [Failure] = message }, 0) end

local left = 0 -- steps until others may run
-- The document at work may hold a token that is longer than a piece: none is read in one go.
local careful = false
local function pause()
  local mine = careful
  left = K.give_way()
  careful = mine
end

local function broken(s, i, what)
  if i > #s then fail("unexpected end of JSON input") end
  fail((what or ("invalid character '" .. (match(s, "^[%g ]", i) or format("\\x%02x", byte(s, i))) .. "'")) .. " at offset " .. (i - 1))
end

-- Position of the next byte that is no white space.
local function skip(s, i)
  if not careful then return match(s, "^[ \n\r\t]*()", i) end
  local b = byte(s, i)
  if not b or b > 32 then return i end
  while true do
    local piece = sub(s, i, i + PIECE - 1)
    local stop = match(piece, "^[ \n\r\t]*()")
    i = i + stop - 1
    if stop <= PIECE then return i end
    pause()
  end
end

-- Position of the next quote, backslash or control character, else nil.
local function next_special(s, i)
  if not careful then
    i = match(s, '^[^"\\\0-\31]*()', i)
    return i <= #s and i or nil
  end
  local size = NEAR
  while i <= #s do
    local piece = sub(s, i, i + size - 1)
    local stop = match(piece, '^[^"\\\0-\31]*()')
    if stop <= #piece then return i + stop - 1 end
    i = i + #piece
    if size == PIECE then pause() end
    size = PIECE
  end
  return nil
end

local plain_escapes = {
  [34] = '"', [92] = "\\", [47] = "/", [98] = "\b", [102] = "\f", [110] = "\n", [114] = "\r", [116] = "\t",
}

local by_letter = {}
for code, text in next, plain_escapes do by_letter[raw.char(code)] = text end
-- Four hex digits -> the character, false for half of one.
local by_digits = raw.setmetatable({}, { __index = function(t, digits)
  local code = tonumber(digits, 16)
  local text = (code < 0xD800 or code > 0xDFFF) and utf8char(code)
  t[digits] = text
  return text
end })

-- Appends the texts and characters before escapes from `from` on, as long as they are simple -> new n and position.
local function simple_escapes(s, out, n, from)
  local most = n + 1000
  while n < most do
    local text, letter, stop = match(s, '^([^"\\%c]*)\\(["\\/bfnrt])()', from)
    if text then
      out[n + 1], out[n + 2] = text, by_letter[letter]
    else
      text, letter, stop = match(s, '^([^"\\%c]*)\\u(%x%x%x%x)()', from)
      local char = text and by_digits[letter]
      if not char then break end
      out[n + 1], out[n + 2] = text, char
    end
    n, from = n + 2, stop
  end
  return n, from
end

-- The string whose opening quote stands at i; j is the first special character in it.
local function escaped_string(s, i, j)
  local out, n, joined, from = {}, 0, nil, i + 1
  while true do
    if not careful then
      local before = n
      n, from = simple_escapes(s, out, n, from)
      left = left - (n - before)
      j = next_special(s, from)
    end
    local b = j and byte(s, j)
    if b == 34 then
      out[n + 1] = sub(s, from, j - 1)
      local last = concat(out, "", 1, n + 1)
      if not joined then return last, j + 1 end
      joined[#joined + 1] = last
      return concat(joined), j + 1
    elseif b ~= 92 then
      broken(s, j or #s + 1, b and "control character in string")
    end
    out[n + 1] = sub(s, from, j - 1)
    local e = byte(s, j + 1)
    local simple = plain_escapes[e]
    if simple then
      out[n + 2] = simple
      from = j + 2
    elseif e == 117 then
      local hex = match(s, "^%x%x%x%x", j + 2)
      if not hex then broken(s, j, "invalid \\u escape") end
      local code = tonumber(hex, 16)
      from = j + 6
      if code >= 0xD800 and code <= 0xDFFF then
        local low = code < 0xDC00 and match(s, "^\\u([dD][c-fC-F]%x%x)", from)
        if not low then broken(s, j, "lone surrogate in string") end
        code = 0x10000 + (code - 0xD800) * 0x400 + (tonumber(low, 16) - 0xDC00)
        from = from + 6
      end
      out[n + 2] = utf8char(code)
    else
      broken(s, j, "invalid escape")
    end
    n = n + 2
    left = left - 2
    if left < 0 then
      joined = joined or {}
      joined[#joined + 1] = concat(out, "", 1, n)
      n = 0
      pause()
    end
    j = next_special(s, from)
    if not j then broken(s, #s + 1) end
  end
end

local function read_string(s, i)
  if not careful then
    local text, stop = match(s, '^"([^"\\%c]*)"()', i)
    if text then return text, stop end
  end
  local j = next_special(s, i + 1)
  if not j then broken(s, #s + 1) end
  if byte(s, j) == 34 then return sub(s, i + 1, j - 1), j + 1 end
  return escaped_string(s, i, j)
end

local function read_number(s, i)
  if careful and match(sub(s, i, i + MAX_NUMBER), "^[%d.eE+-]*()") > MAX_NUMBER then broken(s, i, "too long a number") end
  local e = match(s, "^%-?%d+()", i)
  if not e then broken(s, i + 1) end
  local start = byte(s, i) == 45 and i + 1 or i
  if byte(s, start) == 48 and e > start + 1 then broken(s, start, "number with a leading zero") end
  local b = byte(s, e)
  if b ~= 46 and b ~= 101 and b ~= 69 then
    local n = tonumber(sub(s, i, e - 1))
    if mathtype(n) == "float" then n = n > 0 and maxinteger or mininteger end
    return n, e
  end
  if b == 46 then
    local stop = match(s, "^%d+()", e + 1)
    if not stop then broken(s, e + 1) end
    e = stop
    b = byte(s, e)
  end
  if b == 101 or b == 69 then
    local stop = match(s, "^[+-]?%d+()", e + 1)
    if not stop then broken(s, e + 1) end
    e = stop
  end
  local x = tonumber(sub(s, i, e - 1))
  if x == huge then x = MAX_FLOAT elseif x == -huge then x = -MAX_FLOAT end
  return x, e
end

local readers = {}
local function read(s, i, depth)
  local reader = readers[byte(s, i)]
  if not reader then broken(s, i) end
  return reader(s, i, depth)
end

local function kind_of(v)
  local t = rawtype(v)
  if t == "string" then return "s" end
  return t == "number" and (mathtype(v) == "integer" and "i" or "f") or nil
end

local function read_array(s, i, depth)
  if depth > MAX_DEPTH then fail("exceeded maximum nesting depth") end
  left = left - 2
  if left < 0 then pause() end
  local t, n = {}, 0
  i = skip(s, i + 1)
  if byte(s, i) == 93 then return t, i + 1 end
  local attempt, wait = 4, RUN -- when a run of equal kinds is tried, and how long not after one that failed
  local value, at, template -- the template that has read the item before
  while true do
    n = n + 1
    if template then
      value, at = template.read(s, i, depth + 1)
      if value then
        t[n], i = value, at
        left = left - 6
      else
        template = nil
        t[n], i, template = read(s, i, depth + 1)
      end
    else
      t[n], i, template = read(s, i, depth + 1)
    end
    local stop = i
    local b = byte(s, i)
    if b ~= 44 and b ~= 93 then
      i = skip(s, i)
      b = byte(s, i)
    end
    if b == 93 then return t, i + 1 end
    if b ~= 44 then broken(s, i) end
    i = i + 1
    b = byte(s, i)
    if not b or b <= 32 then i = skip(s, i) end
    left = left - 1
    if left < 0 then pause() end
    if n >= attempt and not careful then
      local kind = kind_of(t[n])
      if kind and i - stop <= 40 then
        local run = run_of(kind, sub(s, stop, i - 1))
        local p = run(s, i, t, n)
        if p then wait = RUN end
        while p do
          i, n = p, n + RUN
          left = left - RUN
          if left < 0 then pause() end
          p = run(s, i, t, n)
        end
        b = byte(s, i)
        if not b or b <= 32 then i = skip(s, i) end
      end
      attempt = n + wait
      wait = 2 * wait
    end
  end
end

-- Members of an object into t, from the name at i on; with `after`, from behind a value on. `nulls` holds names whose
-- value is null.
local function members(s, i, depth, t, nulls, after)
  local key, value, at, p, b
  while true do
    if not after then
      at = i
      if not careful then key, p = match(s, '^"([^"\\%c]*)"[ \n\r\t]*:[ \n\r\t]*()', i) end
      if p then
        i, p = p, nil
      else
        if byte(s, i) ~= 34 then broken(s, i) end
        key, i = read_string(s, i)
        i = skip(s, i)
        if byte(s, i) ~= 58 then broken(s, i) end
        i = skip(s, i + 1)
      end
      value, i = read(s, i, depth + 1)
      if t[key] ~= nil or nulls and nulls[key] then broken(s, at, 'duplicate name "' .. inner(key) .. '"') end
      if value == nil then
        nulls = nulls or {}
        nulls[key] = true
      else
        t[key] = value
      end
      left = left - 1
      if left < 0 then pause() end
    end
    after = false
    b = byte(s, i)
    if b ~= 44 and b ~= 125 then
      i = skip(s, i)
      b = byte(s, i)
    end
    if b == 125 then
      if nulls and next(t) == nil then hash_marks[t] = true end
      return t, i + 1
    end
    if b ~= 44 then broken(s, i) end
    i = i + 1
    b = byte(s, i)
    if not b or b <= 32 then i = skip(s, i) end
  end
end

-- The rest of an object of which a template has read n fields.
local function resume(s, i, depth, keys, n, ...)
  local t, nulls = {}, nil
  for k = 1, n do
    local value = (select(k, ...))
    if value == nil then
      nulls = nulls or {}
      nulls[keys[k]] = true
    else
      t[keys[k]] = value
    end
  end
  return members(s, i, depth, t, nulls, true)
end

local tools = { read = read, resume = resume, max_depth = MAX_DEPTH }

local function read_object(s, i, depth)
  if depth > MAX_DEPTH then fail("exceeded maximum nesting depth") end
  left = left - 6
  if left < 0 then pause() end
  local first = not careful and match(s, '^{[ \n\r\t]*"([^"\\%c]*)"', i)
  if first then
    local value, stop, template = taken(s, i, first, depth)
    if value then return value, stop, template end
  end
  local from = i
  i = skip(s, i + 1)
  if byte(s, i) == 125 then
    local t = {}
    hash_marks[t] = true
    return t, i + 1
  end
  local t, stop = members(s, i, depth, {}, nil, false)
  if first then learn(s, from, stop, first, tools) end
  return t, stop
end

local function literal(word, value)
  local pattern = "^" .. word
  return function(s, i)
    if not find(s, pattern, i) then broken(s, i) end
    return value, i + #word
  end
end

readers[34], readers[91], readers[123], readers[45] = read_string, read_array, read_object, read_number
readers[116], readers[102], readers[110] = literal("true", true), literal("false", false), literal("null", nil)
for digit = 48, 57 do readers[digit] = read_number end

-- The first byte of s[1..stop-1] that is no UTF-8, else nil.
local function bad_byte(s, stop)
  if #s <= PIECE then
    local good, bad = utf8len(s)
    return not good and bad < stop and bad or nil
  end
  local i = 1
  while i < stop do
    local following = i + PIECE
    following = following <= #s and offset(s, 0, following) or #s + 1
    if following <= i then following = #s + 1 end -- nothing but continuation bytes
    local good, bad = utf8len(s, i, following - 1)
    if not good then return bad < stop and bad or nil end
    i = following
    pause()
  end
  return nil
end

-- Whether a token may be longer than a piece: then some piece holds no quote.
local function has_long_tokens(s)
  for i = PIECE, #s - PIECE, PIECE do
    local j = find(s, '"', i, true)
    if not j or j > i + PIECE then return true end
  end
  return false
end

local function read_document(s)
  careful = #s > 2 * PIECE and has_long_tokens(s)
  local value, stop = read(s, skip(s, 1), 0)
  local bad = bad_byte(s, stop)
  if bad then broken(s, bad, "invalid UTF-8") end
  return value
end

local function decode(text)
  if is_error(text) then text = K.text(text) end
  if rawtype(text) ~= "string" then return K.fail("Invalid", "string expected") end
  if text == "" then return K.fail("Invalid", "empty string is not valid JSON") end
  local outer = careful
  local ok, value = pcall(read_document, text)
  careful = outer
  if ok then return value, nil end
  local reason = rawtype(value) == "table" and value[Failure]
  if not reason then
    -- what ends the unit, and the end of memory, is not for the caller
    if rawtype(value) ~= "string" or value == "not enough memory" then error(value, 0) end
    reason = tostring(value)
  end
  return K.fail("Internal", "decode failed: " .. reason)
end

K.json_decode = decode
return { decode = decode }
