-- Gives the money back: the undo of `charge`.
local ledger = require("ledger")
local shapes = require("shapes")

local function main(order: shapes.Order)
  return ledger.enter(order.customer, "refund", "done", -order.cents)
end

return {main = main}
