type User = {name: string, email: string?, parent: User?}
type Shape = {kind: "circle", r: number} | {kind: "square", w: number}

local function find(id: integer): User?
  if id == 0 then return nil end
  return {name = "x"}
end

local function both(id: integer): (User?, error?)
  local user = find(id)
  if not user then return nil, errors.new("none") end
  return user, nil
end

local function early(id: integer): string
  local user = find(id)
  if not user then return "" end
  return user.name
end

local function raised(id: integer): string
  local user = find(id)
  if user == nil then error("no user") end
  return user.name
end

local function asserted(id: integer): string
  local user = assert(find(id))
  local other = find(id + 1)
  assert(other, "missing")
  return user.name .. other.name
end

local function pair(id: integer): string
  local user, err = both(id)
  if err then return tostring(err) end
  return user.name
end

local function pair_message(id: integer): string
  local user, err = both(id)
  if user == nil then return "failed: " .. err:message() end
  return user.name
end

local function default(x: string?): integer
  x = x or "none"
  return #x + x:len()
end

local function default_number(x: number?): number
  local n = x or 10
  return n + 1
end

local function kinds(v: string | number | boolean): string
  if type(v) == "string" then
    return v:upper()
  elseif type(v) == "number" then
    return tostring(v + 1)
  end
  return v and "yes" or "no"
end

local function unknowns(v: unknown): string
  if type(v) == "string" then return v end
  local t = type(v)
  if t == "number" then return tostring(v + 1) end
  if type(v) == "table" then return tostring(v.name) end
  return ""
end

local function area(s: Shape): number
  if s.kind == "circle" then
    return s.r * s.r
  elseif s.kind == "square" then
    return s.w * s.w
  end
end

local function area_early(s: Shape): number
  if s.kind ~= "circle" then return s.w end
  return s.r
end

local function path(u: User): string
  if u.parent and u.parent.email then
    return u.parent.email
  end
  if u.email == nil or u.email == "" then return "" end
  return u.email:lower()
end

local function right_operands(u: User?): boolean
  return u ~= nil and u.name == "x" or u == nil
end

local function both_false(a: string?, b: string?): string
  if not a or not b then return "" end
  return a .. b:upper()
end

local function loops(list: {string}): string
  local best: string? = nil
  for _, each in ipairs(list) do
    if best == nil or #each > #best then best = each end
  end
  if best then return best end
  return ""
end

local function continue(list: {User}, x: string?): string
  if not x then return "" end
  for _, user in ipairs(list) do
    if user.email == nil then goto continue end
    print(user.email:upper())
    ::continue::
  end
  return x:upper()
end

local function filled(u: User)
  if not u.email then u.email = "a@b" end
  print(u.email:upper())
  u.parent = u.parent or u
  print(u.parent.name)
end

local function validated(v: any): string
  local user, err = User:is(v)
  if err then return tostring(err) end
  return user.name
end

local function validated_unknown(v: unknown): string
  if User:is(v) then return v.name end
  local ok = type(v) == "string"
  if ok then return v end
  return ""
end

local function captured(): string
  local result: string? = nil
  pcall(function() result = "x" end)
  if result then return result:upper() end
  return ""
end

local function contradictory(x: string): number
  if x == nil then
    local bad: number = x
    return bad.y
  end
  return #x
end

local function check(err: any) if err then error(err) end end

local function helper(id: integer): string
  local user, err = both(id)
  check(err)
  return user.name
end

local function while_true(): integer
  local n = 0
  while true do
    n = n + 1
    if n > 5 then return n end
  end
end

local function fails(text: string): never
  error(text)
end

local function uses_never(x: string?): string
  if x then return x end
  fails("none")
end

local function literal(mode: "a" | "b"): integer
  if mode == "a" then return 1 end
  if mode == "b" then return 2 end
end

local function aliased(x: string?): integer
  local there = x ~= nil
  if there then return #x + x:len() end
  return 0
end

local function failing(name: string): (User, error?)
  if name == "" then return nil, errors.new("no name") end
  return {name = name}
end

return {
  failing, early, raised, asserted, pair, pair_message, default, default_number, kinds, unknowns, area, area_early, path,
  right_operands, both_false, loops, continue, filled, validated, validated_unknown, captured, contradictory, helper,
  while_true, uses_never, literal, aliased,
}
