-- PIDs: {node@host|uniq}.
local K = ...
local raw = K.raw
local format, sub, byte = raw.format, raw.sub, raw.byte
local find = raw.find

local prefix = ""
local next_id, last_id = 1, 0

-- host: the full host part, node included where there is one.
function K.pid_setup(node, host) prefix = "{" .. node .. "@" .. host .. "|" end

local function unique()
  if next_id > last_id then next_id, last_id = K.host.pid_block() end
  local n = next_id
  next_id = n + 1
  if n < 0x100000 then return format("0x%05x", n) end
  if n < 0x1000000 then return format("0x%06x", n) end
  if n < 0x100000000 then return format("0x%08x", n) end
  return format("0x%016x", n)
end

function K.new_pid() return prefix .. unique() .. "}" end

-- The PID of a function call, made when it is first asked for.
function K.new_call_pid(id) return "{" .. K.node .. "@" .. id .. "#lua." .. K.worker .. "|" .. unique() .. "}" end

-- Whether a text has the form of a PID; else a reason.
function K.pid_check(text)
  local n = #text
  if n < 3 or byte(text, 1) ~= 123 or byte(text, n) ~= 125 then return false, "invalid pid format: missing braces" end
  if not find(text, "|", 1, true) then return false, "invalid pid format: missing pipe" end
  return true
end

-- node (or nil), host, uniq.
function K.pid_parts(text)
  local bar = find(text, "|", 1, true)
  local where = sub(text, 2, bar - 1)
  local uniq = sub(text, bar + 1, -2)
  local second = find(uniq, "|", 1, true)
  if second then uniq = sub(uniq, second + 1) end
  local at = find(where, "@", 1, true)
  if at then return sub(where, 1, at - 1), sub(where, at + 1), uniq end
  return nil, where, uniq
end
