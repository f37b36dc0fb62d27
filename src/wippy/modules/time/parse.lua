-- Parsing of texts by layouts.
local K = ...
local T = K.time
local raw = K.raw
local sub, find, match, lower, tonumber, len = raw.sub, raw.find, raw.match, raw.lower, raw.tonumber, raw.len

-- A reader gets (state, rest, token, next token) and returns the rest behind what it took, or nil where the text
-- does not fit. state.range names a part that is out of range.

local function number(rest, two)
  local digits = match(rest, "^%d%d") or not two and match(rest, "^%d")
  if not digits then return nil end
  return tonumber(digits), sub(rest, #digits + 1)
end

local function ranged(field, first, last, what, two)
  return function(state, rest)
    local n
    n, rest = number(rest, two)
    if not n then return nil end
    state[field] = n
    if n < first or n > last then state.range = what end
    return rest
  end
end

local function named(field, names, from)
  return function(state, rest)
    for i = from, #names do
      local name = names[i]
      if lower(sub(rest, 1, #name)) == lower(name) then
        state[field] = i
        return sub(rest, #name + 1)
      end
    end
    return nil
  end
end

-- Nanoseconds of the digits behind a separator; digits beyond the ninth are dropped.
local function fraction(digits)
  digits = sub(digits, 1, 9)
  return tonumber(digits .. raw.rep("0", 9 - #digits), 10)
end

local function second(two)
  local read = ranged("second", 0, 59, "second", two)
  return function(state, rest, _, following)
    rest = read(state, rest)
    if not rest or state.range then return rest end
    local digits = match(rest, "^[.,](%d+)")
    local kind = raw.type(following) == "table" and following[1]
    if digits and kind ~= "fraction 0" and kind ~= "fraction 9" then
      state.nsec = fraction(digits)
      rest = sub(rest, #digits + 2)
    end
    return rest
  end
end

local function half(morning, evening)
  return function(state, rest)
    local text = sub(rest, 1, 2)
    if text ~= morning and text ~= evening then return nil end
    state.half = text == evening and "pm" or "am"
    return sub(rest, 3)
  end
end

local function year_day(padded)
  return function(state, rest)
    if padded then rest = match(rest, "^ ? ?(.*)$") end
    local digits = match(rest, padded and "^%d%d?%d?" or "^%d%d%d")
    if not digits then return nil end
    state.year_day = tonumber(digits)
    return sub(rest, #digits + 1)
  end
end

local function offset(state, rest, token)
  if token.z and sub(rest, 1, 1) == "Z" then
    state.zone = T.utc
    return sub(rest, 2)
  end
  local pattern = "^([+-])(%d%d)"
  local between = token.colon and ":" or ""
  for _ = 2, token.parts do pattern = pattern .. between .. "(%d%d)" end
  local sign, hours, minutes, seconds = match(rest, pattern)
  if not sign then return nil end
  hours, minutes, seconds = tonumber(hours), tonumber(minutes or "0"), tonumber(seconds or "0")
  -- people do write 24 hours and 60 minutes
  if hours > 24 then state.range = "time zone offset hour" end
  if minutes > 60 then state.range = "time zone offset minute" end
  if seconds > 60 then state.range = "time zone offset second" end
  local total = (hours * 60 + minutes) * 60 + seconds
  state.offset = sign == "-" and -total or total
  local _, last = find(rest, pattern)
  return sub(rest, last + 1)
end

-- Length of a signed hour such as `-3` at the start, or 0.
local function signed_hours(text)
  local whole, digits = match(text, "^([+-](%d+))")
  if not whole or len(digits) > 9 or tonumber(digits) > 23 then return 0 end
  return #whole
end

-- Length of a zone abbreviation at the start, or nil.
local function abbreviation_length(text)
  local four = sub(text, 1, 4)
  if four == "ChST" or four == "MeST" then return 4 end
  if sub(four, 1, 3) == "GMT" then return 3 + signed_hours(sub(text, 4)) end
  if find(text, "^[+-]") then
    local n = signed_hours(text)
    return n > 0 and n or nil
  end
  local n = #match(text, "^%u*")
  if n == 3 then return 3 end
  if n == 4 and (sub(four, 4, 4) == "T" or four == "WITA") then return 4 end
  if n == 5 and sub(text, 5, 5) == "T" then return 5 end
  return nil
end

local readers = {
  ["year"] = function(state, rest)
    local digits = match(rest, "^%d%d%d%d")
    if not digits then return nil end
    state.year = tonumber(digits)
    return sub(rest, 5)
  end,
  ["short year"] = function(state, rest)
    local n
    n, rest = number(rest, true)
    if not n then return nil end
    state.year = n >= 69 and n + 1900 or n + 2000
    return rest
  end,
  ["month name"] = named("month", T.months, 1),
  ["month abbreviation"] = named("month", T.short_months, 1),
  ["month 2"] = ranged("month", 1, 12, "month", true),
  ["month"] = ranged("month", 1, 12, "month"),
  ["weekday name"] = named("weekday", T.weekdays, 0),
  ["weekday abbreviation"] = named("weekday", T.short_weekdays, 0),
  ["day 2"] = ranged("day", 0, 99, "day", true), -- judged with its month
  ["day"] = ranged("day", 0, 99, "day"),
  ["day _"] = function(state, rest)
    if sub(rest, 1, 1) == " " then rest = sub(rest, 2) end
    local n
    n, rest = number(rest)
    state.day = n
    return n and rest
  end,
  ["year day 3"] = year_day(false),
  ["year day _"] = year_day(true),
  ["hour"] = ranged("hour", 0, 23, "hour"),
  ["hour12 2"] = ranged("hour", 0, 12, "hour", true),
  ["hour12"] = ranged("hour", 0, 12, "hour"),
  ["PM"] = half("AM", "PM"),
  ["pm"] = half("am", "pm"),
  ["minute 2"] = ranged("minute", 0, 59, "minute", true),
  ["minute"] = ranged("minute", 0, 59, "minute"),
  ["second 2"] = second(true),
  ["second"] = second(false),
  ["fraction 0"] = function(state, rest, token)
    local digits = match(rest, "^[.,](%d+)")
    if not digits or #digits < token.digits then return nil end
    state.nsec = fraction(sub(digits, 1, token.digits))
    return sub(rest, token.digits + 2)
  end,
  ["fraction 9"] = function(state, rest)
    local digits = match(rest, "^[.,](%d+)")
    if not digits then return rest end
    state.nsec = fraction(digits)
    return sub(rest, #digits + 2)
  end,
  ["offset"] = offset,
  ["abbreviation"] = function(state, rest)
    if sub(rest, 1, 3) == "UTC" then
      state.zone = T.utc
      return sub(rest, 4)
    end
    local n = abbreviation_length(rest)
    if not n then return nil end
    state.name = sub(rest, 1, n)
    return sub(rest, n + 1)
  end,
}

-- The rest behind a literal; a run of blanks stands for any run of blanks.
local function skip(rest, literal)
  while literal ~= "" do
    if sub(literal, 1, 1) == " " then
      if rest ~= "" and sub(rest, 1, 1) ~= " " then return nil, rest end
      literal, rest = match(literal, "^ *(.*)$"), match(rest, "^ *(.*)$")
    else
      if rest == "" or sub(rest, 1, 1) ~= sub(literal, 1, 1) then return nil, rest end
      literal, rest = sub(literal, 2), sub(rest, 2)
    end
  end
  return rest
end

local function quoted(text) return '"' .. raw.gsub(raw.gsub(text, "\\", "\\\\"), '"', '\\"') .. '"' end

-- month and day of state; a text about what does not fit.
local function settle_date(state)
  local year, month, day = state.year, state.month, state.day
  local ordinal = state.year_day
  if ordinal then
    local length = T.year_day(year, 12, 31)
    if ordinal < 1 or ordinal > length then return "day-of-year out of range" end
    local _, m, d = T.civil_from_days(T.days_from_civil(year, 1, 1) + ordinal - 1)
    if month and month ~= m then return "day-of-year does not match month" end
    if day and day ~= d then return "day-of-year does not match day" end
    month, day = m, d
  end
  state.month, state.day = month or 1, day or 1
  if state.day < 1 or state.day > T.month_length(year, state.month) then return "day out of range" end
end

local function settle_zone(state, loc)
  local function at(zone)
    return T.dated(state.year, state.month, state.day, state.hour, state.minute, state.second, state.nsec, zone)
  end
  if state.zone then return at(state.zone) end
  local name = state.name or ""
  if state.offset then
    local t = at(T.fixed_zone(name, state.offset))
    local there, abbreviation = T.offset_at(loc, t:unix())
    if there == state.offset and (name == "" or name == abbreviation) then return t:in_location(loc) end
    return t
  end
  if name ~= "" then
    local wall = at(T.utc):unix()
    local there = T.offset_named(loc, name, wall)
    if there then return T.time_new(wall - there, state.nsec, loc) end
    local hours = match(name, "^GMT([+-]%d+)$") or match(name, "^([+-]%d%d?)$")
    return at(T.fixed_zone(name, hours and tonumber(hours) * 3600 or 0))
  end
  return at(loc)
end

-- The time a text shows by a layout, or nil and a text about what is wrong.
local function parse(layout, value, loc)
  local parts = T.compile_layout(layout)
  local function fail(rest, expected)
    return nil, "parsing time " .. quoted(value) .. " as " .. quoted(layout) .. ": cannot parse " .. quoted(rest)
      .. " as " .. quoted(expected)
  end
  local function wrong(why) return nil, "parsing time " .. quoted(value) .. ": " .. why end
  local state = { year = 0, hour = 0, minute = 0, second = 0, nsec = 0 }
  local rest = value
  for i = 1, #parts do
    local part = parts[i]
    if raw.type(part) == "string" then
      local after, stopped = skip(rest, part)
      if not after then return fail(stopped, part) end
      rest = after
    else
      local after = readers[part[1]](state, rest, part, parts[i + 1])
      if state.range then return wrong(state.range .. " out of range") end
      if not after then return fail(rest, part[2]) end
      rest = after
    end
  end
  if rest ~= "" then return wrong("extra text: " .. quoted(rest)) end
  if state.half == "pm" and state.hour < 12 then
    state.hour = state.hour + 12
  elseif state.half == "am" and state.hour == 12 then
    state.hour = 0
  end
  local why = settle_date(state)
  if why then return wrong(why) end
  return settle_zone(state, loc)
end

function T.parse(layout, value, loc)
  layout, value = T.text(1, "parse", layout), T.text(2, "parse", value)
  if loc == nil then
    loc = T.localtz
  elseif not T.is_location(loc) then
    K.badtype(3, "parse", "time.Location", loc)
  end
  local t, why = parse(layout, value, loc)
  if t then return t end
  return nil, K.new_error("Invalid", why, false, nil, "time.parse")
end
