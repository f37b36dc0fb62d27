-- base64: long texts in pieces, so that others may run.
local K, natives = ...
local raw = K.raw
local rawtype, sub, find, concat = raw.type, raw.sub, raw.find, raw.concat
local fn = natives.fn

local PIECE = 3 * 65536 -- bytes; the groups of neither side are cut

local function in_pieces(convert, whole)
  return function(text)
    if rawtype(text) ~= "string" or #text <= 2 * PIECE then return convert(text) end
    local out, n = {}, 0
    for from = 1, #text, PIECE do
      local piece = sub(text, from, from + PIECE - 1)
      -- what no piece can tell is told by the whole
      if whole and from + PIECE <= #text and find(piece, "=", 1, true) then return convert(text) end
      local made, err = convert(piece)
      if err then return convert(text) end
      n = n + 1
      out[n] = made
      K.give_way()
    end
    return concat(out)
  end
end

return { encode = in_pieces(fn.encode, false), decode = in_pieces(fn.decode, true) }
