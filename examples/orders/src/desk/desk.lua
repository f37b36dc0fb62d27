-- The program: keeps some orders open at a time, shows how far things are, prints the summary.
--
-- It remembers nothing between runs. After a crash it asks for every order again by name: one that is
-- closed says so at once, one that was interrupted has gone on by itself, one that is new begins.
local channel = require("channel")
local io = require("io")
local process = require("process")
local time = require("time")
local ledger = require("ledger")

local OPEN_AT_A_TIME = 100
local INTERVAL = "500ms"

-- asked: baskets asked for; watched: the open runs; total: baskets there are, once that is known.
type Desk = {
  asked: integer,
  watched: {[string]: boolean},
  open: integer,
  closed: integer,
  total: integer?,
  failed: error?,
}

-- One run for each customer, ever: under its name the provider starts it or finds it.
local function open_order(order): (string?, error?)
  return process.with_options({["workflow.id_reuse_policy"] = "reject_duplicate"})
    :with_name("order-" .. order.customer)
    :spawn_monitored("orders:order", "orders:workflows", order)
end

local function interrupted(why: string): error
  return errors.new("not finished: " .. why .. "; run it again to go on")
end

local function ask_for_more(desk: Desk, count: integer)
  local _, err = process.send("orders.feed", "more", {first = desk.asked + 1, count = count})
  if err then desk.failed = interrupted(tostring(err)) end
  desk.asked = desk.asked + count
end

local function on_message(desk: Desk, message)
  local data = message:payload():data()
  if message:topic() == "finished" then
    desk.total = data
    return
  elseif message:topic() == "failed" then
    desk.failed = errors.new(data)
    return
  end
  local pid, err = open_order(data)
  if err then
    desk.failed = interrupted(tostring(err))
    return
  end
  desk.watched[pid] = true
  desk.open = desk.open + 1
  process.send("orders.cashier", "due", {order = pid, cents = data.cents})
end

local function on_event(desk: Desk, event)
  if event.kind ~= process.event.EXIT then
    desk.failed = interrupted("asked to stop")
  elseif event.result.error then
    desk.failed = event.result.error
  elseif not desk.watched[event.from] then
    desk.failed = interrupted("a service has ended")
  else
    desk.watched[event.from] = nil
    desk.open = desk.open - 1
    desk.closed = desk.closed + 1
    if not desk.total then ask_for_more(desk, 1) end
  end
end

local function show_progress(desk: Desk)
  local of = desk.total and (" of " .. desk.total) or ""
  io.print(string.format("  %d%s orders closed, %d open", desk.closed, of, desk.open))
end

local function dollars(cents: integer): string
  return string.format("%d.%02d", cents // 100, cents % 100)
end

local function print_summary(seconds: number, steps_before: integer)
  local sum = ledger.summary()
  io.print("customers      " .. sum.customers)
  io.print("purchases      " .. sum.purchases)
  io.print("rejected       " .. sum.rejected)
  io.print("revenue        " .. dollars(sum.revenue))
  io.print("compensations  " .. sum.compensations)
  io.print("restarts       " .. sum.restarts)
  io.print(string.format("seconds        %.2f", seconds))
  io.print(string.format("steps/second   %.0f", (sum.steps - steps_before) / seconds))
end

-- A service that ends while it is needed ends the program too, which can then be run again.
local function watch_services(desk: Desk)
  for _, name in ipairs({"orders.feed", "orders.pool", "orders.cashier"}) do
    local _, err = process.monitor(name)
    if err then desk.failed = err end
  end
end

local function main()
  local began = time.now()
  ledger.prepare()
  local steps_before = ledger.summary().steps

  local desk: Desk = {asked = 0, watched = {}, open = 0, closed = 0}
  local inbox, events = process.inbox(), process.events()
  local ticker = time.ticker(INTERVAL)
  local ticks = ticker:channel()
  watch_services(desk)
  ask_for_more(desk, OPEN_AT_A_TIME)
  while desk.closed ~= desk.total and not desk.failed do
    local got = channel.select({events:case_receive(), inbox:case_receive(), ticks:case_receive()})
    if got.channel == inbox then
      on_message(desk, got.value)
    elseif got.channel == events then
      on_event(desk, got.value)
    else
      show_progress(desk)
    end
  end
  ticker:stop()
  if desk.failed then return nil, desk.failed end
  print_summary(time.now():sub(began):seconds(), steps_before)
end

return {main = main}
