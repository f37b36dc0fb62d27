-- The order of one customer, from reservation to parcel. Ordinary code, but it survives everything:
-- each call, timer and message is recorded, and after a crash the run goes on where it stood.
local funcs = require("funcs")
local process = require("process")
local time = require("time")
local shapes = require("shapes")

local function receive_payment(order: shapes.Order)
  local inbox = process.inbox()
  repeat
    local message = inbox:receive()
  until message:topic() == "payment"
end

local function main(order: shapes.Order): (string?, error?)
  local undo: {string} = {}

  -- Runs a step and remembers how to undo it; false when the step has failed.
  local function step(name: string, undo_with: string?): boolean
    local _, err = funcs.call(name, order)
    if err then return false end
    if undo_with then table.insert(undo, undo_with) end
    return true
  end

  local function fulfil(): boolean
    if not step("orders:reserve", "orders:release") then return false end
    receive_payment(order)
    if not step("orders:charge", "orders:refund") then return false end
    time.sleep("20ms") -- the packing; days would do as well
    return step("orders:ship")
  end

  if fulfil() then return "shipped" end
  for i = #undo, 1, -1 do
    local _, err = funcs.call(undo[i], order)
    if err then return nil, err end
  end
  return "undone"
end

return {main = main}
