-- expr: a program is its text; what is compiled stays with the host.
local K, natives = ...
local raw = K.raw
local rawtype, setmt = raw.type, raw.setmetatable
local compile, run = natives.fn._compile, natives.fn._run

local TEXT = K.key("expression")
local methods = {}
local Program = K.class({ name = "expr.Program", methods = methods })
natives.methods["expr.Program"] = methods

local function text_of(value, name)
  local t = rawtype(value)
  if t == "string" then return value end
  if t == "number" then return K.text(value) end
  K.badtype(1, name, "string", value, 3)
end

-- The variables as plain data: value | nil, err.
local function variables(env, n, name)
  if env == nil then return nil end
  if K.typeof(env) ~= "table" then K.badtype(n, name, "table", env, 3) end
  local value, err = K.plain(env)
  if err then
    local _, message = K.error_parts(err)
    return nil, K.new_error("Internal", "failed to convert environment: " .. message, false)
  end
  return value
end

local expr = {}

function expr.eval(text, env)
  text = text_of(text, "eval")
  local vars, err = variables(env, 2, "eval")
  if err then return nil, err end
  return run(text, vars)
end

function expr.compile(text, env)
  text = text_of(text, "compile")
  local vars, err = variables(env, 2, "compile")
  if err then return nil, err end
  local ok
  ok, err = compile(text, vars)
  if not ok then return nil, err end
  return setmt({ [TEXT] = text }, Program), nil
end

function methods.run(self, env)
  if not K.is(self, Program) then K.badtype(1, "run", "expr.Program", self, 2) end
  local vars, err = variables(env, 1, "run")
  if err then return nil, err end
  return run(self[TEXT], vars)
end

return expr
