-- The workflow dispatcher: the commands of a run become commands of its history.
-- Loaded in every VM; takes the live dispatcher's place where K.workflow is set.
local K = ...
if not K.workflow then return end
local raw = K.raw
local rawtype = raw.type
local S, park = K.state, K.park

local ops = {}
K.ops = ops

-- One VM carries many runs; only one is at work at a time. What belongs to one run alone is its context:
-- run (the unit), counter (number of the last command), checks (how many permissions it has asked for), commands,
-- pending (command number -> {th=}, {done=}, {timer=} or {child=}), task, info, versions (change ID -> number), closed,
-- blocked, saved (its queue between two slices), and what the base library keeps for it (numbers of tables, random
-- state).
local C = nil

local function use(context)
  C = context
  local info = context.info
  K.run_state, K.reference_ns = context, info.start_time_ns
  K.node, K.host_id = info.node, info.host
  return context
end

-- The line of the user's code that runs now, such as `app:flow:12`.
local function place()
  for level = 3, 30 do
    local info = raw.getinfo(level, "Sl")
    if not info then return "" end
    local entry = raw.match(info.source, "^=([^/:]+:[^/]+)$")
    if entry and info.currentline > 0 then return entry .. ":" .. info.currentline end
  end
  return ""
end

local function add(command)
  if C.closed then return end
  if C.places then C.places[#C.places + 1] = { command[1], raw.tostring(command[2]), raw.tostring(command[3]), place() } end
  local commands = C.commands
  commands[#commands + 1] = command
end

local function next_number()
  local number = C.counter + 1
  C.counter = number
  return number
end

-- What is stored under keys without an order of their own: they are walked in the order in which they came.

local note = K.ordered_keys.note
local rt, base = K.rt, K.base
local plain_set, plain_key, plain_rawset = rt.set, rt.key, base.rawset

function rt.set(t, k, v)
  note(k)
  plain_set(t, k, v)
end

function rt.key(k)
  note(k)
  return plain_key(k)
end

function base.rawset(t, k, v)
  note(k)
  return plain_rawset(t, k, v)
end

function K.now() return C.task.time end
function K.monotonic() return C.task.time end

local json
local function encode(value)
  if value == nil then return { "binary/null", "" } end
  if rawtype(value) == "string" and not raw.utf8len(value) then return { "binary/plain", value } end
  json = json or K.load_module("json")
  local text, err = json.encode(value)
  if not text then return nil, K.new_error("Internal", "error transcoding value: " .. K.text(err), false) end
  return { "json/plain", text }
end

local function encode_all(args)
  local list = {}
  for i = 1, args.n do
    local payload, err = encode(args[i])
    if not payload then return nil, err end
    list[i] = payload
  end
  return list
end

local function decode(payload)
  if not payload or payload[1] == "binary/null" then return nil end
  if payload[1] == "binary/plain" then return payload[2] end
  json = json or K.load_module("json")
  local value, err = json.decode(payload[2])
  if err then raw.error("a payload of the history cannot be read: " .. K.text(err), 0) end
  return value
end

-- A failure {message, kind, retryable, details} as an error object. One without a kind keeps none: a call would give
-- it one.
local function failure_error(f)
  local err = K.new_error(f[2], f[1], f[3], f[4])
  return f[2] == "" and K.kindless(err) or err
end

local function error_failure(err)
  local kind, message, retryable, details, context = K.error_parts(err)
  return { message, kind, retryable, details, context }
end

local function wait_for(number, entry)
  entry.th = K.waiting_thread("this call")
  C.pending[number] = entry
  return park()
end

-- Bytes of a name, as Temporal has it: a command with another one would be refused there, and the run blocked.
local LONGEST = 1000

local function bad_name(what, text)
  if text == "" then return K.new_error("Invalid", "the " .. what .. " cannot be empty", false) end
  if #text > LONGEST then
    return K.new_error("Invalid", "the " .. what .. " must be of " .. LONGEST .. " bytes at most", false)
  end
end

-- Activities

-- Options of activities and children are checked before anything is recorded.
local function check_options(what, id, options)
  local activity = what == "activity"
  if not options and not activity then return nil end
  local problem = K.host.check_options(what, options and K.encode(options) or "", activity and id or "")
  if problem then
    local label = activity and "activity" or "child workflow"
    return K.kindless(K.new_error("", "invalid temporal " .. label .. " options for " .. id .. ": " .. problem, nil))
  end
end

function ops.call(target, frame, args, options)
  local list, err = encode_all(args)
  err = err or bad_name("activity type", target)
  if err then return nil, err end
  err = check_options("activity", target, options)
  if err then return nil, err end
  local number = next_number()
  add({ "activity", number, target, list, options or false, K.frame_blob(frame), true })
  local answer = wait_for(number, {})
  if answer.failure then return nil, failure_error(answer.failure) end
  return decode(answer.result), nil
end

function ops.async(target, frame, args, done, options)
  local list, err = encode_all(args)
  err = err or bad_name("activity type", target) or check_options("activity", target, options)
  if err then
    done(nil, err)
    return function() end
  end
  local number = next_number()
  add({ "activity", number, target, list, options or false, K.frame_blob(frame), false })
  C.pending[number] = { done = done }
  return function()
    if C.pending[number] then
      C.pending[number] = nil
      add({ "cancel_activity", number })
    end
  end
end

-- Timers

function K.sleep(ns)
  if ns <= 0 then return end
  local number = next_number()
  add({ "timer", number, ns, true })
  wait_for(number, {})
end

function K.timer_start(ns, fn)
  local number = next_number()
  local timer = { number = number, fn = fn }
  add({ "timer", number, ns, false })
  C.pending[number] = { timer = timer }
  return timer
end

function K.timer_stop(timer)
  if not C.pending[timer.number] then return false end
  C.pending[timer.number] = nil
  add({ "cancel_timer", timer.number })
  return true
end

function K.timer_system() return nil end
function K.timers_release() end

-- Children

local function child_pid(host, id) return "{" .. K.node .. "@" .. host .. "|" .. id .. "}" end

local function no_text(id)
  if not raw.utf8len(id) then return K.new_error("Invalid", "the ID of a workflow must be UTF-8 text", false) end
end

local function start_child(id, host, frame, args, options, blocking)
  local wrong = no_text(id) or no_text(host) or bad_name("type", id) or (host ~= "" and bad_name("task queue", host))
  if wrong then return nil, wrong end
  local list, err = encode_all(args)
  if not list then return nil, err end
  local settings = options and options.options
  err = check_options("workflow", id, settings)
  if err then return nil, err end
  local number = next_number()
  add({ "child", number, id, host, list, settings or false, K.frame_blob(frame), blocking })
  return number
end

function ops.spawn(id, host, frame, args, options)
  local number, err = start_child(id, host, frame, args, options, false)
  if not number then return nil, err end
  local answer = wait_for(number, { pid_of = function(workflow_id) return child_pid(host, workflow_id) end })
  if answer.failure then return nil, failure_error(answer.failure) end
  return answer.child
end

function ops.exec(id, host, frame, args, options)
  local number, err = start_child(id, host, frame, args, { options = options }, true)
  if not number then return nil, err end
  local answer = wait_for(number, { blocking_child = true })
  if answer.failure then return nil, failure_error(answer.failure) end
  return decode(answer.result), nil
end

-- Messages and control

local function recorded(number) return C.task.replaying and C.task.markers["side_effect:" .. number] end

local function unknown_external(kind, id)
  return K.new_error(kind, "unknown external workflow execution: " .. id, false)
end

local function invalid(text) return nil, K.new_error("Invalid", text, false) end

-- ack: the work has begun; then ok or error. nak: there will be none.
local function answer_update(id, topic, list)
  local state = C.updates and C.updates[id]
  if not state then return invalid("unknown update: " .. id) end
  if topic == "ack" or topic == "nak" then
    if state ~= "pending" then return invalid("update already " .. state) end
  elseif topic == "ok" or topic == "error" then
    if state ~= "accepted" then return invalid("update not accepted (state: " .. state .. ")") end
  else
    return invalid("unknown update response: " .. topic .. " (expected ack/nak/ok/error)")
  end
  if topic == "ack" then
    C.updates[id] = "accepted"
    return true
  end
  C.updates[id] = topic == "ok" and "completed" or topic == "nak" and "rejected" or "failed"
  local payload = list[1] or encode(nil)
  if topic ~= "ok" and payload[1] == "binary/null" then
    payload = encode(topic == "nak" and "update rejected" or "update failed")
  end
  add({ "update", id, topic == "ok", payload })
  return true
end

function ops.send(target, topic, count, values)
  local node, host, id = K.pid_parts(target)
  if target == C.run.pid then return true end
  values.n = count
  local list, err = encode_all(values)
  if not list then return nil, err end
  if host == "update" then return answer_update(id, topic, list) end
  if node == K.node or host == K.host_id or host == "temporal" then
    err = bad_name("topic of a message to a workflow", topic)
    if err then return nil, err end
    if bad_name("ID", id) then return nil, unknown_external("NotFound", id) end
    local number = next_number()
    add({ "signal", number, id, topic, list, C.run.pid })
    local answer = wait_for(number, {})
    if answer.failure then return nil, unknown_external("NotFound", id) end
    return true
  end
  local number = next_number()
  local problem = recorded(number)
  if not C.task.replaying then problem = K.host.unreachable(target) end
  if problem then
    add({ "marker", "side_effect", raw.tostring(number), problem })
    return nil, K.new_error("Internal", problem, false)
  end
  add({ "send", target, topic, list })
  return true
end

function ops.resolve(destination)
  if K.pid_check(destination) then return destination end
  local number = next_number()
  local pid
  if C.task.replaying then
    pid = recorded(number) or ""
  else
    pid = K.host.name_holder(destination) or ""
  end
  add({ "marker", "side_effect", raw.tostring(number), pid })
  if pid ~= "" then return pid end
  return nil, K.new_error("NotFound", "could not resolve '" .. destination .. "' as PID or registered name", false)
end

-- Policies may have changed when a history is replayed: what a run was not allowed to do is recorded.
local ask = K.permit

function K.permit(action, resource, meta)
  if not S.cur.p.frame.guard then return ask(action, resource, meta) end
  local number = C.checks + 1
  C.checks = number
  local key = raw.tostring(number)
  local denied
  if C.task.replaying then
    denied = C.task.markers["permission:" .. key] ~= nil
  else
    denied = not ask(action, resource, meta)
  end
  if denied then add({ "marker", "permission", key, action .. " " .. resource }) end
  return not denied
end

local refused = {
  monitor = "process.monitor not supported in workflow context: child workflows are automatically monitored",
  link = "process.link not supported in workflow context: Temporal doesn't support bidirectional linking",
  unmonitor = "process.unmonitor not supported in workflow context",
  unlink = "process.unlink not supported in workflow context",
}

function ops.refuse(name)
  local text = refused[name]
  return text and K.new_error("Internal", text, false)
end

function ops.control(_, target, reason)
  local _, _, id = K.pid_parts(target)
  if bad_name("ID", id) then return nil, unknown_external("Internal", id) end
  local number = next_number()
  add({ "cancel", number, id, reason or "" })
  local answer = wait_for(number, {})
  if answer.failure then return nil, unknown_external("Internal", id) end
  return true
end

-- The workflow module

function ops.version(change, min, max)
  local known = C.versions[change]
  if not known then
    local marker = C.task.markers["version:" .. change]
    if marker then
      known = raw.tointeger(raw.tonumber(marker))
    elseif C.task.replaying then
      known = -1
    else
      known = max
    end
    C.versions[change] = known
    if known ~= -1 then add({ "marker", "version", change, raw.tostring(known) }) end
  end
  if known < min or known > max then
    C.blocked = "workflow.version '" .. change .. "': this run has version " .. known .. ", the code supports " .. min ..
      " to " .. max .. "; let min and max include it until such runs have ended"
    park()
  end
  return known
end

function ops.attrs(search, memo) add({ "attrs", search or false, memo or false }) end

function ops.info()
  return { workflow_id = C.info.workflow_id, run_id = C.info.run_id, workflow_type = C.info.type, task_queue = C.info.queue,
    namespace = C.info.namespace, attempt = C.info.attempt, history_length = C.task.length, history_size = C.task.size }
end

function ops.upgrade(id, args)
  local list, err = encode_all(args)
  err = err or id and (no_text(id) or bad_name("type", id))
  if err then return nil, err end
  add({ "continue", id or "", list, K.frame_blob(C.run.frame) })
  C.closed = true
  K.finish(C.run, nil, nil)
  park()
end

-- What workflow_task.lua needs of this file. The context at work is also K.run_state.
K.flow = { use = use, add = add, encode = encode, decode = decode, failure_error = failure_error,
  error_failure = error_failure }
