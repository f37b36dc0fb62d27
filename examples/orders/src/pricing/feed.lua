-- Reads the purchase log once and hands out baskets as they are asked for: `more {first, count}`
-- sends the baskets first, first + 1, ... to the pool, and `finished` to who asked when there are no
-- more, or `failed` when the log cannot be read. It keeps no position, so a restart loses none.
local channel = require("channel")
local fs = require("fs")
local process = require("process")
local shapes = require("shapes")

local LINE = "^%s*(%d+)%s+%d+%s+(%d+)%s+(%d+)%s+(%S+)%s*$"

local function read(name: string): ({shapes.Basket}?, string?)
  local volume, err = fs.get("orders:data")
  if err then return nil, tostring(err) end
  local file, failure = volume:open(name, "r")
  if failure then return nil, tostring(failure) end

  local baskets: {shapes.Basket} = {}
  local of_customer: {[integer]: shapes.Basket} = {}
  local number = 0
  local lines = file:scanner("lines")
  while lines:scan() do
    number = number + 1
    local customer, date, count, amount = lines:text():match(LINE)
    if customer then
      local id = tonumber(customer)
      local basket = of_customer[id]
      if not basket then
        basket = {customer = id, purchases = {}}
        of_customer[id] = basket
        table.insert(baskets, basket)
      end
      table.insert(basket.purchases, {
        line = number, customer = id, date = date, count = tonumber(count), amount = amount,
      })
    elseif lines:text():match("%S") then
      return nil, name .. ":" .. number .. ": not a purchase: " .. lines:text()
    end
  end
  file:close()
  return baskets
end

local function hand_out(baskets: {shapes.Basket}, message)
  local asked = message:payload():data()
  for i = asked.first, math.min(asked.first + asked.count - 1, #baskets) do
    process.send("orders.pool", "basket", {basket = baskets[i], reply_to = message:from()})
  end
  if asked.first + asked.count > #baskets then
    process.send(message:from(), "finished", #baskets)
  end
end

local function main(name: string)
  process.registry.register("orders.feed")
  local inbox, events = process.inbox(), process.events()
  local baskets, fault = read(name)
  while true do
    local got = channel.select({events:case_receive(), inbox:case_receive()})
    if got.channel == events then return end -- the service is asked to stop
    local message = got.value
    if baskets then
      hand_out(baskets, message)
    else
      process.send(message:from(), "failed", fault)
    end
  end
end

return {main = main}
