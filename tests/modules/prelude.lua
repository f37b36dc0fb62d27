-- The least kernel that modules need: the parts of the kernel table that they use, without processes.
local host, object_chunk, codec_chunk, binder_chunk, workflow = ...
local K = { base = {}, modules = {}, host = host, workflow = workflow }
local raw = {}
for _, library in ipairs { string, table, math, coroutine } do
  for name, value in pairs(library) do raw[name] = value end
end
raw.unpack_string, raw.tunpack, raw.tpack, raw.tmove = string.unpack, table.unpack, table.pack, table.move
raw.pack, raw.unpack = string.pack, nil
raw.coisyieldable = coroutine.isyieldable
raw.string, raw.table, raw.math, raw.os, raw.utf8 = string, table, math, os, utf8
for _, name in ipairs { "collectgarbage", "type", "next", "pairs", "rawget", "rawset", "rawlen", "error", "pcall", "xpcall", "select", "tostring", "tonumber", "load" } do
  raw[name] = _G[name]
end
raw.mathtype, raw.utf8len, raw.getinfo, raw.traceback = math.type, utf8.len, debug.getinfo, debug.traceback
raw.setmetatable, raw.getmetatable, raw.setmetatable_any = setmetatable, debug.getmetatable, debug.setmetatable
K.raw = raw
object_chunk(K)
K.text = tostring

local PARTS = K.key("parts")
local ErrorObject
local err_methods = {}
for i, name in ipairs { "kind", "message", "retryable", "details", "context" } do
  err_methods[name] = function(e) return e[PARTS][i] end
end
ErrorObject = K.class { name = "error", methods = err_methods, tostring = function(e) return e[PARTS][2] end }
K.error_class = ErrorObject
function K.new_error(...) return setmetatable({ [PARTS] = { ... } }, ErrorObject) end
function K.is_error(v) return K.is(v, ErrorObject) end
function K.error_parts(e) return table.unpack(e[PARTS], 1, 5) end
function K.fail(kind, message, details, retryable) return nil, K.new_error(kind, message, retryable or false, details) end

local content = setmetatable({}, { __mode = "k" })
function K.freeze(t)
  local proxy = setmetatable({}, { __index = t, __newindex = function() error("attempt to modify Immutable table", 2) end, __len = function() return #t end, __pairs = function() return next, t, nil end })
  content[proxy] = t
  return proxy
end
function K.unfrozen(t) return content[t] or t end
codec_chunk(K)

function K.give_way() return 2000 end
function K.command(name, ...) return coroutine.yield(name, ...) end

local VALUE, FORMAT = K.key("value"), K.key("format")
K.PAYLOAD_VALUE, K.PAYLOAD_FORMAT = VALUE, FORMAT
local payload_methods = {
  get_format = function(p) return p[FORMAT] or "lua/any" end,
  data = function(p)
    if p[FORMAT] then return K.payload_decode(p) end
    return p[VALUE]
  end,
  transcode = function(p, format) return K.payload_transcode(p, format) end,
}
K.Payload = K.class { name = "payload.Payload", methods = payload_methods, tostring = function(p) return "payload{format=" .. (p[FORMAT] or "lua/any") .. "}" end }
function K.payload(value, format) return setmetatable({ [VALUE] = value, [FORMAT] = format }, K.Payload) end

binder_chunk(K)

local env = setmetatable({ type = K.typeof }, { __index = _G })
env.require = function(name) return K.modules[name] or error("module '" .. name .. "' not found", 2) end
env.K = K
local threads = {}
-- start(source) -> id, or nil and why; step(id, ...) -> "done", packed results | "failed", text | "command", name, ...
local function start(source)
  local chunk, why = load(source, "=test", "t", env)
  if not chunk then return nil, why end
  threads[#threads + 1] = coroutine.create(chunk)
  return #threads
end
local function answer(co, ok, ...)
  if not ok then return "failed", tostring((...)) end
  if coroutine.status(co) == "dead" then return "done", K.pack(...) end
  return "command", ...
end
return start, function(id, ...) return answer(threads[id], coroutine.resume(threads[id], ...)) end
