-- Time and dates.
local K = ...
local raw = K.raw
local rawtype, format, gsub, tointeger, select, sub = raw.type, raw.format, raw.gsub, raw.tointeger, raw.select, raw.sub
local host, badtype, badarg, truncated = K.host, K.badtype, K.badarg, K.truncated

local DAYS = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December" }
local BEFORE = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 } -- days before a month in a common year

local LONG = 1000 -- bytes of a layout from which on others may run meanwhile

local os = { platform = "wippy" }

local function leap(year) return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) end

-- Fields of a Unix time in UTC, by the proleptic Gregorian calendar.
local function utc(seconds)
  local days, rest = seconds // 86400, seconds % 86400
  -- eras of 400 years that begin in March
  local z = days + 719468
  local era = z // 146097
  local doe = z - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local day = doy - (153 * mp + 2) // 5 + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  local yday = BEFORE[month] + day + (month > 2 and leap(year) and 1 or 0)
  return { year = year, month = month, day = day, hour = rest // 3600, min = rest % 3600 // 60, sec = rest % 60,
    wday = (days + 4) % 7 + 1, yday = yday, offset = 0, zone = "UTC" }
end

local function local_fields(seconds)
  local year, month, day, hour, min, sec, wday, yday, offset, zone = host.local_time(seconds)
  return { year = year, month = month, day = day, hour = hour, min = min, sec = sec, wday = wday, yday = yday,
    offset = offset, zone = zone }
end

local function weeks_of(year)
  local function last_weekday(y) return (y + y // 4 - y // 100 + y // 400) % 7 end
  return (last_weekday(year) == 4 or last_weekday(year - 1) == 3) and 53 or 52
end

-- Number of the ISO week.
local function week(d)
  local weekday = (d.wday + 5) % 7 + 1 -- Monday = 1
  local number = (d.yday - weekday + 10) // 7
  if number < 1 then return weeks_of(d.year - 1) end
  if number > weeks_of(d.year) then return 1 end
  return number
end

local function two(n) return format("%02d", n) end
local function clock_text(d) return format("%02d:%02d:%02d", d.hour, d.min, d.sec) end
local function hour12(d) return two((d.hour + 11) % 12 + 1) end

local VERBS = {
  a = function(d) return sub(DAYS[d.wday], 1, 3) end,
  A = function(d) return DAYS[d.wday] end,
  b = function(d) return sub(MONTHS[d.month], 1, 3) end,
  B = function(d) return MONTHS[d.month] end,
  c = function(d)
    return format("%s %s %2d %s %d", sub(DAYS[d.wday], 1, 3), sub(MONTHS[d.month], 1, 3), d.day, clock_text(d), d.year)
  end,
  d = function(d) return two(d.day) end,
  H = function(d) return two(d.hour) end,
  I = hour12,
  j = function(d) return format("%03d", d.yday) end,
  m = function(d) return two(d.month) end,
  M = function(d) return two(d.min) end,
  p = function(d) return d.hour < 12 and "AM" or "PM" end,
  S = function(d) return two(d.sec) end,
  U = function(d) return two(week(d)) end,
  w = function(d) return format("%d", d.wday - 1) end,
  W = function(d) return two(week(d)) end,
  x = function(d) return format("%02d/%02d/%02d", d.month, d.day, d.year % 100) end,
  X = clock_text,
  y = function(d) return two(d.year % 100) end,
  Y = function(d) return format("%d", d.year) end,
  z = function(d)
    local offset = d.offset
    local minutes = (offset < 0 and -offset or offset) // 60
    return format("%s%02d%02d", offset < 0 and "-" or "+", minutes // 60, minutes % 60)
  end,
  Z = function(d) return d.zone end,
}
VERBS["%"] = function() return "%" end

local function now_seconds() return K.now() // 1000000000 end

-- A number as an argument or a field of a date: an integer, or nil.
local function integer(v)
  if rawtype(v) ~= "number" then return nil end
  return truncated(v)
end

function os.time(...)
  if select("#", ...) == 0 then return now_seconds() + 0.0 end
  local t = ...
  if K.typeof(t) ~= "table" then badtype(1, "time", "table", t) end
  local year, month, day = integer(t.year), integer(t.month), integer(t.day)
  if not (year and month and day) then
    local today = local_fields(now_seconds())
    year, month, day = year or today.year, month or today.month, day or today.day
  end
  local seconds = host.local_epoch(year, month, day, integer(t.hour) or 0, integer(t.min) or 0, integer(t.sec) or 0)
  return seconds + 0.0
end

function os.clock()
  local start = K.workflow and K.reference_ns or not K.workflow and host.started_ns()
  if not start then
    start = K.now()
    K.reference_ns = start
  end
  return (K.now() - start) / 1e9
end

function os.date(layout, seconds)
  if layout == nil then
    layout = "%c"
  elseif rawtype(layout) ~= "string" then
    if rawtype(layout) ~= "number" and not K.is_error(layout) then badtype(1, "date", "string", layout) end
    layout = K.text(layout)
  end
  if seconds == nil then
    seconds = now_seconds()
  else
    local number = rawtype(seconds) == "number" and seconds or rawtype(seconds) == "string" and raw.tonumber(seconds)
    if not number then badtype(2, "date", "number", seconds) end
    if number ~= number or number > 0x1p55 or number < -0x1p55 then badarg(2, "date", "time out of range") end
    seconds = tointeger(raw.floor(number))
  end
  local in_utc = sub(layout, 1, 1) == "!"
  if in_utc then layout = sub(layout, 2) end
  local d = in_utc and utc(seconds) or local_fields(seconds)
  if sub(layout, 1, 2) == "*t" then
    return { year = d.year, month = d.month, day = d.day, hour = d.hour, min = d.min, sec = d.sec, wday = d.wday,
      yday = d.yday, isdst = d.offset ~= 0 }
  end
  local function shown(verb)
    local show = VERBS[verb]
    return show and show(d)
  end
  if #layout < LONG then return (gsub(layout, "%%(.)", shown)) end
  return (K.pattern.substitute(layout, "%%(.)", function(_, verb) return shown(verb) end, raw.maxinteger))
end

function os.difftime(t2, t1)
  if rawtype(t2) ~= "number" then badtype(1, "difftime", "number", t2) end
  if t1 ~= nil and rawtype(t1) ~= "number" then badtype(2, "difftime", "number", t1) end
  return t2 - (t1 or 0) + 0.0
end

K.base.os = K.library(os)
