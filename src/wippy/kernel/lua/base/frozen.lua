-- Frozen tables: the content stands in a hidden table, which must never reach user code.
local K = ...
local raw = K.raw
local setmt_any = raw.setmetatable_any
local rawtype, getmt, setmt, error, rawget, rawset, rawlen, next, sub =
  raw.type, raw.getmetatable, raw.setmetatable, raw.error, raw.rawget, raw.rawset, raw.rawlen, raw.next, raw.sub

local CONTENT = K.key("content")
K.CONTENT = CONTENT -- field of a metatable: the content of the frozen table that has it
-- Content -> its frozen table, for content that serves as a metatable.
local shells = setmt({}, { __mode = "k" })

-- Tables of user code that serve as metatables.
local metatables = setmt({}, { __mode = "k" })
K.user_metatables = metatables

local OPERATORS = { "__call", "__tostring", "__concat", "__eq", "__lt", "__le", "__unm", "__add", "__sub", "__mul",
  "__div", "__mod", "__pow", "__idiv", "__band", "__bor", "__bxor", "__bnot", "__shl", "__shr", "__mode" }

local function refuse() error("attempt to modify Immutable table", 2) end

function K.is_frozen(t)
  local mt = getmt(t)
  return mt ~= nil and rawget(mt, CONTENT) ~= nil
end

-- The content of a frozen table, else t itself.
function K.unfrozen(t)
  local mt = getmt(t)
  if mt then return rawget(mt, CONTENT) or t end
  return t
end

-- What user code may see of a table that serves as a metatable.
function K.shown_metatable(mt) return shells[mt] or mt end

-- Gives a table a metatable of user code without its `__gc`: a finalizer would run in the time of another process.
function K.set_unfinalized(t, mt)
  local gc = rawget(mt, "__gc")
  rawset(mt, "__gc", nil)
  setmt_any(t, mt)
  rawset(mt, "__gc", gc)
  return t
end

-- Makes a table immutable (shallow) and returns it. Objects and frozen tables stay as they are.
function K.freeze(t)
  local mt = getmt(t)
  if mt and (rawget(mt, CONTENT) or rawget(mt, K.CLASS)) then return t end
  local content = {}
  for k, v in next, t do content[k] = v end
  -- a table that is the metatable of others already must keep its metamethods
  local used = metatables[t]
  for k in next, content do
    if not used or rawtype(k) ~= "string" or sub(k, 1, 2) ~= "__" then rawset(t, k, nil) end
  end
  local marks = K.hash_marks
  if marks and marks[t] then marks[content] = true end
  local shell_mt = {
    [CONTENT] = content,
    __metatable = false,
    __index = content,
    __newindex = refuse,
    __len = function() return rawlen(content) end,
    __pairs = function(shell) return K.base.next, shell, nil end,
  }
  if mt then
    for i = 1, #OPERATORS do
      local name = OPERATORS[i]
      shell_mt[name] = rawget(mt, name)
    end
    local len = rawget(mt, "__len")
    if len then shell_mt.__len = len end
    K.set_unfinalized(content, mt)
  end
  shells[content] = t
  return setmt_any(t, shell_mt)
end

-- A library: frozen, its functions known by their names in error messages.
function K.library(functions)
  local names = K.function_names
  for name, value in next, functions do
    if rawtype(value) == "function" then names[value] = name end
  end
  return K.freeze(functions)
end

-- A value that ends a unit can reach a handler of user code: nothing can be written into it.
K.freeze(K.PARK)
K.freeze(K.KILL)
