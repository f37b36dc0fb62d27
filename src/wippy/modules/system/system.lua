-- The module system: what the VM of the caller knows best is taken from it in place.
local K, natives = ...
local raw = K.raw
local fn = natives.fn

local hosts, gc = {}, {}
local FEW = 2000 -- processes of the caller's own VM that are listed in place

function hosts.list() return fn._hosts_list(K.worker, K.vitals_here()) end

local function shown(rows, out)
  for _, row in raw.ipairs(rows) do
    for name, value in raw.next, row do
      if raw.mathtype(value) == "integer" then row[name] = value + 0.0 end
    end
    out[#out + 1] = row
  end
  return out
end

function hosts.processes(host_id)
  local numbers, err = fn._stations(host_id)
  if not numbers then return nil, err end
  local out, elsewhere = {}, {}
  for _, number in raw.ipairs(numbers) do
    if number == K.worker and K.vitals_here() <= FEW then
      local rows
      rows, err = K.inspect_here()
      if not rows then return nil, err end
      shown(rows, out)
    else
      elsewhere[#elsewhere + 1] = number
    end
  end
  if #elsewhere > 0 then
    local others
    others, err = fn._processes(elsewhere)
    if not others then return nil, err end
    shown(others, out)
  end
  return out, nil
end

function gc.collect()
  local ok, err = fn._collect()
  if ok then raw.collectgarbage("collect") end
  return ok, err
end

return { hosts = hosts, gc = gc }
