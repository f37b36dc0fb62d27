-- Whether a purchase can be true: returns true, or nil and what is wrong with it.
local shapes = require("shapes")

local DAYS = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

local function is_date(text: string): boolean
  local year, month, day = text:match("^(%d%d%d%d)(%d%d)(%d%d)$")
  if not year then return false end
  local y, m, d = tonumber(year), tonumber(month), tonumber(day)
  if m < 1 or m > 12 or d < 1 or d > DAYS[m] then return false end
  local leap = y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)
  return leap or m ~= 2 or d <= 28
end

local function main(purchase: shapes.Purchase): (boolean?, string?)
  if not is_date(purchase.date) then
    return nil, "no such date: " .. purchase.date
  end
  if purchase.count < 1 then
    return nil, "a purchase of " .. purchase.count .. " CDs"
  end
  if not purchase.amount:match("^%d+%.%d%d$") then
    return nil, "not an amount in dollars: " .. purchase.amount
  end
  return true
end

return {main = main}
