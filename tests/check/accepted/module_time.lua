-- modules: time
local time = require("time")
local now = time.now()
local later = now:add(time.HOUR * 2):add_date(0, 1, 0)
local gap = later:sub(now)
if later:after(now) and not now:before(now) then print(gap:seconds() + 1, gap:hours()) end
local parsed, err = time.parse("2006-01-02", "2024-01-31")
if err then error(err) end
print(parsed:format("2006"), parsed:year() + 1, parsed:unix() // 60, parsed:weekday())
local d, derr = time.parse_duration("1h30m")
if derr == nil then print(d:minutes(), d:milliseconds() % 7) end
local timeout: string = "5s"
time.sleep(timeout) time.sleep(5 * time.MILLISECOND) time.sleep(d)
local timer = time.timer("1s")
local ticker = time.ticker(time.SECOND)
local r = channel.select({timer:channel():case_receive(), ticker:response():case_receive(), time.after(100):case_receive()})
if r.channel == timer:channel() then print("timer") end
timer:reset("2s")
timer:stop()
ticker:stop()
local zone = time.load_location("Europe/Berlin") or time.utc
print(time.date(2024, 1, 31, 0, 0, 0, 0, zone):in_location(zone):string(), time.unix(1, 0):utc(), time.RFC3339)
local elapsed = time.now():sub(now):milliseconds()
print(("%d ms"):format(elapsed), elapsed > 5 and "slow" or "fast")
