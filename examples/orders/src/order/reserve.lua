-- Sets the goods of an order aside.
local ledger = require("ledger")
local shapes = require("shapes")

local function main(order: shapes.Order)
  return ledger.enter(order.customer, "reserve", "done", order.cents)
end

return {main = main}
