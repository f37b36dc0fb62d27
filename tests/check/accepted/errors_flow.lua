type Fail = {code: integer, text: string}
local function risky(n: number): number
  if n < 0 then error({code = 1, text = "negative"}) end
  if n > 10 then error(errors.new({kind = errors.INVALID, message = "too big", details = {n = n}, retryable = false})) end
  return n * 2
end
local ok, result = pcall(risky, 5)
if ok then print(result + 1) else print(result.code, result) end
local ok2, e = pcall(risky, 50)
if not ok2 then
  if type(e) == "userdata" then
    print(e:kind(), e:message(), e:retryable(), (e:details() or {}).n, e:stack())
  elseif type(e) == "table" then
    print(e.code + 1, e.text:upper())
  else
    print("text: " .. e)
  end
end
local function protect(f, ...)
  local results = {pcall(f, ...)}
  if not results[1] then return nil, errors.wrap(results[2], "protect") end
  return unpack(results, 2)
end
local v, err = protect(risky, 1)
if err then print(err:kind() == errors.INTERNAL, errors.is(err, errors.INVALID), "x: " .. err) else print(v) end
local function chain(): (string?, error?)
  local _, inner = protect(risky, -1)
  if inner then return nil, inner end
  return "ok"
end
local function ignore() local value = chain() return value or "default" end
local value, cerr = chain()
assert(cerr == nil, "failed: " .. tostring(cerr))
print(value:upper(), ignore():upper())
local name = assert(chain(), "no value")
print(name:len())
local function finally(f: () -> (), after: () -> ())
  local fine, why = xpcall(f, function(m) return errors.wrap(m, "x") end)
  after()
  if not fine then error(why, 0) end
end
finally(function() end, function() print("after") end)
local function result_or(message: string?): (string, error?)
  if message then return "", errors.new(message) end
  return "fine"
end
local text, problem = result_or()
if problem ~= nil then return nil, problem end
return text:upper()
