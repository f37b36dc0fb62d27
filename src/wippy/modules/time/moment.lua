-- Times: an instant and the location it is shown in. Immutable.
local K = ...
local T = K.time
local raw = K.raw
local setmt = raw.setmetatable
local maxinteger, mininteger = raw.maxinteger, raw.mininteger
local clock = K.now
local monotonic = K.workflow and K.now or K.monotonic -- a workflow has one clock, which never goes back
local civil_from_days, offset_at, unix_of, utc, localtz = T.civil_from_days, T.offset_at, T.unix_of, T.utc, T.localtz

-- sec: Unix seconds; nsec: 0..999999999; mono: reading of the steady clock, of times that `now` made
local SEC, NSEC, LOC, MONO = K.key("seconds"), K.key("nanoseconds"), K.key("location"), K.key("steady")
local YEAR_ONE = -62135596800 -- Unix seconds of year 1, January 1
local SECOND, DAY = 1000000000, 86400
local LIMIT = 10000000000 -- of calendar parts: keeps sums within 64 bits

local methods = {}
local Time = K.class { name = "time.Time", methods = methods, tostring = function(self) return T.tostring(self) end }
T.Time = Time
local is = K.is
function T.is_time(value) return is(value, Time) end

local function new(sec, nsec, loc) return setmt({ [SEC] = sec, [NSEC] = nsec, [LOC] = loc }, Time) end
T.time_new = new

function T.now()
  local ns = clock()
  return setmt({ [SEC] = ns // SECOND, [NSEC] = ns % SECOND, [LOC] = localtz, [MONO] = monotonic() }, Time)
end

local function check(self, name)
  if not is(self, Time) then K.badtype(1, name, "time.Time", self, 3) end
end

local function other_time(name, self, other)
  if not is(self, Time) then K.badtype(1, name, "time.Time", self, 3) end
  if not is(other, Time) then K.badtype(2, name, "time.Time", other, 3) end
end

-- Wall-clock seconds in the time's location, and nanoseconds.
local function wall(t)
  local sec = t[SEC]
  return sec + offset_at(t[LOC], sec), t[NSEC]
end

local function civil(t)
  local seconds = wall(t)
  return civil_from_days(seconds // DAY)
end

-- For the layouts: year, month, day, seconds of the day, nanoseconds, weekday, offset, abbreviation.
function T.fields(t)
  local sec, loc = t[SEC], t[LOC]
  local offset, name = offset_at(loc, sec)
  sec = sec + offset
  local days = sec // DAY
  local year, month, day = civil_from_days(days)
  return year, month, day, sec % DAY, t[NSEC], (days + 4) % 7, offset, name
end

-- From a wall-clock reading; parts out of range carry over.
local function dated(year, month, day, hour, minute, second, nsec, loc)
  second = second + nsec // SECOND
  return new(unix_of(loc, year, month, day, hour, minute, second), nsec % SECOND, loc)
end
T.dated = dated

function T.date(year, month, day, hour, minute, second, nsec, loc)
  year, month = T.integer(1, "date", year, LIMIT), T.integer(2, "date", month, LIMIT)
  day, hour = T.integer(3, "date", day, LIMIT), T.integer(4, "date", hour, LIMIT * 24)
  minute, second = T.integer(5, "date", minute, LIMIT * 1440), T.integer(6, "date", second, LIMIT * DAY)
  nsec = T.integer(7, "date", nsec)
  if loc == nil then
    loc = localtz
  elseif not T.is_location(loc) then
    K.badtype(8, "date", "time.Location", loc)
  end
  return dated(year, month, day, hour, minute, second, nsec, loc)
end

function T.unix(sec, nsec)
  sec, nsec = T.integer(1, "unix", sec, LIMIT * DAY), T.integer(2, "unix", nsec)
  return new(sec + nsec // SECOND, nsec % SECOND, localtz)
end

local function plus(t, ns, keep)
  local nsec = t[NSEC] + ns % SECOND
  local out = new(t[SEC] + ns // SECOND + nsec // SECOND, nsec % SECOND, t[LOC])
  local mono = keep and t[MONO]
  if mono then
    local sum = mono + ns
    if (sum >= mono) == (ns >= 0) then raw.rawset(out, MONO, sum) end
  end
  return out
end

function methods.add(self, d)
  check(self, "add")
  local ns, why = T.nanoseconds(d)
  if not ns then K.badarg(2, "add", why) end
  return plus(self, ns, true)
end

-- Negative, zero or positive: a is before, at or after b. Two times that `now` made go by the steady clock.
local function compare(a, b)
  local x, y = a[MONO], b[MONO]
  if x and y then return x - y end
  if a[SEC] ~= b[SEC] then return a[SEC] - b[SEC] end
  return a[NSEC] - b[NSEC]
end

function methods.sub(self, other)
  other_time("sub", self, other)
  if self[MONO] and other[MONO] then return T.duration(self[MONO] - other[MONO]) end
  local sec, nsec = self[SEC] - other[SEC], self[NSEC] - other[NSEC]
  if nsec < 0 then sec, nsec = sec - 1, nsec + SECOND end
  if sec > 9223372036 or sec == 9223372036 and nsec > 854775807 then return T.duration(maxinteger) end
  if sec < -9223372037 or sec == -9223372037 and nsec < 145224192 then return T.duration(mininteger) end
  return T.duration(sec * SECOND + nsec)
end

function methods.after(self, other)
  other_time("after", self, other)
  return compare(self, other) > 0
end
function methods.before(self, other)
  other_time("before", self, other)
  return compare(self, other) < 0
end
function methods.equal(self, other)
  other_time("equal", self, other)
  return compare(self, other) == 0
end

function methods.add_date(self, years, months, days)
  check(self, "add_date")
  years, months = T.integer(2, "add_date", years, LIMIT), T.integer(3, "add_date", months, LIMIT)
  days = T.integer(4, "add_date", days, LIMIT)
  local year, month, day = civil(self)
  local seconds = wall(self)
  return dated(year + years, month + months, day + days, 0, 0, seconds % DAY, self[NSEC], self[LOC])
end

function methods.format(self, layout)
  check(self, "format")
  layout = T.text(2, "format", layout)
  return T.format(self, layout)
end
function methods.format_rfc3339(self)
  check(self, "format_rfc3339")
  return T.format(self, "2006-01-02T15:04:05Z07:00")
end

function methods.unix(self)
  check(self, "unix")
  return self[SEC]
end
function methods.unix_nano(self)
  check(self, "unix_nano")
  return self[SEC] * SECOND + self[NSEC]
end
function methods.date(self)
  check(self, "date")
  return civil(self)
end
function methods.clock(self)
  check(self, "clock")
  local s = wall(self) % DAY
  return s // 3600, s % 3600 // 60, s % 60
end
function methods.year(self)
  check(self, "year")
  return (civil(self))
end
function methods.month(self)
  check(self, "month")
  local _, month = civil(self)
  return month
end
function methods.day(self)
  check(self, "day")
  local _, _, day = civil(self)
  return day
end
function methods.hour(self)
  check(self, "hour")
  return wall(self) % DAY // 3600
end
function methods.minute(self)
  check(self, "minute")
  return wall(self) % 3600 // 60
end
function methods.second(self)
  check(self, "second")
  return wall(self) % 60
end
function methods.nanosecond(self)
  check(self, "nanosecond")
  return self[NSEC]
end
function methods.weekday(self)
  check(self, "weekday")
  return (wall(self) // DAY + 4) % 7
end
function methods.year_day(self)
  check(self, "year_day")
  return T.year_day(civil(self))
end
function methods.is_zero(self)
  check(self, "is_zero")
  return self[SEC] == YEAR_ONE and self[NSEC] == 0
end

function methods.in_location(self, loc)
  check(self, "in_location")
  if not T.is_location(loc) then K.badtype(2, "in_location", "time.Location", loc) end
  return new(self[SEC], self[NSEC], loc)
end
function methods.location(self)
  check(self, "location")
  return self[LOC]
end
function methods.utc(self)
  check(self, "utc")
  return new(self[SEC], self[NSEC], utc)
end
function methods.in_local(self)
  check(self, "in_local")
  return new(self[SEC], self[NSEC], localtz)
end

-- (a + b) mod m for 0 <= a, b < m up to 2^63 - 1, where a plain sum could overflow.
local function add_mod(a, b, m)
  if a >= m - b then return a - (m - b) end
  return a + b
end

-- Nanoseconds since year 1, modulo d.
local function remainder(t, d)
  local seconds = t[SEC] - YEAR_ONE
  if d % SECOND == 0 then return seconds % (d // SECOND) * SECOND + t[NSEC] end
  local product, factor, times = 0, seconds % d, SECOND
  while times > 0 do
    if times & 1 == 1 then product = add_mod(product, factor, d) end
    factor = add_mod(factor, factor, d)
    times = times >> 1
  end
  return add_mod(product, t[NSEC] % d, d)
end

local function multiple_of(self, d, name)
  if not is(self, Time) then K.badtype(1, name, "time.Time", self, 3) end
  if not T.is_duration(d) then K.badtype(2, name, "time.Duration", d, 3) end
  return (T.nanoseconds(d))
end

function methods.truncate(self, d)
  local ns = multiple_of(self, d, "truncate")
  return plus(self, ns > 0 and -remainder(self, ns) or 0)
end
function methods.round(self, d)
  local ns = multiple_of(self, d, "round")
  if ns <= 0 then return plus(self, 0) end
  local over = remainder(self, ns)
  return plus(self, over < ns - over and -over or ns - over)
end
