"""The module `time`: moments, durations, zones, layouts, timers."""

from __future__ import annotations

from wippy.modules.module import RECORD, TIMER, Module
from wippy.modules.time.zones import make_time_host

__all__ = ["make_time_host", "time"]

FILES = ("argument.lua", "zone.lua", "span.lua", "moment.lua", "layout.lua", "parse.lua", "timer.lua", "time.lua")

time = Module("time", classes={"time", "workflow"}, lua=FILES)

time.lua_function(
    "now()", in_workflow=RECORD, doc="The present moment in the local zone; in a workflow the time of its task."
)
time.lua_function(
    "sleep(duration: any)",
    in_workflow=TIMER,
    doc="Parks the calling coroutine. Nothing on success; INVALID for a bad duration.",
)
time.lua_function(
    "after(duration: any)",
    in_workflow=TIMER,
    doc="A channel that gives one Time when the duration is over and is then closed. INVALID unless above zero.",
)
time.lua_function("timer(duration: any)", in_workflow=TIMER, doc="A Timer. INVALID unless the duration is above zero.")
time.lua_function(
    "ticker(duration: any)", in_workflow=TIMER, doc="A Ticker. INVALID unless the duration is above zero."
)
time.lua_function(
    "date(year: number, month: number, day: number, hour: number, minute: number, second: number, nanosecond: number, "
    "location?: Location)",
    doc="The Time of a wall-clock reading, local unless a location is given; parts out of range carry over.",
)
time.lua_function("unix(seconds: number, nanoseconds: number)", doc="The Time so long after 1970, in the local zone.")
time.lua_function(
    "parse(layout: string, value: string, location?: Location)",
    doc="The Time a text shows by a layout. INVALID for a text that does not fit.",
)
time.lua_function(
    "parse_duration(duration: any)", doc="The Duration of a number (nanoseconds) or a text such as `1h30m`."
)
time.lua_function("load_location(name: string)", doc="`UTC`, `Local` or an IANA name. INVALID for no name, NOT_FOUND.")
time.lua_function("fixed_zone(name: string, offset: number)", doc="A Location so many seconds east of UTC.")

for signature, doc in (
    ("add(duration: any)", "The Time that much later."),
    ("sub(other: Time)", "The Duration since another Time, at most some 292 years."),
    ("add_date(years: number, months: number, days: number)", "Added to the calendar fields, which then carry over."),
    ("after(other: Time)", "Whether this instant is later."),
    ("before(other: Time)", "Whether this instant is earlier."),
    ("equal(other: Time)", "Whether both are the same instant."),
    ("format(layout: string)", "The text by a layout."),
    ("format_rfc3339()", "The text by RFC 3339, to the second."),
    ("unix()", "Seconds since 1970."),
    ("unix_nano()", "Nanoseconds since 1970."),
    ("date()", "Year, month, day."),
    ("clock()", "Hour, minute, second."),
    ("year()", "The year."),
    ("month()", "1 to 12."),
    ("day()", "1 to 31."),
    ("hour()", "0 to 23."),
    ("minute()", "0 to 59."),
    ("second()", "0 to 59."),
    ("nanosecond()", "0 to 999999999."),
    ("weekday()", "0 (Sunday) to 6."),
    ("year_day()", "1 to 366."),
    ("is_zero()", "Whether this is year 1, January 1, 00:00 UTC."),
    ("in_location(location: Location)", "The same instant shown in another location."),
    ("location()", "The Location."),
    ("utc()", "The same instant in UTC."),
    ("in_local()", "The same instant in the local zone."),
    ("round(unit: Duration)", "The nearest multiple since year 1 UTC, half up."),
    ("truncate(unit: Duration)", "The multiple at or before."),
):
    time.lua_method("Time", signature, doc=doc)
for name in ("nanoseconds", "microseconds", "milliseconds"):
    time.lua_method("Duration", f"{name}()", doc=f"Whole {name}.")
for name in ("seconds", "minutes", "hours"):
    time.lua_method("Duration", f"{name}()", doc=f"{name.capitalize()} with their fraction.")
time.lua_method("Location", "string()", doc="Its name.")
for owner in ("Timer", "Ticker"):
    time.lua_method(owner, "response()", doc="Its channel.")
    time.lua_method(owner, "channel()", doc="Its channel.")
    time.lua_method(owner, "stop()", in_workflow=TIMER, doc="Stops it and closes the channel.")
time.lua_method(
    "Timer", "reset(duration: any)", in_workflow=TIMER, doc="Starts a pending timer anew; false once it is over."
)
