-- Layouts: the reference moment Mon Jan 2 15:04:05 MST 2006 (-0700) cut into tokens, and formatting by them.
local K = ...
local T = K.time
local raw = K.raw
local byte, sub, find, format, match, concat = raw.byte, raw.sub, raw.find, raw.format, raw.match, raw.concat

local months = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December" }
local weekdays = { [0] = "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local short_months, short_weekdays = {}, {}
for i = 1, 12 do short_months[i] = sub(months[i], 1, 3) end
for i = 0, 6 do short_weekdays[i] = sub(weekdays[i], 1, 3) end
T.months, T.short_months, T.weekdays, T.short_weekdays = months, short_months, weekdays, short_weekdays

-- What a token of one meaning stands for: {kind, text as written, detail}
local plain = {
  ["2006"] = "year", ["06"] = "short year", ["January"] = "month name", ["01"] = "month 2", ["1"] = "month",
  ["Monday"] = "weekday name", ["MST"] = "abbreviation", ["02"] = "day 2", ["_2"] = "day _", ["2"] = "day",
  ["002"] = "year day 3", ["__2"] = "year day _", ["15"] = "hour", ["03"] = "hour12 2", ["3"] = "hour12",
  ["PM"] = "PM", ["pm"] = "pm", ["04"] = "minute 2", ["4"] = "minute", ["05"] = "second 2", ["5"] = "second",
}
-- Candidates by first byte, longest first.
local candidates = {
  ["J"] = { "January" }, ["M"] = { "Monday", "MST" }, ["0"] = { "002", "01", "02", "03", "04", "05", "06" },
  ["1"] = { "15", "1" }, ["2"] = { "2006", "2" }, ["_"] = { "__2", "_2" }, ["3"] = { "3" }, ["4"] = { "4" },
  ["5"] = { "5" }, ["P"] = { "PM" }, ["p"] = { "pm" },
}
local zones = { "070000", "07:00:00", "0700", "07:00", "07" }

local function starts(layout, at, text) return sub(layout, at, at + #text - 1) == text end

-- The token that begins at a position, or nil.
local function token_at(layout, at)
  local c = sub(layout, at, at)
  if c == "-" or c == "Z" then
    for i = 1, #zones do
      local digits = zones[i]
      if starts(layout, at + 1, digits) then
        return { "offset", c .. digits, z = c == "Z", colon = find(digits, ":", 1, true) ~= nil,
          parts = #raw.gsub(digits, ":", "") // 2 }
      end
    end
    return nil
  end
  if c == "." or c == "," then
    local run = match(layout, "^0+", at + 1) or match(layout, "^9+", at + 1)
    if run and not find(layout, "^%d", at + 1 + #run) then
      return { byte(run) == 48 and "fraction 0" or "fraction 9", c .. run, digits = #run, separator = c }
    end
    return nil
  end
  local list = candidates[c]
  if not list then return nil end
  for i = 1, #list do
    if starts(layout, at, list[i]) then
      if list[i] == "_2" and starts(layout, at, "_2006") then return nil end
      return { plain[list[i]], list[i] }
    end
  end
  if (starts(layout, at, "Jan") or starts(layout, at, "Mon")) and not find(layout, "^%l", at + 3) then
    return { c == "J" and "month abbreviation" or "weekday abbreviation", sub(layout, at, at + 2) }
  end
  return nil
end

local cache, cached = {}, 0

-- The parts of a layout: strings (literal text) and tokens.
function T.compile_layout(layout)
  local found = cache[layout]
  if found then return found end
  local parts, n, literal, at = {}, 0, 1, 1
  while at <= #layout do
    local token = token_at(layout, at)
    if token then
      if at > literal then
        n = n + 1
        parts[n] = sub(layout, literal, at - 1)
      end
      n = n + 1
      parts[n] = token
      at = at + #token[2]
      literal = at
    else
      at = at + 1
    end
  end
  if literal <= #layout then parts[n + 1] = sub(layout, literal) end
  if cached >= 200 then cache, cached = {}, 0 end
  cache[layout], cached = parts, cached + 1
  return parts
end

local function offset_text(token, offset)
  if token.z and offset == 0 then return "Z" end
  local sign = "+"
  if offset < 0 then
    -- an offset of less than a minute west shows as +00
    sign, offset = offset > -60 and token.parts < 3 and "+" or "-", -offset
  end
  local colon = token.colon and ":" or ""
  local out = format("%s%02d", sign, offset // 3600)
  if token.parts > 1 then out = out .. colon .. format("%02d", offset % 3600 // 60) end
  if token.parts > 2 then out = out .. colon .. format("%02d", offset % 60) end
  return out
end
local hours_minutes = { parts = 2 }

local function year_text(year)
  if year < 0 then return format("-%04d", -year) end
  return format("%04d", year)
end

-- fields: year, month, day, second of the day, nanoseconds, weekday, offset, abbreviation
local writers = {
  ["year"] = function(f) return year_text(f[1]) end,
  ["short year"] = function(f) return format("%02d", f[1] % 100) end,
  ["month name"] = function(f) return months[f[2]] end,
  ["month abbreviation"] = function(f) return short_months[f[2]] end,
  ["month 2"] = function(f) return format("%02d", f[2]) end,
  ["month"] = function(f) return format("%d", f[2]) end,
  ["weekday name"] = function(f) return weekdays[f[6]] end,
  ["weekday abbreviation"] = function(f) return short_weekdays[f[6]] end,
  ["day 2"] = function(f) return format("%02d", f[3]) end,
  ["day _"] = function(f) return format("%2d", f[3]) end,
  ["day"] = function(f) return format("%d", f[3]) end,
  ["year day 3"] = function(f) return format("%03d", T.year_day(f[1], f[2], f[3])) end,
  ["year day _"] = function(f) return format("%3d", T.year_day(f[1], f[2], f[3])) end,
  ["hour"] = function(f) return format("%02d", f[4] // 3600) end,
  ["hour12 2"] = function(f) return format("%02d", (f[4] // 3600 + 11) % 12 + 1) end,
  ["hour12"] = function(f) return format("%d", (f[4] // 3600 + 11) % 12 + 1) end,
  ["PM"] = function(f) return f[4] >= 43200 and "PM" or "AM" end,
  ["pm"] = function(f) return f[4] >= 43200 and "pm" or "am" end,
  ["minute 2"] = function(f) return format("%02d", f[4] % 3600 // 60) end,
  ["minute"] = function(f) return format("%d", f[4] % 3600 // 60) end,
  ["second 2"] = function(f) return format("%02d", f[4] % 60) end,
  ["second"] = function(f) return format("%d", f[4] % 60) end,
  ["fraction 0"] = function(f, token)
    local digits = format("%09d", f[5])
    if token.digits > 9 then digits = digits .. raw.rep("0", token.digits - 9) end
    return token.separator .. sub(digits, 1, token.digits)
  end,
  ["fraction 9"] = function(f, token)
    local digits = match(sub(format("%09d", f[5]), 1, token.digits), "^(.-)0*$")
    return digits == "" and "" or token.separator .. digits
  end,
  ["abbreviation"] = function(f) return f[8] ~= "" and f[8] or offset_text(hours_minutes, f[7]) end,
  ["offset"] = function(f, token) return offset_text(token, f[7]) end,
}

-- The text of a time by a layout.
function T.format(t, layout)
  local parts = T.compile_layout(layout)
  local fields, out = { T.fields(t) }, {}
  for i = 1, #parts do
    local part = parts[i]
    out[i] = raw.type(part) == "string" and part or writers[part[1]](fields, part)
  end
  return concat(out)
end

function T.tostring(t) return T.format(t, "2006-01-02 15:04:05.999999999 -0700 MST") end
