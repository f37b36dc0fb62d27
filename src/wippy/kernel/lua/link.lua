-- Monitors, links, names, cancel and terminate: what units know of each other's ends.
--
-- p.watchers: PIDs that get EXIT; p.links: PIDs linked; p.watching: PIDs whose EXIT this unit awaits.
local K = ...
local raw = K.raw
local next = raw.next
local procs = K.procs
local EVENTS = K.TOPIC_EVENTS

local function seconds() return K.now() // 1000000000 end

local function result_table(value, err) return { value = value, error = err and K.received(err) } end

-- Brings an event to a unit of this VM.
function K.event(p, event)
  if event.kind == "pid.link.down" and not (p.options and p.options.trap_links) then
    K.kill(p, K.new_error("Internal", "linked process failed", nil))
    return
  end
  if event.kind == "pid.exit" and p.watching then p.watching[event.from] = nil end
  if event.kind == "pid.link.down" and p.links then p.links[event.from] = nil end
  K.deliver_system(p, EVENTS, event)
end

local function tell(pid, kind, from, value, err)
  local target = procs[pid]
  if target then
    K.event(target, { kind = kind, from = from, at = seconds(), result = result_table(K.copy(value), err) })
  else
    K.send_event(pid, kind, from, value, err)
  end
end

-- The PIDs of a set, in the same order in every run.
local function ordered(set)
  local list, n = {}, 0
  for pid in next, set do
    n = n + 1
    list[n] = pid
  end
  if n > 1 then raw.sort(list) end
  return list
end
K.ordered = ordered

-- EXIT to the watchers, then LINK_DOWN to the linked if the unit failed.
function K.announce_end(p, value, err)
  local pid = p.pid
  local watchers, links, watching = p.watchers, p.links, p.watching
  p.watchers, p.links, p.watching = nil, nil, nil
  if watchers then
    for _, watcher in raw.ipairs(ordered(watchers)) do tell(watcher, "pid.exit", pid, value, err) end
  end
  if links then
    for _, other in raw.ipairs(ordered(links)) do
      local target = procs[other]
      if target and target.links then target.links[pid] = nil end
      if err then
        tell(other, "pid.link.down", pid, value, err)
      elseif not target then
        K.send_unlink(other, pid)
      end
    end
  end
  if watching then
    for _, other in raw.ipairs(ordered(watching)) do
      local target = procs[other]
      if target then
        if target.watchers then target.watchers[pid] = nil end
      else
        K.send_unmonitor(other, pid)
      end
    end
  end
end

local function add(p, field, pid)
  local set = p[field]
  if set then set[pid] = true else p[field] = { [pid] = true } end
end
K.add_to = add

-- target and watcher are PIDs; the target lives here. Returns true, or nil and a reason.
function K.monitor_here(target, watcher)
  local p = procs[target]
  if not p then return nil, "pid not registered" end
  if p.watchers and p.watchers[watcher] then return nil, "already monitoring pid" end
  add(p, "watchers", watcher)
  return true
end

function K.unmonitor_here(target, watcher)
  local p = procs[target]
  if p and p.watchers then p.watchers[watcher] = nil end
  return true
end

function K.link_here(target, other)
  local p = procs[target]
  if not p then return nil, "pid not registered" end
  add(p, "links", other)
  return true
end

function K.unlink_here(target, other)
  local p = procs[target]
  if p and p.links then p.links[other] = nil end
  return true
end

function K.cancel_here(target, from, reason)
  local p = procs[target]
  if not p then return nil, "process not found" end
  K.deliver_system(p, EVENTS, { kind = "pid.cancel", from = from, reason = reason, at = seconds() })
  return true
end

function K.terminate_here(target)
  local p = procs[target]
  if not p then return nil, "process not found" end
  if p.state then return nil, "a running function call cannot be terminated" end
  if K.terminal_host then return true end
  K.kill(p, K.new_error("Internal", "process terminated", nil))
  return true
end

local function among(list, id)
  for _, other in raw.ipairs(list) do
    if other == id then return true end
  end
  return false
end

-- Code changed: processes that are upgradable and run it get OUTDATED, one event for all that happens until they read
-- it. sources: changed entries; revision: of the code since then. Returns how many were told.
function K.tell_outdated(sources, revision)
  if not sources[1] then return 0 end
  local told = 0
  for _, p in next, procs do
    local unit = p.unit
    if p.options and p.options.upgradable and not p.state and unit.revision < revision then
      local mine = {}
      for _, id in raw.ipairs(sources) do
        local uses = id == unit.id
        for _, lib in raw.ipairs(unit.libs or {}) do uses = uses or lib.id == id end
        if uses then mine[#mine + 1] = id end
      end
      if mine[1] then
        told = told + 1
        local waiting = K.waiting_event(p, "pid.outdated")
        if waiting then
          for _, id in raw.ipairs(mine) do
            if not among(waiting.sources, id) then waiting.sources[#waiting.sources + 1] = id end
          end
        else
          K.deliver_system(p, EVENTS, { kind = "pid.outdated", sources = mine, at = seconds() })
        end
      end
    end
  end
  return told
end

function K.names_release(p)
  p.names = nil
  K.host.names_release(p.pid)
end
