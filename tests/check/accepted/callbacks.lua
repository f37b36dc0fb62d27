type Handler = (req: {path: string, params: {[string]: string}}, res: any) -> (boolean, string?)
type Route = {path: string, handler: Handler, middleware: {Handler}?}
local routes: {Route} = {}
local function route(path: string, handler: Handler, ...: Handler)
  routes[#routes + 1] = {path = path, handler = handler, middleware = {...}}
end
route("/a", function(req, res)
  res:write(req.path:upper())
  return true
end)
route("/b", function(req) return false, req.params.id end, function() return true end)
route("/c", function() return true, nil end)
local function named(req, res) return res ~= nil and req.path == "/" end
route("/d", named)
local function dispatch(req, res): boolean
  for _, r in ipairs(routes) do
    if r.path == req.path then
      for _, m in ipairs(r.middleware or {}) do
        local ok, why = m(req, res)
        if not ok then print(why) return false end
      end
      local ok = r.handler(req, res)
      return ok
    end
  end
  return false
end
local function map(list, f) local out = {} for i, v in ipairs(list) do out[i] = f(v, i) end return out end
print(map({1, 2}, function(v) return v * 2 end)[1], dispatch({path = "/"}, {}))
local sorted = {3, 1, 2}
table.sort(sorted)
table.sort(sorted, function(a, b) return a > b end)
local timers: {[string]: fun(): ()} = {}
timers.a = function() print("tick") end
for _, f in pairs(timers) do f() end
local curry: (number) -> (number) -> number = function(a) return function(b) return a + b end end
print(curry(1)(2))
local memo: {[string]: any} = {}
local function memoize(f: (string) -> any): (string) -> any
  return function(key)
    memo[key] = memo[key] or f(key)
    return memo[key]
  end
end
print(memoize(function(k) return #k end)("x"))
