-- Where the code of this VM uses up its turns. The counter of reductions goes on from turn to turn, so code that runs in
-- many short turns is met as often as it deserves.
local K = ...
local raw = K.raw
local getinfo, sub, concat = raw.getinfo, raw.sub, raw.concat
local S, views = K.state, K.views

local FRAMES = 40
local STACKS = 10000 -- different ones kept; the rest counts under "..."

local stacks, kept = {}, 0
local ends = nil -- monotonic time after which nobody is still interested

-- The running thread has used up `limit` reductions.
local function note(th, limit)
  if K.monotonic() > ends then
    S.profile, stacks, kept = nil, {}, 0
    return
  end
  local out, n = {}, FRAMES
  for level = 2, 4 * FRAMES do
    local info = getinfo(level, "Sl")
    if not info or n == 0 then break end
    if not K.is_ours(info.source) then
      out[n] = sub(info.source, 2) .. ":" .. info.currentline
      n = n - 1
    end
  end
  local stack = n < FRAMES and concat(out, ";", n + 1, FRAMES) or th.p.unit.id
  if not stacks[stack] then
    if kept >= STACKS then stack = "..." else kept = kept + 1 end
  end
  stacks[stack] = (stacks[stack] or 0) + limit
end

-- profile: nanoseconds for which to look, or 0 to be told what was found: stack (outermost first) -> reductions.
function views.profile(e)
  if e[5] > 0 then
    stacks, kept, ends = {}, 0, K.monotonic() + e[5]
    S.profile = note
    K.reply(e, true)
  else
    S.profile = nil
    K.reply(e, true, stacks)
    stacks, kept = {}, 0
  end
end
