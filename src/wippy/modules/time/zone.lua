-- Locations: time zones, and the calendar arithmetic they need.
local K = ...
local T = K.time
local raw, host = K.raw, K.host
local setmt = raw.setmetatable
local zone_offset = host.zone_offset

-- offset: of a fixed zone, nil for zones with rules; at, at offset, at name: the last look-up
local NAME, OFFSET, ABBREVIATION = K.key("name"), K.key("offset"), K.key("abbreviation")
local AT, AT_OFFSET, AT_NAME = K.key("at"), K.key("at offset"), K.key("at name")

local DAY = 86400

local methods = {}
local Location
Location = K.class {
  name = "time.Location",
  methods = methods,
  tostring = function(self) return self[NAME] end,
}
T.Location = Location

function methods.string(self)
  if not K.is(self, Location) then K.badtype(1, "string", "time.Location", self) end
  return self[NAME]
end

local function fixed(name, offset)
  return setmt({ [NAME] = name, [OFFSET] = offset, [ABBREVIATION] = name }, Location)
end
local function ruled(name)
  return setmt({ [NAME] = name, [AT] = false, [AT_OFFSET] = 0, [AT_NAME] = "" }, Location)
end

local utc = fixed("UTC", 0)
local localtz = ruled("Local")
T.utc, T.localtz, T.fixed_zone = utc, localtz, fixed

function T.is_location(value) return K.is(value, Location) end

local loaded = { UTC = utc, Local = localtz }

-- The location of an IANA name, `UTC` or `Local`; nil for an unknown one.
function T.find_zone(name)
  local found = loaded[name]
  if not found and host.zone_exists(name) then
    found = ruled(name)
    loaded[name] = found
  end
  return found
end

-- Seconds east of UTC and the abbreviation in use at a moment.
local function offset_at(loc, unix)
  local offset = loc[OFFSET]
  if offset then return offset, loc[ABBREVIATION] end
  if loc[AT] == unix then return loc[AT_OFFSET], loc[AT_NAME] end
  local name
  offset, name = zone_offset(loc[NAME], unix)
  loc[AT], loc[AT_OFFSET], loc[AT_NAME] = unix, offset, name
  return offset, name
end
T.offset_at = offset_at

-- The offset an abbreviation stands for in this location (wall: the reading as if it were UTC); nil where unknown.
function T.offset_named(loc, abbreviation, wall)
  local offset = loc[OFFSET]
  if offset then return loc[ABBREVIATION] == abbreviation and offset or nil end
  return host.zone_named(loc[NAME], abbreviation, wall)
end

-- Days from 1970-01-01; month 1..12, any year, any day.
local function days_from_civil(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local yoe = year - era * 400
  local doy = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
end
T.days_from_civil = days_from_civil

function T.civil_from_days(days)
  days = days + 719468
  local era = days // 146097
  local doe = days - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local month = mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - (153 * mp + 2) // 5 + 1
end

local function is_leap(year) return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) end
local lengths = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
function T.month_length(year, month) return month == 2 and is_leap(year) and 29 or lengths[month] end
function T.year_day(year, month, day) return days_from_civil(year, month, day) - days_from_civil(year, 1, 1) + 1 end

-- Unix seconds of a wall-clock reading; parts out of range carry over.
function T.unix_of(loc, year, month, day, hour, minute, second)
  year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
  local offset = loc[OFFSET]
  if offset then
    return days_from_civil(year, month, 1) * DAY + (day - 1) * DAY + hour * 3600 + minute * 60 + second - offset
  end
  return host.zone_local(loc[NAME], year, month, day, hour, minute, second)
end

-- Module functions.

function T.load_location(name)
  name = T.text(1, "load_location", name)
  if name == "" then return nil, K.new_error("Invalid", "empty location name", false) end
  local found = T.find_zone(name)
  if found then return found end
  return nil, K.new_error("NotFound", "unknown time zone " .. name, false, nil, "time.load_location")
end

function T.make_fixed_zone(name, offset)
  name = T.text(1, "fixed_zone", name)
  offset = T.integer(2, "fixed_zone", offset, 100 * DAY)
  return fixed(name, offset)
end
