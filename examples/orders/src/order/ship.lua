-- Sends the parcel. One that comes back stands in the books too, and is not sent again.
local ledger = require("ledger")
local rules = require("rules")
local shapes = require("shapes")

local function main(order: shapes.Order)
  local outcome = rules.unreachable(order.customer) and "returned" or "done"
  local entry = ledger.enter(order.customer, "ship", outcome, order.cents)
  if entry.outcome ~= "done" then
    return nil, "the parcel for customer " .. order.customer .. " came back"
  end
  return entry
end

return {main = main}
