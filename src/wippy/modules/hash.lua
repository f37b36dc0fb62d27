-- hash: FNV-1, where integer arithmetic wraps as it must.
local K, natives = ...
local raw = K.raw
local rawtype, byte, len, min, sub = raw.type, raw.byte, raw.len, raw.math.min, raw.sub
local fn = natives.fn

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

-- Long texts are taken in pieces, so that others may run.
local PIECE = 262144
local function in_pieces(data, name, secret, keep)
  local digest = fn._begin(name, secret)
  for from = 1, #data, PIECE do
    fn._take(digest, sub(data, from, from + PIECE - 1))
    K.give_way()
  end
  return fn._end(digest, keep)
end

local module = {
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

for _, name in raw.next, { "md5", "sha1", "sha256", "sha512" } do
  local plain, keyed = fn[name], fn["hmac_" .. name]
  module[name] = function(data, keep)
    if rawtype(data) ~= "string" or #data <= 2 * PIECE or K.workflow then return plain(data, keep) end
    return in_pieces(data, name, nil, keep)
  end
  module["hmac_" .. name] = function(data, secret, keep)
    if rawtype(data) ~= "string" or #data <= 2 * PIECE or rawtype(secret) ~= "string" or K.workflow then
      return keyed(data, secret, keep)
    end
    return in_pieces(data, name, secret, keep)
  end
end
return module
