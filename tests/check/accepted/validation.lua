type Email = string @pattern("^[^@]+@[^@]+$")
type Signup = {email: Email, age: integer @min(18), name: string @min_len(1) @max_len(20), plan: "free" | "pro", tags: {string}?}
local function signup(body: any): (Signup?, error?)
  local form, err = Signup:is(body)
  if err then
    local d = err:details()
    return nil, errors.new({kind = errors.INVALID, message = d.field .. ": " .. tostring(err)})
  end
  return form
end
local function strict(body: unknown): Signup
  return Signup(body)
end
local function quick(body: unknown): string
  if not Signup:is(body) then return "bad" end
  local form = Signup(body)
  return form.email:lower() .. form.plan
end
local function fields(): {string}
  local out: {string} = {}
  for name, ft in Signup:fields() do out[#out + 1] = name .. ": " .. tostring(ft) end
  return out
end
local ok = integer:is(3)
local n, why = number:is("x")
if why then print("no number", why) else print(n + 1) end
print(signup({}), quick({}), fields(), ok, string(5), integer(3) + 1, Signup:kind(), Signup:name(), Signup.email)
local types = {string = Email, signup = Signup}
print(types.signup:is({}), strict({email = "a@b"}).age + 1)
local Box = Signup
print(Box:is({}), Signup == Box)
type Wrapper<T> = {value: T}
local W = Wrapper(string)
print(W:is({value = "x"}), W({value = "x"}))
return {Signup = Signup, Email = Email}
