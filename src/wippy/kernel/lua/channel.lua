-- Channels: buffered and unbuffered, and the mailbox side of subscribed ones.
local K = ...
local raw = K.raw
local setmt, getmt, error, mathtype, rawtype = raw.setmetatable, raw.getmetatable, raw.error, raw.mathtype, raw.type
local remove = raw.remove
local ready, park, S = K.ready, K.park, K.state
local waiting_thread = K.waiting_thread
local coyield, coisyieldable, PARK = raw.coyield, raw.coisyieldable, K.PARK

-- head, tail: buffer positions under positive integers; first: the first waiting receiver, more: the others;
-- senders: waiting senders; pending: messages that wait in the mailbox; convert: message -> value
local HEAD, TAIL, CAP, CLOSED = K.key("head"), K.key("tail"), K.key("cap"), K.key("closed")
local FIRST, MORE, SENDERS = K.key("first"), K.key("more"), K.key("senders")
local PENDING, RAW, TOPIC, SLOTS = K.key("pending"), K.key("raw"), K.key("topic"), K.key("slots")
K.channel_keys = { head = HEAD, tail = TAIL, cap = CAP, closed = CLOSED, first = FIRST, more = MORE,
  senders = SENDERS, pending = PENDING, raw = RAW, topic = TOPIC, slots = SLOTS }

local SHUT = {} -- wakes a receiver of a closed channel
K.SHUT = SHUT
local message_value = K.message_value

local methods = {}
local Channel = K.class({ name = "channel.Channel", methods = methods, newindex = false })
K.Channel = Channel

function K.channel_new(capacity) return setmt({ [CAP] = capacity, [HEAD] = 1, [TAIL] = 0 }, Channel) end

-- A waiter is a thread (plain receive) or a case of a select: {select=, index=, channel=}.
local function next_receiver(ch)
  local w = ch[FIRST]
  if not w then return nil end
  local more = ch[MORE]
  if more then
    ch[FIRST] = remove(more, 1)
    if not more[1] then ch[MORE] = nil end
  else
    ch[FIRST] = nil
  end
  return w
end

local function add_receiver(ch, w)
  if not ch[FIRST] then
    ch[FIRST] = w
  else
    local more = ch[MORE]
    if more then more[#more + 1] = w else ch[MORE] = { w } end
  end
end
K.channel_add_receiver = add_receiver

local function drop_waiter(ch, w, key)
  if key == FIRST and ch[FIRST] == w then
    next_receiver(ch)
    return
  end
  local list = ch[key == FIRST and MORE or SENDERS]
  if list then
    for i = 1, #list do
      if list[i] == w then
        remove(list, i)
        break
      end
    end
    if not list[1] then ch[key == FIRST and MORE or SENDERS] = nil end
  end
end
function K.channel_drop_receiver(ch, w) drop_waiter(ch, w, FIRST) end
function K.channel_drop_sender(ch, w) drop_waiter(ch, w, SENDERS) end

-- Gives a value to a waiting receiver.
local function wake(ch, w, value, ok)
  if w.co then
    if value == nil then
      ready(w, ok and K.VOID or SHUT)
    elseif ok then
      ready(w, value)
    else
      ready(w, SHUT)
    end
  else
    K.select_complete(w, value, ok)
  end
end
K.VOID = {} -- a received nil
local VOID = K.VOID

local function put(ch, value)
  local slots = ch[SLOTS]
  if not slots then
    slots = {}
    ch[SLOTS] = slots
  end
  local n = ch[TAIL] + 1
  ch[TAIL] = n
  if value == nil then value = VOID end
  slots[n] = value
end

local function take(ch)
  local head, slots = ch[HEAD], ch[SLOTS]
  local value = slots[head]
  slots[head] = nil
  if head == ch[TAIL] then
    ch[HEAD], ch[TAIL] = 1, 0
  else
    ch[HEAD] = head + 1
  end
  if value == VOID then return nil end
  return value
end

-- Messages: hands one to the channel, whatever its capacity.
function K.channel_message(ch, m)
  local w = ch[FIRST]
  if w then
    if not ch[MORE] and w.co then
      ch[FIRST] = nil
      if ch[RAW] then
        local v = message_value(m)
        ready(w, v == nil and VOID or v)
      else
        ready(w, m)
      end
      return
    end
    next_receiver(ch)
    local v = m
    if ch[RAW] then v = message_value(m) end
    wake(ch, w, v, true)
    return
  end
  local cap = ch[CAP]
  local pending = ch[PENDING]
  if cap > 0 and not pending and ch[TAIL] - ch[HEAD] + 1 < cap then
    if ch[RAW] then put(ch, message_value(m)) else put(ch, m) end
    return
  end
  if not pending then
    pending = { h = 1, n = 0 }
    ch[PENDING] = pending
  end
  local n = pending.n + 1
  pending.n = n
  pending[n] = m
end

local function next_pending(ch, pending)
  local h = pending.h
  local m = pending[h]
  pending[h] = nil
  if h == pending.n then
    ch[PENDING] = nil
  else
    pending.h = h + 1
  end
  return m
end

local function convert(ch, m)
  if ch[RAW] then return message_value(m) end
  return m
end

-- After room has become free: a waiting sender or a waiting message moves up.
local function refill(ch)
  local senders = ch[SENDERS]
  if senders then
    local w = remove(senders, 1)
    if not senders[1] then ch[SENDERS] = nil end
    put(ch, w.value)
    K.sender_done(w)
    return
  end
  local pending = ch[PENDING]
  if pending then put(ch, convert(ch, next_pending(ch, pending))) end
end

-- A value that is there now: found, value, ok.
function K.channel_poll(ch)
  if ch[TAIL] >= ch[HEAD] then
    local v = take(ch)
    refill(ch)
    return true, v, true
  end
  local pending = ch[PENDING]
  if pending then return true, convert(ch, next_pending(ch, pending)), true end
  local senders = ch[SENDERS]
  if senders then
    local w = remove(senders, 1)
    if not senders[1] then ch[SENDERS] = nil end
    local v = w.value
    K.sender_done(w)
    return true, v, true
  end
  if ch[CLOSED] then return true, nil, false end
  return false
end
local poll = K.channel_poll

local function receive(ch)
  if getmt(ch) ~= Channel then K.badtype(1, "receive", "channel", ch, 2) end
  local pending = ch[PENDING]
  if ch[CAP] ~= 0 or ch[SENDERS] or ch[CLOSED] then
    local found, v, ok = poll(ch)
    if found then return v, ok end
  elseif pending then
    -- the usual case: an inbox with messages
    local m = next_pending(ch, pending)
    if ch[RAW] then return message_value(m), true end
    return m, true
  end
  local th = S.cur
  if th.loading or not coisyieldable() then waiting_thread("channel receive") end
  if not ch[FIRST] then ch[FIRST] = th else add_receiver(ch, th) end
  local v = coyield(PARK)
  if v == SHUT then return nil, false end
  if v == VOID then return nil, true end
  return v, true
end
methods.receive = receive

function K.sender_done(w)
  if w.th then ready(w.th, true) else K.select_complete(w, w.value, true) end
end

-- Without waiting: true if a receiver took the value or the buffer had room.
function K.channel_offer(ch, value)
  if ch[CLOSED] then return false end
  local w = next_receiver(ch)
  if w then
    wake(ch, w, value, true)
    return true
  end
  if ch[TAIL] - ch[HEAD] + 1 < ch[CAP] then
    put(ch, value)
    return true
  end
  return false
end

function methods.send(ch, ...)
  if not K.is(ch, Channel) then K.badtype(1, "send", "channel", ch, 2) end
  if raw.select("#", ...) == 0 then K.badarg(2, "send", "value expected", 2) end
  local value = ...
  if ch[CLOSED] then error("send on closed channel", 2) end
  if K.channel_offer(ch, value) then return true end
  local th = waiting_thread("channel send")
  local senders = ch[SENDERS]
  if not senders then
    senders = {}
    ch[SENDERS] = senders
  end
  senders[#senders + 1] = { th = th, value = value }
  if park() == SHUT then return nil, K.new_error("", "send on closed channel", false) end
  return true
end

function K.channel_is_closed(ch) return ch[CLOSED] end

-- Closes and wakes whoever waits: senders first, then receivers. Returns whether anybody did.
function K.channel_close(ch)
  if ch[CLOSED] then return false end
  ch[CLOSED] = true
  local woken = false
  local senders = ch[SENDERS]
  if senders then
    ch[SENDERS] = nil
    for i = 1, #senders do
      woken = true
      local w = senders[i]
      if w.th then ready(w.th, SHUT) else K.select_broken(w) end
    end
  end
  local w = next_receiver(ch)
  while w do
    woken = true
    wake(ch, w, nil, false)
    w = next_receiver(ch)
  end
  return woken
end

function methods.close(ch)
  if not K.is(ch, Channel) then K.badtype(1, "close", "channel", ch, 2) end
  local topic = ch[TOPIC]
  if topic then K.subscription_closed(ch) end
  if K.channel_close(ch) then
    local th = S.cur
    if raw.coisyieldable() and not th.loading then
      ready(th)
      park()
    end
  end
end

-- Case objects of select.
local CASE_CHANNEL, CASE_SEND, CASE_VALUE = K.key("case channel"), K.key("case send"), K.key("case value")
local Case = K.class({ name = "channel.SelectCase" })
K.Case, K.CASE_CHANNEL, K.CASE_SEND, K.CASE_VALUE = Case, CASE_CHANNEL, CASE_SEND, CASE_VALUE

function methods.case_receive(ch)
  if not K.is(ch, Channel) then K.badtype(1, "case_receive", "channel", ch, 2) end
  return setmt({ [CASE_CHANNEL] = ch }, Case)
end

function methods.case_send(ch, value)
  if not K.is(ch, Channel) then K.badtype(1, "case_send", "channel", ch, 2) end
  return setmt({ [CASE_CHANNEL] = ch, [CASE_SEND] = true, [CASE_VALUE] = value }, Case)
end

-- channel.new
function K.channel_make(size)
  if size == nil then return K.channel_new(0) end
  if rawtype(size) ~= "number" then K.badtype(1, "new", "number", size, 2) end
  size = mathtype(size) == "integer" and size or raw.floor(size)
  return K.channel_new(size > 0 and size or 0)
end
