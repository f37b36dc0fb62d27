-- What others may see of the processes of this VM: state, mailbox, what they wait for, where their code stands.
--
-- Nothing of it is kept while they run: it is read from run queue, channels and stacks when somebody asks.
local K = ...
local raw = K.raw
local rawtype, next, getinfo, sub, find, format = raw.type, raw.next, raw.getinfo, raw.sub, raw.find, raw.format
local S, procs, views = K.state, K.procs, K.views
local clock = K.host.cpu_time or raw.os.clock

local PAGE_TIME = 0.002  -- CPU seconds after which a page of a listing is over
local CHECK = 32         -- processes looked at between two looks at the clock
local LISTINGS = 8       -- listings under way; one that nobody goes on with makes room for newer ones
local LISTED_OBJECTS, DETAIL_OBJECTS = 2000, 100000 -- objects that an estimate of memory looks at
local FRAMES = 64        -- of a stack shown
local SHOWN = 200        -- PIDs, names and coroutines shown of one process

-- Units of which a thread is queued.
local function queued_units()
  local set = {}
  K.each_queued(function(th) if th.co then set[th.p] = true end end)
  return set
end

-- The innermost place in user code: "entry:line", or nil.
local function place(co)
  for level = 0, FRAMES do
    local info = getinfo(co, level, "Sl")
    if not info then return nil end
    if not K.is_ours(info.source) then return sub(info.source, 2) .. ":" .. info.currentline end
  end
end

-- The frames of user code, innermost first.
local function stack(co)
  local out = {}
  for level = 0, FRAMES do
    local info = getinfo(co, level, "Sln")
    if not info then break end
    if not K.is_ours(info.source) then
      out[#out + 1] = { entry = sub(info.source, 2), line = info.currentline,
        name = info.name or (info.what == "main" and "main chunk" or nil) }
    end
  end
  return out
end

-- The thread of the main coroutine.
local function main_of(p) return p.main or p end

-- What code that is not Lua waits for: the kernel carries out what it asks for, one thread for each request. While
-- there is none it does what the kernel does not see.
local function guest_wait(p)
  local found
  for th in next, p.threads or {} do
    if rawtype(th) == "table" and th.co then
      local wait = K.wait_of(th)
      if wait.text and not wait.blocking then return wait end
      found = found or wait
    end
  end
  return found or { text = "its own code", blocking = true }
end

local function wait_of(p)
  if p.unit.guest then return guest_wait(p) end
  local main = main_of(p)
  return main.co and K.wait_of(main) or {}
end

-- One of ready, running, blocked, idle.
local function state_of(p, queued)
  if S.cur and S.cur.p == p then return "running" end
  if p.queued then return "blocked" end
  if queued[p] then
    local last = S.interrupted -- had the processor until this look at it
    return last and last.p == p and "running" or "ready"
  end
  if p.unit.guest then return guest_wait(p).blocking and "blocked" or "idle" end
  if p.commands and next(p.commands) or p.calls and next(p.calls) then return "blocked" end
  if wait_of(p).blocking then return "blocked" end
  for th in next, p.threads or {} do
    if rawtype(th) == "table" and th.co and K.wait_of(th).blocking then return "blocked" end
  end
  return "idle"
end

local function keys_of(set)
  local out = {}
  for key in next, set or {} do
    if #out >= SHOWN then break end
    out[#out + 1] = key
  end
  return out
end

local function row(p, queued, objects)
  local state, main = state_of(p, queued), main_of(p)
  local actor, parent = p.frame.actor, p[3]
  if p.state ~= nil then parent = p.parent and p.parent.pid end
  local out = {
    pid = p.pid or nil,
    call = p.state ~= nil or nil,
    host = K.host_id,
    source = p.unit.id,
    state = state,
    steps = p[1] or 0,
    reductions = p.reductions or 0,
    mailbox = K.mailbox_length(p),
    started_at = p[2],
    parent = parent or nil,
    actor_id = actor and actor.id or nil,
    coroutines = (p.main and 0 or 1) + (p.threads and p.threads.n or 0),
    at = main.co and not main.args and place(main.co) or nil,
  }
  if state == "idle" or state == "blocked" then out.waits = wait_of(p).text end
  if p.queued then out.waits = "a turn in the pool" end
  if p.names then out.names = keys_of(p.names) end
  if objects then out.memory, out.memory_cut = K.memory_of(p, objects) end
  return out
end

-- Listings.

local function entry_filter(text)
  if not text or text == "" then return nil end
  local star = find(text, "*", 1, true)
  if star then
    local head = sub(text, 1, star - 1)
    return function(id) return sub(id, 1, #head) == head end
  end
  if find(text, ":", 1, true) then return function(id) return id == text end end
  return function(id) return id == text or sub(id, -#text - 1) == ":" .. text end
end

-- Greater values come first.
local sort_keys = {
  mailbox = function(p) return K.mailbox_length(p) end,
  reductions = function(p) return p.reductions or 0 end,
  steps = function(p) return p[1] or 0 end,
  memory = function(p) return (K.memory_of(p, LISTED_OBJECTS)) end,
  age = function(p) return -(p[2] or K.now()) end,
}

local listings, order = {}, {}
local last_listing = 0

-- Function calls under way for a unit, and theirs.
local function add_calls(calls, units, n)
  for c in next, calls or {} do
    if not c.remote and c.unit then
      n = n + 1
      units[n] = c
      n = add_calls(c.calls, units, n)
    end
  end
  return n
end

-- options: entry, state (filters), sort, limit (0 for all), memory (whether to estimate it), calls (function calls too).
local function new_listing(options)
  local pids, n = {}, 0 -- of a call the unit itself
  for pid in next, procs do
    n = n + 1
    pids[n] = pid
  end
  if options.calls then
    for i = 1, n do
      local p = procs[pids[i]]
      if p.state == nil then n = add_calls(p.calls, pids, n) end
    end
    for _, c in next, S.foreign do
      n = n + 1
      pids[n] = c
      n = add_calls(c.calls, pids, n)
    end
  end
  last_listing = last_listing + 1
  local listing = { id = last_listing, pids = pids, n = n, at = 0, found = 0, kept = {}, options = options,
    wanted = entry_filter(options.entry), key = sort_keys[options.sort],
    limit = options.limit and options.limit > 0 and options.limit or nil,
    objects = options.memory and LISTED_OBJECTS or nil }
  return listing
end

-- Gives up what was gathered.
function K.forget_listings() listings, order = {}, {} end

local function by_rank(a, b)
  if a.key ~= b.key then return a.key > b.key end
  return a.name < b.name
end

local function cut(listing)
  local kept = listing.kept
  raw.sort(kept, by_rank)
  for i = #kept, listing.limit + 1, -1 do kept[i] = nil end
end

-- Goes on with a listing until it is complete or the page is over: rows, whether it is complete.
local function page(listing, all)
  local began, queued, rows = clock(), queued_units(), {}
  local options, limit, wanted, key = listing.options, listing.limit, listing.wanted, listing.key
  local state, kept = options.state, listing.kept
  local looked = 0
  local function over()
    looked = looked + 1
    return not all and looked % CHECK == 0 and clock() - began > PAGE_TIME
  end
  while listing.at < listing.n do
    listing.at = listing.at + 1
    local id = listing.pids[listing.at]
    local p
    if rawtype(id) == "table" then
      p = not id.done and id or nil
    else
      p = procs[id]
      if p and p.state ~= nil then p = nil end
    end
    if p and (not wanted or wanted(p.unit.id)) and (not state or state_of(p, queued) == state) then
      listing.found = listing.found + 1
      if limit then
        kept[#kept + 1] = { p = p, name = p.pid or "", key = key and key(p) or 0 }
        if #kept > 2 * limit + 100 then cut(listing) end
      else
        rows[#rows + 1] = row(p, queued, listing.objects)
      end
    end
    if over() then return rows, false end
  end
  if limit then
    if not listing.shown then
      cut(listing)
      listing.shown = 0
    end
    while listing.shown < #kept do
      listing.shown = listing.shown + 1
      local p = kept[listing.shown].p
      if not p.done then rows[#rows + 1] = row(p, queued, listing.objects) end
      if over() then return rows, false end
    end
  end
  return rows, true
end

-- Rows of all processes here.
function K.list_here()
  return (page(new_listing({}), true))
end

-- inspect: number of a listing to go on with or 0, packed options. Answered with that number, 0 once it is complete;
-- rows; and how many processes fit so far.
function views.inspect(e)
  local listing
  if e[5] == 0 then
    listing = new_listing(K.decode(e[8]))
    listings[listing.id] = listing
    order[#order + 1] = listing.id
    if #order > LISTINGS then listings[raw.remove(order, 1)] = nil end
  else
    listing = listings[e[5]]
    if not listing then
      K.reply(e, false, K.new_error("NotFound", "this listing is no longer kept", true))
      return
    end
  end
  local rows, complete = page(listing)
  if complete then
    listings[listing.id] = nil
    for i = 1, #order do
      if order[i] == listing.id then
        raw.remove(order, i)
        break
      end
    end
  end
  K.reply(e, true, complete and 0 or listing.id, rows, listing.found)
end

-- One process in detail.
function views.examine(e)
  local p = procs[e[2]]
  if not p or p.state ~= nil then
    K.reply(e, false, "NotFound", "process not found")
    return
  end
  local out = row(p, queued_units(), DETAIL_OBJECTS)
  out.links, out.monitored_by, out.monitors = keys_of(p.links), keys_of(p.watchers), keys_of(p.watching)
  local topics, threads, calls, timers = {}, {}, {}, 0
  for topic in next, p.topics or {} do topics[#topics + 1] = topic end
  for _ in next, p.timers or {} do timers = timers + 1 end
  for c in next, p.calls or {} do
    if #calls < SHOWN then calls[#calls + 1] = c.unit.id end
  end
  for th in next, p.threads or {} do
    if rawtype(th) == "table" and th.co and th ~= p.main and #threads < SHOWN then
      threads[#threads + 1] = { at = place(th.co), waits = K.wait_of(th).text }
    end
  end
  out.topics, out.timers, out.calls, out.threads = topics, timers, calls, threads
  out.trap_links = p.options and p.options.trap_links or false
  local main = main_of(p)
  out.stack = main.co and not main.args and stack(main.co) or {}
  K.reply(e, true, out)
end

K.seconds_text = function(ns)
  local s = ns / 1e9
  if s < 0 then s = 0 end
  if s < 0.001 then return "0s" end
  if s < 1 then return format("%.0fms", s * 1000) end
  if s < 100 then return format("%.1fs", s) end
  if s < 7200 then return format("%.0fm", s / 60) end
  if s < 172800 then return format("%.0fh", s / 3600) end
  return format("%.0fd", s / 86400)
end
