local config = {}
config.name = "x"
local function setup()
  config.retries = 3
  config.hosts = {"a", "b"}
  config.nested = {deep = {value = 1}}
end
setup()
print(config.retries + 1, config.hosts[1]:upper(), config.nested.deep.value, config.missing)
local state = {count = 0, last = nil, items = {}}
state.last = "item"
state.items.x = 1
state.items[1] = "y"
state.extra = function(n) return n end
print(state.last:len(), state.extra(1), state.count + 1)
local result = {}
if state.count > 0 then result.positive = true else result.zero = true end
result.list = result.list or {}
result.list[#result.list + 1] = {id = 1}
print(result.positive, result.list[1].id, #result.list)
local hooks = {run = function(a: string) return a end, stop = print}
hooks.run("x")
hooks.run = function(a: number) return a end
hooks.run(1)
hooks.stop = function(a: number) return a end
hooks.stop("x")
local steps = {}
if state.count > 0 then
  steps.next = function(a: string) return a end
else
  steps.next = function(a: number) return a end
end
steps.next("x")
steps.back = function(a: string) return a end
steps.back, steps.again = print, print
steps.back(1)
function steps.go(a: string) return a end
for name in pairs(steps) do steps[name] = print end
steps.go(1)
local reply = {ok = true}
reply.error = nil
reply.data = reply.error or {value = 5}
return reply, config
