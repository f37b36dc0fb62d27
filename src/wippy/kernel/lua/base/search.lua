-- Search for a plain text. Plain Lua compares #s * #p bytes at worst, and nobody else runs meanwhile.
local K = ...
local raw = K.raw
local rfind, rsub, rbyte = raw.find, raw.sub, raw.byte

local WORK = 100000000 -- comparisons of one search of plain Lua: some milliseconds
local LONG = 2000      -- bytes of a text that is not looked for in windows

-- Windows in which plain Lua's search is cheap.
local function in_windows(s, p, at)
  local n, m = #s, #p
  local step = WORK // m
  while at + m - 1 <= n do
    local from = rfind(rsub(s, at, at + step + m - 2), p, 1, true)
    if from then return at + from - 1, at + from + m - 2 end
    at = at + step
    K.charge(step)
  end
end

-- Each byte of s once: after a difference the search goes on behind the longest beginning of p that is there already.
local function in_one_pass(s, p, at)
  local n, m = #s, #p
  local back = { 0 }
  local k = 0
  for i = 2, m do
    local b = rbyte(p, i)
    while k > 0 and rbyte(p, k + 1) ~= b do k = back[k] end
    if rbyte(p, k + 1) == b then k = k + 1 end
    back[i] = k
    if i & 1023 == 0 then K.charge(65536) end
  end
  k = 0
  for i = at, n do
    local b = rbyte(s, i)
    while k > 0 and rbyte(p, k + 1) ~= b do k = back[k] end
    if rbyte(p, k + 1) == b then k = k + 1 end
    if k == m then return i - m + 1, i end
    if i & 1023 == 0 then K.charge(65536) end
  end
end

-- As string.find(s, p, init, true).
function K.find_plain(s, p, init)
  local m = #p
  local left = #s - m
  if m < 2 or left * m <= WORK then return rfind(s, p, init, true) end
  if init < 0 then
    init = #s + init + 1
    if init < 1 then init = 1 end
  elseif init == 0 then
    init = 1
  end
  if m <= LONG then return in_windows(s, p, init) end
  return in_one_pass(s, p, init)
end
