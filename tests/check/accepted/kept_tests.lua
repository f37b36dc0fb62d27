type User = {name: string, email: string?}
local function fill(u: User) u.email = "x" end
local function assigned(x: string?): string
  local was = x == nil
  x = x or "default"
  if was then return x:upper() end
  return x
end
local function filled(u: User): string
  local empty = u.email == nil
  if empty then fill(u) end
  if empty then return u.email:upper() end
  return "x"
end
local function written(u: User): string
  local empty = not u.email
  u.email = u.email or "y"
  if empty then return u.email:upper() end
  return u.email
end
local function kind(v: string | number): string
  local t = type(v)
  v = tostring(v)
  if t == "number" then return v:upper() end
  return v
end
local function in_loop(x: string?): string
  local missing = x == nil
  for i = 1, 3 do
    if missing and x and i > 1 then print(x:upper()) end
    x = "y"
  end
  return x or ""
end
local function checked(v: unknown): string
  local user, err = User:is(v)
  if err then return tostring(err) end
  return v.name .. user.name
end
local function checked_positive(v: unknown): string
  local user, err = User:is(v)
  if err == nil then return v.name .. user.name end
  if user then return user.name end
  return "none"
end
return {assigned, filled, written, kind, in_loop, checked, checked_positive}
