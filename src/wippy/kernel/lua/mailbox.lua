-- Mailboxes: messages on their way from a topic to the channel that is subscribed to it.
--
-- A unit has p.inbox (channel of the inbox topic), p.topics (topic -> channel), p.unrouted (messages without a
-- subscription). Messages of a subscribed channel that nobody has taken wait in the channel's own pending list.
local K = ...
local raw = K.raw
local setmt, byte = raw.setmetatable, raw.byte
local keys = K.channel_keys
local PENDING, RAW, TOPIC = keys.pending, keys.raw, keys.topic
local FIRST, MORE = keys.first, keys.more
local SEVERAL = K.key("several") -- the channel takes several topics; TOPIC is the latest
local channel_message, Message, ready_soon, rawget = K.channel_message, K.Message, K.ready_soon, raw.rawget
local S = K.state

local INBOX, EVENTS = "@pid/inbox", "@pid/events"
K.TOPIC_INBOX, K.TOPIC_EVENTS = INBOX, EVENTS
local sequence = 0
local delivered = 0 -- messages of user code

local function keep(p, m)
  local list = p.unrouted
  if not list then
    list = { h = 1, n = 0 }
    p.unrouted = list
  end
  local n = list.n + 1
  list.n = n
  list[n] = m
end

-- A message of user code; false if the mailbox is full.
local function deliver(p, topic, from, value, count)
  local max = S.max_mailbox
  if max and K.mailbox_length(p) >= max then return false end
  delivered = delivered + 1
  local topics, ch = p.topics, p.inbox
  if ch and not topics and count == 1 then
    -- the usual case: nothing but an inbox, so the order among channels is no question
    local m = setmt({ topic, from, value }, Message)
    local th = ch[FIRST]
    if th and th.co and not ch[MORE] and not ch[RAW] then
      ch[FIRST] = false
      ready_soon(th, m)
    else
      channel_message(ch, m)
    end
    return true
  end
  sequence = sequence + 1
  local m = setmt({ topic, from, value, count, sequence }, Message)
  if topics then ch = topics[topic] or ch end
  if ch then
    channel_message(ch, m)
  else
    keep(p, m)
  end
  return true
end
K.deliver = deliver
function K.messages_delivered() return delivered end

-- Topics of one subscription each: once it is closed, nobody can ask for their messages again.
local function is_feed(topic) return raw.sub(topic, 1, 8) == "@events/" end

-- A message of the runtime to a topic that begins with `@`: never falls to the inbox.
function K.deliver_system(p, topic, value)
  sequence = sequence + 1
  local m = setmt({ topic, "", value, 1, sequence }, Message)
  local topics = p.topics
  local ch = topics and topics[topic]
  if ch then
    channel_message(ch, m)
  elseif not is_feed(topic) then
    keep(p, m)
  end
end

-- The value of a message of the runtime that waits for its channel and has this kind, or nil.
function K.waiting_event(p, kind)
  local function look(list)
    if not list then return nil end
    for i = list.h, list.n do
      local m = list[i]
      local value = m[1] == EVENTS and m[3]
      if value and value.kind == kind then return value end
    end
  end
  local ch = p.topics and p.topics[EVENTS]
  return look(p.unrouted) or look(ch and ch[PENDING])
end

-- How many messages wait in the mailbox of a unit.
function K.mailbox_length(p)
  local total = 0
  local list = p.unrouted
  if list then total = list.n - list.h + 1 end
  local function count(ch)
    local pending = ch and ch[PENDING]
    if pending then total = total + pending.n - pending.h + 1 end
  end
  count(p.inbox)
  for topic, ch in raw.next, p.topics or {} do
    if ch ~= p.inbox and ch[TOPIC] == topic then count(ch) end
  end
  return total
end

-- Moves the waiting messages for which `wanted` holds out of a list.
local function extract(list, wanted)
  local out, kept, n = {}, 0, 0
  for i = list.h, list.n do
    local m = list[i]
    if wanted(m) then
      n = n + 1
      out[n] = m
    else
      kept = kept + 1
      list[list.h + kept - 1] = m
    end
  end
  for i = list.h + kept, list.n do list[i] = nil end
  list.n = list.h + kept - 1
  return out, n
end

local function bind(p, topic, ch)
  if ch[TOPIC] then ch[SEVERAL] = true end
  ch[TOPIC] = topic
  if topic == INBOX then p.inbox = ch end
  local topics = p.topics
  if topic ~= INBOX or topics then
    if not topics then
      topics = {}
      p.topics = topics
    end
    topics[topic] = ch
  end
  local wanted
  if topic == INBOX then
    wanted = function(m) return byte(m[1], 1) ~= 64 end
  else
    wanted = function(m) return m[1] == topic end
  end
  local list = p.unrouted
  if list then
    local out, n = extract(list, wanted)
    if list.n < list.h then p.unrouted = nil end
    for i = 1, n do channel_message(ch, out[i]) end
  end
  -- a message that waits for the inbox goes to the topic that is listened to before it is delivered
  local inbox = p.inbox
  local pending = inbox and inbox ~= ch and inbox[PENDING]
  if pending and topic ~= INBOX then
    local out, n = extract(pending, wanted)
    if pending.n < pending.h then inbox[PENDING] = nil end
    for i = 1, n do channel_message(ch, out[i]) end
  end
end

-- The channel of a topic, made at the first use. capacity and raw count then.
function K.subscribe(p, topic, capacity, is_raw)
  local ch
  if topic == INBOX then ch = p.inbox else ch = p.topics and p.topics[topic] end
  if ch then return ch end
  ch = K.channel_new(capacity)
  if is_raw then ch[RAW] = true end
  bind(p, topic, ch)
  return ch
end

-- A topic becomes one of Message objects.
function K.subscribe_messages(ch) ch[RAW] = nil end

-- An existing channel takes the messages of a topic. Returns false if another one does.
function K.route(p, topic, ch)
  local held
  if topic == INBOX then held = p.inbox else held = p.topics and p.topics[topic] end
  if held then return held == ch end
  ch[RAW] = true
  bind(p, topic, ch)
  return true
end

local function forget(ch)
  local p = S.cur.p
  local topic = ch[TOPIC]
  if not topic then return nil end
  local held
  if topic == INBOX then held = p.inbox else held = p.topics and p.topics[topic] end
  if held ~= ch then return nil end
  ch[TOPIC] = nil
  if p.inbox == ch then p.inbox = nil end
  local topics = p.topics
  if topics then
    topics[topic] = nil
    if ch[SEVERAL] then
      for other, c in raw.next, topics do
        if c == ch then topics[other] = nil end
      end
    end
  end
  return p
end

-- User code closed the channel: the subscription goes, and what waits for it stays in the mailbox.
local function unsubscribe(ch)
  local p = forget(ch)
  if not p then return false end
  local pending = ch[PENDING]
  ch[PENDING] = nil
  if pending then
    for i = pending.h, pending.n do
      local m = pending[i]
      local inbox = byte(m[1], 1) ~= 64 and p.inbox
      if inbox then
        channel_message(inbox, m)
      elseif not is_feed(m[1]) then
        keep(p, m)
      end
    end
  end
  return true
end
K.subscription_closed = unsubscribe

function K.unsubscribe(ch)
  if not unsubscribe(ch) then return false end
  K.channel_close(ch)
  return true
end

function K.inbox(p) return p.inbox or K.subscribe(p, INBOX, 0) end
function K.events(p) return K.subscribe(p, EVENTS, 0, true) end

-- Gives up all subscriptions; messages not yet handed to a channel's buffer wait again, in the order they came.
function K.mailbox_keep(p)
  local all, n = {}, 0
  local came, place = {}, {} -- message -> sequence, where it has none that of the one before it; message -> index
  local function take(list)
    if not list then return end
    local last = 0
    for i = list.h, list.n do
      local m = list[i]
      n = n + 1
      all[n] = m
      last = rawget(m, 5) or last
      came[m], place[m] = last, n
    end
  end
  take(p.unrouted)
  take(p.inbox and p.inbox[PENDING])
  for topic, ch in raw.next, p.topics or {} do
    if ch ~= p.inbox and ch[TOPIC] == topic then take(ch[PENDING]) end
  end
  raw.sort(all, function(a, b)
    if came[a] ~= came[b] then return came[a] < came[b] end
    return place[a] < place[b]
  end)
  p.inbox, p.topics = nil, nil
  all.h, all.n = 1, n
  p.unrouted = n > 0 and all or nil
end
