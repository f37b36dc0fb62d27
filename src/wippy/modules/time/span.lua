-- Durations: signed 64-bit nanoseconds.
local K = ...
local T = K.time
local raw = K.raw
local setmt, rawtype, tonumber = raw.setmetatable, raw.type, raw.tonumber
local byte, sub, find, format, match = raw.byte, raw.sub, raw.find, raw.format, raw.match
local mininteger, maxinteger = raw.mininteger, raw.maxinteger

local NS = K.key("nanoseconds")
local SECOND, MINUTE, HOUR = 1000000000, 60000000000, 3600000000000
local units = { ns = 1, us = 1000, ["\194\181s"] = 1000, ["\206\188s"] = 1000, ms = 1000000, s = SECOND, m = MINUTE, h = HOUR }

local Duration

local function new(ns) return setmt({ [NS] = ns }, Duration) end
T.duration = new

-- `whole.rest` with no trailing zeros; width: digits of the rest.
local function decimal(whole, rest, width)
  if rest == 0 then return format("%d", whole) end
  return (match(format("%d.%0" .. width .. "d", whole, rest), "^(.-)0*$"))
end

-- `1h30m0s`, `1.5s`, `150ms`, `2µs`, `0s`.
function T.duration_text(ns)
  if ns == 0 then return "0s" end
  if ns == mininteger then return "-2562047h47m16.854775808s" end
  local sign = ""
  if ns < 0 then sign, ns = "-", -ns end
  if ns < 1000 then return sign .. format("%dns", ns) end
  if ns < 1000000 then return sign .. decimal(ns // 1000, ns % 1000, 3) .. "\194\181s" end
  if ns < SECOND then return sign .. decimal(ns // 1000000, ns % 1000000, 6) .. "ms" end
  local hours, minutes, rest = ns // HOUR, ns % HOUR // MINUTE, ns % MINUTE
  if hours > 0 then
    sign = sign .. format("%dh%dm", hours, minutes)
  elseif minutes > 0 then
    sign = sign .. format("%dm", minutes)
  end
  return sign .. decimal(rest // SECOND, rest % SECOND, 9) .. "s"
end

-- floor(0.digits × unit), exact: groups of six digits from the right, each carry smaller than the unit.
local function fraction_of(digits, unit)
  local carry = 0
  local groups = (#digits + 5) // 6
  for i = groups, 1, -1 do
    local group = sub(digits, 6 * i - 5, 6 * i)
    group = tonumber(group .. raw.rep("0", 6 - #group), 10)
    carry = (group * unit + carry) // 1000000
  end
  return carry
end

-- Adds to a negative total, so that the smallest 64-bit number is in reach; nil when it no longer fits.
local function take(total, amount)
  if total < mininteger + amount then return nil end
  return total - amount
end

local function parse(text)
  local function invalid() return nil, 'time: invalid duration "' .. text .. '"' end
  local rest, negative = text, false
  local first = byte(rest, 1)
  if first == 45 or first == 43 then
    negative = first == 45
    rest = sub(rest, 2)
  end
  if rest == "0" then return 0 end
  if rest == "" then return invalid() end
  local total, at = 0, 1
  while at <= #rest do
    local _, last, whole, fraction = find(rest, "^(%d*)%.?(%d*)", at)
    if whole == "" and fraction == "" then return invalid() end
    local unit = match(rest, "^[^%d.]*", last + 1)
    if unit == "" then return nil, 'time: missing unit in duration "' .. text .. '"' end
    local factor = units[unit]
    if not factor then return nil, 'time: unknown unit "' .. unit .. '" in duration "' .. text .. '"' end
    whole = match(whole, "^0*(.*)$")
    if #whole > 19 then return invalid() end
    local number = whole == "" and 0 or tonumber(whole)
    if raw.mathtype(number) == "float" then -- 2^63 itself, good behind a minus sign only
      if whole ~= "9223372036854775808" or factor ~= 1 or total ~= 0 then return invalid() end
      total = mininteger
    else
      if number > maxinteger // factor then return invalid() end
      total = take(total, number * factor)
      total = total and take(total, fraction_of(fraction, factor))
    end
    if not total then return invalid() end
    at = last + 1 + #unit
  end
  if negative then return total end
  if total == mininteger then return invalid() end
  return -total
end

-- Nanoseconds of a duration argument: number, text or Duration; nil and a message.
local function nanoseconds(value)
  local t = rawtype(value)
  if t == "number" then
    local ns = T.whole(value)
    if ns then return ns end
    return nil, 'time: invalid duration "' .. K.text(value) .. '"'
  end
  if t == "string" then return parse(value) end
  if K.is(value, Duration) then return value[NS] end
  return nil, "duration must be number or string"
end
T.nanoseconds = nanoseconds

function T.is_duration(value) return K.is(value, Duration) end

local methods = {}
Duration = K.class {
  name = "time.Duration",
  methods = methods,
  tostring = function(self) return T.duration_text(self[NS]) end,
}
T.Duration = Duration

local function ns_of(self, name)
  if not K.is(self, Duration) then K.badtype(1, name, "time.Duration", self, 3) end
  return self[NS]
end

local function truncated(ns, unit)
  if ns < 0 then return -(-ns // unit) end
  return ns // unit
end

function methods.nanoseconds(self) return (ns_of(self, "nanoseconds")) end
function methods.microseconds(self)
  local ns = ns_of(self, "microseconds")
  return truncated(ns, 1000)
end
function methods.milliseconds(self)
  local ns = ns_of(self, "milliseconds")
  return truncated(ns, 1000000)
end
function methods.seconds(self)
  local ns = ns_of(self, "seconds")
  return ns / SECOND
end
function methods.minutes(self)
  local ns = ns_of(self, "minutes")
  return ns / MINUTE
end
function methods.hours(self)
  local ns = ns_of(self, "hours")
  return ns / HOUR
end

function T.parse_duration(value)
  local ns, why = nanoseconds(value)
  if ns then return new(ns) end
  return nil, K.new_error("Invalid", why, false, nil, "time.parse_duration")
end
