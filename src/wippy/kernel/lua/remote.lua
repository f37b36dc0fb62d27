-- What leaves and enters the VM: envelopes to other workers and to Python, requests and their replies.
--
-- An envelope is {op, destination, origin, request, ...}. The destination is a PID, a host ID or, in a reply, the
-- number of the worker that asked; request is 0 where no answer is wanted.
local K = ...
local raw = K.raw
local select, rawtype, next, tunpack = raw.select, raw.type, raw.next, raw.tunpack
local S, ready, park = K.state, K.ready, K.park
local pack_envelope = K.pack_envelope

local out, n_out = {}, 0
local requests = {} -- request number -> thread or function(ok, ...)
local last_request = 0
local handlers = {} -- op -> function(envelope)
K.handlers = handlers

local function emit(envelope, n)
  local packed = pack_envelope(envelope, n) -- may run out of memory
  out[n_out + 1] = packed
  n_out = n_out + 1
end
K.emit = emit

function K.outgoing() return n_out end

function K.take_outgoing()
  if n_out == 0 then return nil end
  local data = K.join_envelopes(out, n_out)
  out, n_out = {}, 0
  return data
end

local function new_request(target)
  last_request = last_request + 1
  requests[last_request] = target
  return last_request
end
K.new_request = new_request

-- Values as the opaque last part of an envelope.
local function pack_values(...)
  return K.pack_shared(select("#", ...), { ... })
end
K.pack_values = pack_values

-- Asks another worker or the host and waits for the answer: true, values... or false, error.
function K.request(op, destination, a, b, c, data)
  local th = K.waiting_thread(op)
  local id = new_request(th)
  emit({ op, destination, K.worker, id, a or "", b or "", c or "", data or "" }, 8)
  local answer = park()
  return answer -- no tail call: `wait_of` finds this function on the stack
end

-- The same without waiting: done(ok, values...) is called in the kernel.
function K.request_async(op, destination, done, a, b, c, data)
  local id = new_request(done)
  emit({ op, destination, K.worker, id, a or "", b or "", c or "", data or "" }, 8)
  return id
end

-- Answers a request: values travel as they are; a first value false means an error object follows.
function K.reply(e, ok, ...)
  if e[4] == 0 then return end
  emit({ "reply", e[3], K.worker, e[4], ok, pack_values(...) }, 6)
end

function handlers.reply(e)
  local id = e[4]
  local target = requests[id]
  if not target then return end
  local values, n = K.unpack_values(e[6])
  requests[id] = nil
  if rawtype(target) == "function" then
    target(e[5], tunpack(values, 1, n))
  elseif target.co then
    ready(target, { ok = e[5], values = values, n = n })
  end
end

-- Commands: effects that Python carries out for a unit.

-- Parks until Python has carried the command out; returns its results.
function K.command(name, ...)
  local th = K.waiting_thread(name)
  local p = th.p
  local id = new_request(th)
  local commands = p.commands
  if commands then commands[id] = true else p.commands = { [id] = true } end
  p.held = true
  emit({ "command", "", K.worker, id, name, K.pid_of(p), p.unit.id, K.frame_blob(p.frame), K.pack(...) }, 9)
  local answer = park()
  if p.commands then p.commands[id] = nil end
  return tunpack(answer.values, 1, answer.n)
end

-- The unit ended while commands of it were under way: Python interrupts them.
function K.commands_abort(p)
  local commands = p.commands
  p.commands = nil
  for id in next, commands do
    requests[id] = nil
    emit({ "abort", "", K.worker, 0, id, "" }, 6)
  end
end

function handlers.done(e)
  local id = e[4]
  local th = requests[id]
  if not th then
    -- nobody waits any more: what the command has opened is closed
    emit({ "abort", "", K.worker, 0, id, e[5] }, 6)
    return
  end
  local values, n = K.unpack_values(e[5])
  requests[id] = nil
  if rawtype(th) == "function" then
    th(tunpack(values, 1, n))
  elseif th.co then
    ready(th, { values = values, n = n })
  end
end

-- A command without a thread that waits: done(values...) in the kernel.
function K.command_async(p, name, done, ...)
  local id = new_request(done)
  emit({ "command", "", K.worker, id, name, K.pid_of(p), p.unit.id, K.frame_blob(p.frame), K.pack(...) }, 9)
  return id
end

-- Frames: actor, scope and values that travel with calls.
local blobs = raw.setmetatable({}, { __mode = "k" })
local frames = raw.setmetatable({}, { __mode = "v" })
K.no_frame = { guard = false }

function K.frame_blob(frame)
  local blob = blobs[frame]
  if not blob then
    blob = frame == K.no_frame and "" or K.pack(frame.actor, frame.scope, frame.values)
    blobs[frame] = blob
  end
  return blob
end

-- actor: {id=, meta=} or nil; scope: number of a scope known to Python or nil; values: table or nil.
function K.make_frame(actor, scope, values)
  if not actor and not scope and not values then return K.no_frame end
  return { actor = actor, scope = scope, values = values, guard = (actor and scope) and true or false }
end

function K.frame_of(blob)
  if blob == "" then return K.no_frame end
  local frame = frames[blob]
  if not frame then
    frame = K.make_frame(K.unpack(blob))
    frames[blob] = frame
    blobs[frame] = blob
  end
  return frame
end

-- Whether the running unit may do `action` on `resource`.
function K.permit(action, resource, meta)
  local frame = S.cur.p.frame
  if not frame.guard then return not K.strict end
  return K.host.permit(K.frame_blob(frame), action, resource, meta and K.pack(meta) or "") == true
end

-- Notices to units elsewhere.
function K.send_event(pid, kind, from, value, err)
  emit({ "event", pid, K.worker, 0, kind, from, pack_values(K.copy(value), err and K.received(err)) }, 7)
end
function K.send_unlink(pid, other) emit({ "unlink", pid, K.worker, 0, other, "", "", "" }, 8) end
function K.send_unmonitor(pid, watcher) emit({ "unmonitor", pid, K.worker, 0, watcher, "", "", "" }, 8) end
