-- The least kernel the files of `time` need: a clock that moves when told, timers, buffered channels.
local host, object_chunk = ...
local K = { host = host, base = {}, modules = {} }
local raw = {}
for _, library in ipairs { string, table, math, coroutine } do
  for name, value in pairs(library) do raw[name] = value end
end
raw.mathtype, raw.tunpack, raw.unpack = math.type, table.unpack, nil
for _, name in ipairs { "type", "next", "pairs", "rawget", "rawset", "rawlen", "error", "pcall", "select", "tostring", "tonumber", "load" } do
  raw[name] = _G[name]
end
raw.setmetatable, raw.getmetatable = setmetatable, debug.getmetatable
K.raw = raw
object_chunk(K)
K.text = tostring

local ErrorObject = K.class { name = "error", tostring = function(e) return e.parts_[2] end, methods = {} }
function K.new_error(...)
  local parts = { ... }
  return setmetatable({ parts_ = parts }, ErrorObject)
end
function K.is_error(v) return K.is(v, ErrorObject) end
K.error_parts = function(e) return table.unpack(rawget(e, "parts_"), 1, 5) end

local clock, steady, timers = 1700000000000000000, 5000, {}
function K.now() return clock end
function K.monotonic() return steady end

function K.timer_start(ns, fn)
  local t = { due = steady + ns, fn = fn }
  timers[#timers + 1] = t
  return t
end
function K.timer_stop(t)
  for i = 1, #timers do
    if timers[i] == t then
      table.remove(timers, i)
      return true
    end
  end
  return false
end
K.slept = {}
function K.sleep(ns) K.slept[#K.slept + 1] = ns end

local Channel = K.class { name = "channel", methods = {
  poll = function(ch)
    local q = rawget(ch, "q")
    if #q > 0 then return table.remove(q, 1), true end
    return nil, false, rawget(ch, "closed")
  end,
} }
function K.channel_new(capacity) return setmetatable({ q = {}, capacity = capacity, closed = false }, Channel) end
function K.channel_offer(ch, v)
  if rawget(ch, "closed") or #rawget(ch, "q") >= rawget(ch, "capacity") then return false end
  table.insert(rawget(ch, "q"), v)
  return true
end
function K.channel_close(ch) rawset(ch, "closed", true) end

local test = {}
-- Moves the clock on, timer by timer; `by_jump` fires late, all at the end.
function test.advance(ns, by_jump)
  local to = steady + ns
  if by_jump then clock, steady = clock + ns, to end
  while true do
    local first
    for _, t in ipairs(timers) do if t.due <= to and (not first or t.due < first.due) then first = t end end
    if not first then break end
    K.timer_stop(first)
    if not by_jump then clock, steady = clock + first.due - steady, first.due end
    first.fn(steady)
  end
  clock, steady = clock + to - steady, to
end
function test.set_wall(ns) clock = ns end
function test.pending() return #timers end
-- Late fire: the timer is due but its function runs after the stop.
function test.take_due()
  local t = table.remove(timers, 1)
  return t.fn
end
test.K, test.kind = K, function(e) return (K.error_parts(e)) end
return K, test
