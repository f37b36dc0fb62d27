-- modules: json funcs
local json = require("json")
local funcs = require("funcs")
type Order = {id: string, total: number}

local function parse(text: string): (Order?, error?)
  local data, err = json.decode(text)
  if err then return nil, err end
  local order, invalid = Order:is(data)
  if invalid then return nil, errors.wrap(invalid, "order") end
  return order
end

local function load(id: string): (Order?, string?)
  if id == "" then return nil, "no id" end
  return {id = id, total = 1}, nil
end

local function strict(id: string): Order
  local order, err = load(id)
  if not order then error(err) end
  return order
end

local function sum(ids: {string}): (number?, error?)
  local total = 0
  for _, id in ipairs(ids) do
    local order, err = parse(id)
    if err ~= nil then return nil, err end
    total = total + order.total
  end
  return total
end

local function retry(id: string): Order
  local order, err
  for attempt = 1, 3 do
    order, err = parse(id)
    if not err then break end
    print("attempt", attempt, err:message())
  end
  if err then error(err) end
  return order
end

local function call(id: string): string
  local res, err = funcs.call("app:charge", id, {amount = 5})
  if err then
    if err:kind() == errors.INVALID and not err:retryable() then return "bad: " .. err end
    return tostring(err)
  end
  return res.receipt .. res.number
end

local n, e = sum({"a"})
if e then return e end
local m = n + 1
local pok, perr = pcall(strict, "")
print(pok, perr and tostring(perr), m, retry("x").id, call("y"))
