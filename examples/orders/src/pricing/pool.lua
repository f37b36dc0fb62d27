-- A supervisor with a few workers. Baskets come in, their purchases go to whichever worker is free,
-- and when all of a basket is priced its order goes to the one that asked for it.
--
-- A worker that crashes is replaced, and the purchase it held goes to the replacement.
local channel = require("channel")
local logger = require("logger")
local process = require("process")
local shapes = require("shapes")

local MOST_ATTEMPTS = 5

type Job = {purchase: shapes.Purchase, basket: any, attempts: integer}

local function main(size: integer)
  process.registry.register("orders.pool")
  local inbox, events = process.inbox(), process.events()

  local free: {string} = {}
  local busy: {[string]: Job} = {}
  local waiting: {Job} = {}
  local first, last = 1, 0

  local function hire()
    local worker, err = process.spawn_monitored("orders:pricer", "orders:processes", process.pid())
    if err then error(err) end
    table.insert(free, worker)
  end

  local function give_out()
    while #free > 0 and first <= last do
      local worker, job = table.remove(free), waiting[first]
      waiting[first] = nil
      first = first + 1
      job.attempts = job.attempts + 1
      busy[worker] = job
      process.send(worker, "price", job.purchase)
    end
  end

  local function deliver(basket)
    process.send(basket.reply_to, "order", {
      customer = basket.customer, purchases = basket.purchases, cents = basket.cents,
    })
  end

  local function accept(asked)
    local basket = {
      customer = asked.basket.customer, reply_to = asked.reply_to,
      open = #asked.basket.purchases, purchases = 0, cents = 0,
    }
    for _, purchase in ipairs(asked.basket.purchases) do
      last = last + 1
      waiting[last] = {purchase = purchase, basket = basket, attempts = 0}
    end
  end

  local function finish(worker: string, cents: integer?)
    local basket = busy[worker].basket
    busy[worker] = nil
    table.insert(free, worker)
    if cents then
      basket.purchases = basket.purchases + 1
      basket.cents = basket.cents + cents
    end
    basket.open = basket.open - 1
    if basket.open == 0 then deliver(basket) end
  end

  local function replace(event)
    local job = busy[event.from]
    busy[event.from] = nil
    if job then
      logger:info("a worker crashed", {line = job.purchase.line, error = tostring(event.result.error)})
      if job.attempts == MOST_ATTEMPTS then error(event.result.error) end
      first = first - 1
      waiting[first] = job
    end
    hire()
  end

  for _ = 1, size do hire() end
  while true do
    local got = channel.select({events:case_receive(), inbox:case_receive()})
    if not got.ok then return end
    if got.channel == inbox then
      local message = got.value
      if message:topic() == "basket" then
        accept(message:payload():data())
      else
        finish(message:from(), message:payload():data().cents)
      end
    elseif got.value.kind == process.event.EXIT then
      replace(got.value)
    else
      return -- the service is asked to stop
    end
    give_out()
  end
end

return {main = main}
