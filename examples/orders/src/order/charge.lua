-- Takes the money. A declined charge stands in the books too, and is not tried again.
local ledger = require("ledger")
local rules = require("rules")
local shapes = require("shapes")

local function main(order: shapes.Order)
  local outcome = rules.declines(order.customer) and "declined" or "done"
  local entry = ledger.enter(order.customer, "charge", outcome, order.cents)
  if entry.outcome ~= "done" then
    return nil, "the charge of customer " .. order.customer .. " is declined"
  end
  return entry
end

return {main = main}
