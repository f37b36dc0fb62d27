type Address = {street: string?, city: {name: string?, zip: integer?}?}
type User = {name: string, address: Address?, manager: User?, tags: {string}?}

local function city(u: User?): string
  if u and u.address and u.address.city and u.address.city.name then
    return u.address.city.name:upper()
  end
  return ""
end
local function zip(u: User): integer
  local address = u.address
  if not address or not address.city then return 0 end
  local city = address.city
  return city.zip or 0
end
local function top(u: User): string
  local at = u
  while at.manager do at = at.manager end
  return at.name
end
local function chain(u: User): string
  return u.manager and u.manager.manager and u.manager.manager.name or u.name
end
local function tags(u: User): integer
  local n = 0
  if u.tags ~= nil then
    for _, tag in ipairs(u.tags) do
      if #u.tags > 1 and tag ~= "" then n = n + #tag end
    end
  end
  return n
end
local function ensure(u: User): Address
  if not u.address then
    u.address = {}
  end
  return u.address
end
local function either(a: User?, b: User?): string
  local u = a or b
  if not u then return "" end
  return u.name
end
local function both(a: User?, b: User?): string
  if a == nil or b == nil then return "" end
  return a.name .. b.name
end
local function captured(u: User?): () -> string
  if not u then error("no user") end
  return function() return u.name end
end
local function deferred(u: User): string
  local street = u.address and u.address.street
  local text = street and street:upper() or "none"
  return text
end
local function inverted(u: User?): string
  if not (u and u.address) then return "" end
  return u.name .. (u.address.street or "")
end
local function guard(u: User?): string
  local missing = u == nil
  if missing then return "" end
  return u.name
end
local function deep(list: {User}): {string}
  local out: {string} = {}
  for i = 1, #list do
    local u = list[i]
    if u.address and u.address.street then
      out[#out + 1] = u.address.street
    end
    if list[i].manager then out[#out + 1] = list[i].manager.name end
  end
  return out
end
return {city, zip, top, chain, tags, ensure, either, both, captured, deferred, inverted, guard, deep}
