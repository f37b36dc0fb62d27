-- Confirms payments. The signal may be sent twice, by a cashier that was restarted: an order takes
-- the first and never looks at the second, and one that is closed already has no use for it.
local channel = require("channel")
local process = require("process")

local function main()
  process.registry.register("orders.cashier")
  local inbox, events = process.inbox(), process.events()
  while true do
    local got = channel.select({events:case_receive(), inbox:case_receive()})
    if got.channel == events then return end -- the service is asked to stop
    local due = got.value:payload():data()
    process.send(due.order, "payment", {cents = due.cents})
  end
end

return {main = main}
