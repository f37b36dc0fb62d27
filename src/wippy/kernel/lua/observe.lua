-- What onlookers ask of this VM. The files that read it out are loaded when somebody looks for the first time.
local K = ...
if K.workflow then return end
local raw = K.raw
local S, handlers = K.state, K.handlers

local PARTS = { "wait", "memory", "inspect", "profile" }
local NEEDED = 150 -- kilobytes that they take, and room to work
local NO_MEMORY = "not enough memory"

local views = {} -- request -> function(envelope)
K.views = views

local loaded = 0

local function used() return raw.collectgarbage("count") end

-- Where so little memory is left that the files would take it from the processes, they are not loaded.
local function load_parts()
  if loaded == #PARTS then return end
  local most = S.soft_memory
  if most and used() + NEEDED > most then
    raw.collectgarbage("collect")
    if used() + NEEDED > most then raw.error(NO_MEMORY, 0) end
  end
  while loaded < #PARTS do
    local name = PARTS[loaded + 1]
    local run, reason = raw.load(K.host.kernel_part(name), "=wippy." .. name, "b")
    if not run then raw.error(reason, 0) end
    run(K)
    loaded = loaded + 1
  end
end

-- Looking must not cost a process its life: where memory is short, what was gathered is given up.
local function careful(act, ...)
  local fine, result = raw.pcall(act, ...)
  if fine then return result end
  if result ~= NO_MEMORY then raw.error(result, 0) end
  if K.forget_listings then K.forget_listings() end
  raw.collectgarbage("collect")
  return nil, K.new_error("LimitExceeded", "there is not enough memory left in the host to look into it", false)
end

local function view(e)
  load_parts()
  views[e[1]](e)
end

local function look(e)
  local _, err = careful(view, e)
  if err then K.reply(e, false, err) end
end
for _, request in raw.ipairs({ "inspect", "examine", "profile" }) do handlers[request] = look end

local function list()
  load_parts()
  return K.list_here()
end

-- Rows of the processes here, in place, or nil and an error; for a VM with few of them.
function K.inspect_here() return careful(list) end

-- Figures of this VM: what has been done since it was made.
function handlers.vitals(e)
  K.reply(e, true, { processes = S.count, spawned = S.spawned, stolen = S.adopted or 0, timers = K.timer_count(),
    queue_depth = K.runnable(), executed = S.turns, messages = K.messages_delivered(), reductions = S.reductions,
    memory = raw.floor(raw.collectgarbage("count") * 1024) })
end

-- Figures as of now, for code that runs here: processes, queued threads, turns, processes taken over.
function K.vitals_here() return S.count, K.runnable(), S.turns, S.adopted or 0 end

-- A full collection.
function handlers.collect(e)
  raw.collectgarbage("collect")
  K.reply(e, true)
end
