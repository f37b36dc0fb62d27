-- channel.select: the first ready case in array order wins.
local K = ...
local raw = K.raw
local rawtype, rawlen = raw.type, raw.rawlen
local ready, park = K.ready, K.park
local keys = K.channel_keys
local HEAD, TAIL, CAP, CLOSED, FIRST = keys.head, keys.tail, keys.cap, keys.closed, keys.first
local SENDERS, PENDING, MORE = keys.senders, keys.pending, keys.more
local Case, CHANNEL, SEND, VALUE = K.Case, K.CASE_CHANNEL, K.CASE_SEND, K.CASE_VALUE

local function result(ch, value, ok) return { channel = ch, value = value, ok = ok } end

-- Whether a case can go on now without looking at messages that are still in the mailbox.
local function is_ready(case)
  local ch = case[CHANNEL]
  if case[SEND] then
    if ch[CLOSED] then return false end
    return ch[FIRST] ~= nil or ch[TAIL] - ch[HEAD] + 1 < ch[CAP]
  end
  return ch[TAIL] >= ch[HEAD] or ch[SENDERS] ~= nil or (ch[CLOSED] and not ch[PENDING])
end

local function withdraw(sel)
  local waiters = sel.waiters
  for i = 1, #waiters do
    local w = waiters[i]
    if w.value_case then K.channel_drop_sender(w.channel, w) else K.channel_drop_receiver(w.channel, w) end
  end
end

function K.select_complete(w, value, ok)
  local sel = w.select
  withdraw(sel)
  ready(sel.th, result(w.channel, value, ok))
end

-- The channel of a pending send case was closed.
function K.select_broken(w)
  withdraw(w.select)
  ready(w.select.th, K.SHUT)
end

function K.channel_select(cases, default)
  if rawtype(cases) ~= "table" or K.classof(cases) then K.badtype(1, "select", "table", cases, 2) end
  default = default == true or cases.default == true
  local list, n = {}, 0
  for i = 1, rawlen(cases) do
    local case = cases[i]
    if K.is(case, Case) then
      n = n + 1
      list[n] = case
    end
  end
  for i = 1, n do
    local case = list[i]
    if is_ready(case) then
      local ch = case[CHANNEL]
      if case[SEND] then
        K.channel_offer(ch, case[VALUE])
        return result(ch, case[VALUE], true)
      end
      local _, value, ok = K.channel_poll(ch)
      return result(ch, value, ok)
    end
  end
  -- messages in the mailbox go in the order they came
  local best, oldest
  for i = 1, n do
    local case = list[i]
    local pending = not case[SEND] and case[CHANNEL][PENDING]
    if pending then
      local sequence = raw.rawget(pending[pending.h], 5) or 0
      if not oldest or sequence < oldest then best, oldest = case, sequence end
    end
  end
  if best then
    local _, value, ok = K.channel_poll(best[CHANNEL])
    return result(best[CHANNEL], value, ok)
  end
  if default then return { default = true, ok = true } end
  local th = K.waiting_thread("channel.select")
  local sel = { th = th, waiters = {} }
  for i = 1, n do
    local case = list[i]
    local ch = case[CHANNEL]
    local w = { select = sel, channel = ch }
    if case[SEND] then
      if not ch[CLOSED] then
        w.value, w.value_case = case[VALUE], true
        local senders = ch[SENDERS]
        if senders then senders[#senders + 1] = w else ch[SENDERS] = { w } end
        sel.waiters[#sel.waiters + 1] = w
      end
    else
      if ch[FIRST] then K.channel_add_receiver(ch, w) else ch[FIRST] = w end
      sel.waiters[#sel.waiters + 1] = w
    end
  end
  if #sel.waiters == 0 then K.stuck(th) end
  local answer = park()
  if answer == K.SHUT then return nil, K.new_error("", "send on closed channel", false) end
  return answer
end
