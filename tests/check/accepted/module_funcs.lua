-- modules: funcs ctx security time
local funcs, ctx, security = require("funcs"), require("ctx"), require("security")
type Quote = {price: number, currency: string}
local function quote(item: string): (Quote?, error?)
  local result, err = funcs.call("app:quote", item, {qty = 1}, nil)
  if err then return nil, err end
  return result
end
local function parallel(items: {string}): {Quote}
  local futures = {}
  for i, item in ipairs(items) do
    futures[i] = assert(funcs.async("app:quote", item))
  end
  local out: {Quote} = {}
  for _, f in ipairs(futures) do
    local value, ok = f:response():receive()
    if ok then out[#out + 1] = value:data() end
    local res, err = f:result()
    if err then f:cancel() else print(res:data().price) end
  end
  return out
end
local caller = funcs.new():with_context({tenant = "a"}):with_options({timeout = "5s"})
local actor = security.actor()
if actor then print(actor:id(), actor:meta().role) end
local scope = security.new_scope({security.policy("app:read")})
if security.can("read", "doc:1", {owner = "x"}) then caller = caller:with_scope(scope):with_actor(security.new_actor("u", {a = 1})) end
local value, err = caller:call("app:quote", "x")
if err and err:retryable() then value = caller:call("app:quote", "x") end
local tenant: string = ctx.get("tenant") or "none"
for k, v in pairs(ctx.all() or {}) do print(k, v) end
print(quote("a"), #parallel({"a"}), value.price + 1, tenant:upper())
