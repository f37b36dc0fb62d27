interface Storage
  function get(key: string): (string?, error?)
  function put(key: string, value: string): boolean
end
interface Closable
  function close()
end
interface File: Closable
  function read(n: integer?): string?
end
type Logger = interface { info: (string) -> (), level: string }

local Memory = {}
Memory.__index = Memory
function Memory.new(): Storage
  return setmetatable({data = {}}, Memory)
end
function Memory:get(key: string): (string?, error?) return self.data[key] end
function Memory:put(key: string, value: string): boolean
  self.data[key] = value
  return true
end

local function copy(from: Storage, to: Storage, keys: {string}): integer
  local n = 0
  for _, key in ipairs(keys) do
    local value, err = from:get(key)
    if err then error(err) end
    if value then
      to:put(key, value)
      n = n + 1
    end
  end
  return n
end
local function drain(file: File): string
  local out = ""
  while true do
    local part = file:read(10)
    if not part then break end
    out = out .. part
  end
  file:close()
  return out
end
local logger: Logger = {info = function(text) print(text) end, level = "x"}
logger.info("a")
local chunks = {"a", "b"}
print(drain({read = function() return table.remove(chunks) end, close = function() end}), logger.level)
print(copy(Memory.new(), Memory.new(), {"a"}))
