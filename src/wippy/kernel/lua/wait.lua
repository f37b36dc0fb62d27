-- What a parked thread waits for, read from its stack: functions of ours that park are known by themselves.
local K = ...
local raw = K.raw
local rawtype, getinfo, getlocal, getmt, next = raw.type, raw.getinfo, raw.getlocal, raw.getmetatable, raw.next
local keys = K.channel_keys
local TOPIC = keys.topic

local DEPTH = 6   -- frames of ours between the yield and the function that asked for it
local CHANNELS = 4 -- of a select shown

local UNKNOWN = { text = nil, blocking = false }

local function local_of(co, level, wanted)
  local found
  for i = 1, 50 do
    local name, value = getlocal(co, level, i)
    if not name then break end
    if name == wanted then found = value end
  end
  return found
end

local function channel_name(ch)
  if getmt(ch) ~= K.Channel then return "channel" end
  local topic = ch[TOPIC]
  if topic == nil then return "channel" end
  if topic == K.TOPIC_INBOX then return "inbox" end
  if topic == K.TOPIC_EVENTS then return "events" end
  return raw.sub(topic, 1, 1) == "@" and "subscription" or "topic " .. topic
end

local known -- function -> how to describe who is parked in it: (co, level, th) -> text, whether an operation is pending

local function collect_known()
  local channel = K.Channel.__index
  local ops = K.ops
  return {
    [channel.receive] = function(co, level) return "receive " .. channel_name(local_of(co, level, "ch")), false end,
    [channel.send] = function(co, level) return "send to " .. channel_name(local_of(co, level, "ch")), false end,
    [K.channel_select] = function(co, level)
      local cases = local_of(co, level, "list")
      local names, n = {}, 0
      for _, case in raw.ipairs(rawtype(cases) == "table" and cases or {}) do
        n = n + 1
        if n > CHANNELS then
          names[#names + 1] = "…"
          break
        end
        names[n] = channel_name(case[K.CASE_CHANNEL])
      end
      return "select " .. raw.concat(names, ", "), false
    end,
    [K.sleep] = function(_, _, th)
      for t in next, th.p.timers or {} do
        if t.th == th then return "sleep " .. K.seconds_text(t.due - K.monotonic()), false end
      end
      return "sleep", false
    end,
    [K.command] = function(co, level)
      local name = local_of(co, level, "name")
      if name ~= "module" then return K.text(name), true end
      local _, id = getlocal(co, level, -1)
      return K.text(id), true
    end,
    [K.request] = function(co, level)
      local op, destination = local_of(co, level, "op"), local_of(co, level, "destination")
      return K.text(op) .. " " .. K.text(destination), true
    end,
    [ops.call] = function(co, level) return "call " .. K.text(local_of(co, level, "target")), true end,
    [ops.exec] = function(co, level) return "exec " .. K.text(local_of(co, level, "id")), true end,
    [K.preempt] = function() return nil, false end,
  }
end

-- {text=, blocking=} of a thread; a coroutine of user code that waits for the kernel is followed to its innermost one.
function K.wait_of(th)
  known = known or collect_known()
  local co = th.co
  local level, depth = 1, 0
  while depth < 20 do
    local info = getinfo(co, level, "fS")
    if not info then return UNKNOWN end
    local describe = known[info.func]
    if describe then
      local text, blocking = describe(co, level, th)
      return { text = text, blocking = blocking }
    end
    if not K.is_ours(info.source) or level > DEPTH then return UNKNOWN end
    local inner = info.source == "=wippy.base/coroutine" and local_of(co, level, "co")
    if rawtype(inner) == "thread" and inner ~= co then
      co, level, depth = inner, 1, depth + 1
    else
      -- a function with options waits outside of the dispatcher
      local target = info.source == "=funcs/funcs.lua" and local_of(co, level, "target")
      if rawtype(target) == "string" then return { text = "call " .. target, blocking = true } end
      level = level + 1
    end
  end
  return UNKNOWN
end
