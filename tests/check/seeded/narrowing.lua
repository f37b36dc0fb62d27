type User = {name: string, email: string?, parent: User?, tags: {string}?}
type Shape = {kind: "circle", r: number} | {kind: "square", w: number} | {kind: "point"}
local function find(id: integer): User?
  if id == 1 then return {name = "x"} end
  return nil
end
local function pair(id: integer): (User?, error?)
  local user = find(id)
  if not user then return nil, errors.new("none") end
  return user
end
local function taken_back(u: User): string
  if u.email then
    u.email = nil
    return u.email:upper() --! E0023
  end
  return ""
end
local function written_inside(u: User): string
  if not u.parent then return "" end
  u.parent = find(2)
  return u.parent.name --! E0023
end
local function by_a_loop(u: User?): string
  while u do
    print(u.name)
    u = u.parent
  end
  return u.name --! E0023
end
local function wrong_branch(u: User?): string
  if u == nil then
    return u.name --! E0023
  end
  return u.name
end
local function negated(u: User?): string
  if not (u == nil) then return u.name end
  return u.name --! E0023
end
local function only_one(a: User?, b: User?): string
  if a or b then
    return a.name --! E0023
  end
  return b.name --! E0023
end
local function right_side(u: User?): boolean
  return u == nil and u.name == "x" --! E0023
end
local function unchecked(): string
  local user, err = pair(1)
  print(err)
  return user.name --! E0023
end
local function checked_wrongly(): string
  local user, err = pair(1)
  if not err then return user.name end
  return user.name --! E0023
end
local function falsy_part(name: string?, flag: boolean): string
  local a: string = name and "x" --! E0000
  local b: number = flag and 1 --! E0000
  local c: string = flag or "y" --! E0000
  return a .. b .. c
end
local function kinds(v: string | number | nil): string
  if type(v) == "number" then
    return v:upper() --! E0005
  elseif type(v) == "string" then
    return v + 1 --! E0019
  end
  return v --! E0000
end
local function shapes(s: Shape): number
  if s.kind == "circle" then return s.r end
  if s.kind == "square" then
    return s.r --! E0004
  end
  return s.w --! E0004
end
local function not_covered(s: Shape): number
  if s.kind == "circle" then return 1 elseif s.kind == "square" then return 2 end
end --! E0010
local function elements(users: {User}, i: integer, j: integer): string
  if users[i].parent then
    users[j].parent = nil
    return users[i].parent.name --! E0023
  end
  if users[j].parent then
    j = j + 1
    return users[j].parent.name --! E0023
  end
  return users[1].parent.name --! E0023
end
local function validated(v: unknown): string
  local user, err = User:is(v)
  if err then
    return user.name --! E0023
  end
  return v.name
end
local function captured(u: User?): () -> string
  local later = function() return u.name end --! E0023
  if u then print(later()) end
  return later
end
local function reset(u: User?): () -> string
  if not u then error("none") end
  local f = function() return u.name end --! E0023
  u = nil
  return f
end
local function asserted(u: User?): string
  assert(u == nil)
  return u.name --! E0023
end
print(taken_back, written_inside, by_a_loop, wrong_branch, negated, only_one, right_side, unchecked, checked_wrongly)
print(falsy_part, kinds, shapes, not_covered, elements, validated, captured, reset, asserted)
