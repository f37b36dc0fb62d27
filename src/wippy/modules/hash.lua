-- hash: FNV-1, where integer arithmetic wraps as it must.
local K = ...
local raw = K.raw
local rawtype, byte, len, min = raw.type, raw.byte, raw.len, raw.math.min

local BLOCK = 128
local BLOCKS = 128 -- after which others may run

local function folded(data, start, prime, mask)
  if rawtype(data) ~= "string" then return K.fail("Invalid", "data must be a string") end
  local h, size, left = start, len(data), BLOCKS
  for from = 1, size, BLOCK do
    local block = { byte(data, from, min(from + BLOCK - 1, size)) }
    for i = 1, #block do h = (h * prime & mask) ~ block[i] end
    left = left - 1
    if left < 0 then
      left = BLOCKS
      K.give_way()
    end
  end
  return h, nil
end

return {
  fnv32 = function(data)
    local h, err = folded(data, 0x811c9dc5, 0x01000193, 0xffffffff)
    if err then return nil, err end
    return h + 0.0, nil
  end,
  fnv64 = function(data)
    local h, err = folded(data, 0xcbf29ce484222325, 0x00000100000001b3, -1)
    if err then return nil, err end
    -- An integer below zero stands for one above 2^63; halving it with its last bit kept rounds only once.
    return h >= 0 and h + 0.0 or ((h >> 1) | (h & 1)) * 2.0, nil
  end,
}
