-- The module `time`: what `require("time")` gives.
local K = ...
local T = K.time
local STAMP = "Jan _2 15:04:05"

return {
  NANOSECOND = 1,
  MICROSECOND = 1000,
  MILLISECOND = 1000000,
  SECOND = 1000000000,
  MINUTE = 60000000000,
  HOUR = 3600000000000,

  JANUARY = 1, FEBRUARY = 2, MARCH = 3, APRIL = 4, MAY = 5, JUNE = 6, JULY = 7, AUGUST = 8, SEPTEMBER = 9,
  OCTOBER = 10, NOVEMBER = 11, DECEMBER = 12,
  SUNDAY = 0, MONDAY = 1, TUESDAY = 2, WEDNESDAY = 3, THURSDAY = 4, FRIDAY = 5, SATURDAY = 6,

  RFC3339 = "2006-01-02T15:04:05Z07:00",
  RFC3339NANO = "2006-01-02T15:04:05.999999999Z07:00",
  RFC822 = "02 Jan 06 15:04 MST",
  RFC822Z = "02 Jan 06 15:04 -0700",
  RFC850 = "Monday, 02-Jan-06 15:04:05 MST",
  RFC1123 = "Mon, 02 Jan 2006 15:04:05 MST",
  RFC1123Z = "Mon, 02 Jan 2006 15:04:05 -0700",
  KITCHEN = "3:04PM",
  STAMP = STAMP,
  STAMP_MILLI = STAMP .. ".000",
  STAMP_MICRO = STAMP .. ".000000",
  STAMP_NANO = STAMP .. ".000000000",
  DATE_TIME = "2006-01-02 15:04:05",
  DATE_ONLY = "2006-01-02",
  TIME_ONLY = "15:04:05",

  utc = T.utc,
  localtz = T.localtz,

  now = T.now,
  sleep = T.sleep,
  after = T.after,
  timer = T.timer,
  ticker = T.ticker,
  date = T.date,
  unix = T.unix,
  parse = T.parse,
  parse_duration = T.parse_duration,
  load_location = T.load_location,
  fixed_zone = T.make_fixed_zone,
}
