-- Timers and tickers: channels fed by the kernel's clock.
local K = ...
local T = K.time
local raw = K.raw
local setmt, error = raw.setmetatable, raw.error
local timer_start, timer_stop = K.timer_start, K.timer_stop
local channel_new, channel_offer, channel_close = K.channel_new, K.channel_offer, K.channel_close

local TICKS = 16 -- ticks a slow reader may fall behind

-- handle: the kernel's timer while one runs, else false
local CHANNEL, HANDLE = K.key("channel"), K.key("handle")

-- Nanoseconds of a duration argument that has to be above zero; nil and an error.
local function positive(name, d)
  local ns, why = T.nanoseconds(d)
  if not ns then return nil, K.new_error("Invalid", why, false, nil, "time." .. name) end
  if ns <= 0 then return nil, K.new_error("Invalid", "time." .. name .. ": duration must be > 0", false) end
  return ns
end

local timer_methods, ticker_methods = {}, {}
local Timer = K.class { name = "time.Timer", methods = timer_methods }
local Ticker = K.class { name = "time.Ticker", methods = ticker_methods }

local function check(self, class, name)
  if not K.is(self, class) then K.badtype(1, name, class == Timer and "time.Timer" or "time.Ticker", self, 3) end
end

local function arm(timer, ns)
  local handle
  handle = timer_start(ns, function()
    if timer[HANDLE] ~= handle then return end -- stopped or set anew after it had become due
    timer[HANDLE] = false
    local ch = timer[CHANNEL]
    channel_offer(ch, T.now())
    channel_close(ch)
  end)
  timer[HANDLE] = handle
end

local function disarm(timer)
  local handle = timer[HANDLE]
  if not handle then return false end
  timer[HANDLE] = false
  timer_stop(handle)
  return true
end

local function new_timer(ns)
  local timer = setmt({ [CHANNEL] = channel_new(1), [HANDLE] = false }, Timer)
  arm(timer, ns)
  return timer
end

function timer_methods.response(self)
  check(self, Timer, "response")
  return self[CHANNEL]
end
timer_methods.channel = timer_methods.response

function timer_methods.stop(self)
  check(self, Timer, "stop")
  if not disarm(self) then return false end
  channel_close(self[CHANNEL])
  return true
end

function timer_methods.reset(self, d)
  check(self, Timer, "reset")
  local ns, why = T.nanoseconds(d)
  if not ns then error("timer:reset: " .. why, 2) end
  if ns <= 0 then error("timer:reset: duration must be > 0", 2) end
  if not disarm(self) then return false end
  arm(self, ns)
  return true
end

local function new_ticker(ns)
  local ticker = setmt({ [CHANNEL] = channel_new(TICKS), [HANDLE] = false }, Ticker)
  local due = not K.workflow and K.monotonic() + ns
  local function tick()
    if not ticker[HANDLE] then return end
    local wait = ns
    if due then
      -- on the beat of the first tick; ticks missed altogether are left out
      local now = K.monotonic()
      local late = now - due
      if late < 0 then late = 0 end
      due = due + ns + late // ns * ns
      wait = due - now
    end
    ticker[HANDLE] = timer_start(wait, tick)
    channel_offer(ticker[CHANNEL], T.now())
  end
  ticker[HANDLE] = timer_start(ns, tick)
  return ticker
end

function ticker_methods.response(self)
  check(self, Ticker, "response")
  return self[CHANNEL]
end
ticker_methods.channel = ticker_methods.response

function ticker_methods.stop(self)
  check(self, Ticker, "stop")
  local handle = self[HANDLE]
  if handle then
    self[HANDLE] = false
    timer_stop(handle)
    channel_close(self[CHANNEL])
  end
  return true
end

-- Module functions.

function T.timer(d)
  local ns, err = positive("timer", d)
  if not ns then return nil, err end
  return new_timer(ns)
end

function T.after(d)
  local ns, err = positive("after", d)
  if not ns then return nil, err end
  return new_timer(ns)[CHANNEL]
end

function T.ticker(d)
  local ns, err = positive("ticker", d)
  if not ns then return nil, err end
  return new_ticker(ns)
end

function T.sleep(d)
  local ns, why = T.nanoseconds(d)
  if not ns then return nil, K.new_error("Invalid", why, false, nil, "time.sleep") end
  K.sleep(ns)
end
