-- Workflow tasks: what a run is told, and the way in for the engine.
local K = ...
if not K.workflow then return end
local raw = K.raw
local rawtype, next, ipairs = raw.type, raw.next, raw.ipairs
local S, ready = K.state, K.ready
local EVENTS = K.TOPIC_EVENTS
local flow = K.flow
local use, add, encode, decode = flow.use, flow.add, flow.encode, flow.decode
local failure_error, error_failure = flow.failure_error, flow.error_failure

local contexts = {} -- number -> context of a run
local C = nil       -- the one at work

-- Jobs

local function woken(number, answer)
  local entry = C.pending[number]
  if not entry then return nil end
  if entry.th then
    C.pending[number] = nil
    ready(entry.th, answer)
    return nil
  end
  return entry
end

-- How much memory there is depends on who else is in the VM: this is no end that a history may keep.
local NO_MEMORY = "not enough memory"

local function no_memory(err)
  local kind, message = K.error_parts(err)
  return kind == "LimitExceeded" and message == K.no_memory_text()
end

local jobs = {}

function jobs.start(job)
  local unit, err = K.unit(C.info.entry)
  if not unit then raw.error(K.text(err), 0) end
  local run = { co = false, p = false, pid = C.info.pid, unit = unit, frame = K.frame_of(C.info.frame), env = false }
  run.p = run
  C.run = run
  local args = { n = #job[2] }
  for i = 1, args.n do args[i] = decode(job[2][i]) end
  run.on_return = function(a, b, raised)
    local value, failure
    if raised then failure = b else value, failure = K.outcome(a, b) end
    if raised and no_memory(b) then
      C.blocked, C.closed = NO_MEMORY, true
      K.finish(run, nil, nil)
      return
    end
    if not failure then
      local payload
      payload, failure = encode(value)
      if payload then add({ "complete", payload }) end
    end
    if failure then add({ "fail", error_failure(failure) }) end
    C.closed = true
    K.finish(run, nil, nil)
  end
  local env, main
  S.cur = nil
  env, main, err = K.new_state(unit, run)
  if not env then
    add({ "fail", error_failure(err) })
    C.closed = true
    return
  end
  run.co = raw.cocreate(main)
  run.args = args
  S.fresh = S.fresh + 1
  ready(run)
end

function jobs.signal(job)
  if raw.byte(job[2], 1) == 64 then return end -- topics that begin with @ are the runtime's: nobody else sends to them
  local list = job[3]
  local n = #list
  if n == 0 then
    K.deliver(C.run, job[2], job[4], nil, 1)
  elseif n == 1 then
    K.deliver(C.run, job[2], job[4], decode(list[1]), 1)
  else
    local values = {}
    for i = 1, n do values[i] = decode(list[i]) end
    K.deliver(C.run, job[2], job[4], values, n)
  end
end

function jobs.update(job)
  C.updates = C.updates or {}
  C.updates[job[5]] = "pending"
  jobs.signal(job)
end

function jobs.timer(job)
  local entry = woken(job[2], true)
  if entry and entry.timer then
    C.pending[job[2]] = nil
    S.cur = C.run
    entry.timer.fn(C.task.time)
    S.cur = nil
  end
end

function jobs.activity(job)
  local entry = woken(job[2], { result = job[3], failure = job[4] })
  if entry and entry.done then
    C.pending[job[2]] = nil
    S.cur = C.run
    if job[4] then entry.done(nil, failure_error(job[4])) else entry.done(decode(job[3]), nil) end
    S.cur = nil
  end
end

function jobs.child_started(job)
  local entry = C.pending[job[2]]
  if entry and entry.blocking_child and not job[4] then return end
  local child = entry and entry.pid_of and not job[4] and entry.pid_of(job[3]) or nil
  woken(job[2], { child = child, failure = job[4] })
  if child then C.pending[job[2]] = { child = child } end -- its end may follow in the same task
end

function jobs.child_resolved(job)
  local number = job[2]
  local entry = C.pending[number]
  if not entry then return end
  if entry.th then
    woken(number, { result = job[3], failure = job[4] })
    return
  end
  C.pending[number] = nil
  K.deliver_system(C.run, EVENTS, {
    kind = "pid.exit",
    from = entry.child,
    at = job[5] // 1000000000,
    result = { value = decode(job[3]), error = job[4] and failure_error(job[4]) or nil },
  })
end

function jobs.reseed(job) C.random = job[2] end

function jobs.external(job) woken(job[2], { failure = job[3] }) end

function jobs.cancel(job)
  K.deliver_system(C.run, EVENTS, { kind = "pid.cancel", from = "{|topology}", reason = job[2], at = job[3] })
end

-- config: node, host, entry, pid, frame, workflow_id, run_id, type, queue, attempt, start_time_ns, seed. Gives the number
-- by which the run is known here.
local last_context = 0

function K.workflow_begin(config)
  local info = K.decode(config)
  K.worker, K.strict = 0, info.strict
  if not K.base.process then
    K.base.process = K.module("process")
    K.base.channel = K.module("channel")
    K.base.payload = K.module("payload")
  end
  last_context = last_context + 1
  contexts[last_context] = { counter = 0, checks = 0, commands = {}, pending = {}, versions = {}, info = info,
    task = { time = 0, replaying = false, length = 0, size = 0, markers = {} }, random = info.seed,
    places = info.trace and {} or nil, traced = info.trace == "task" }
  return last_context
end

-- The run is over, or leaves this VM.
function K.workflow_end(number)
  contexts[number] = nil
  K.run_state = {}
end

-- After an error of the kernel itself: nothing of the run may stay in the queue.
function K.workflow_abandon() K.schedule_save() end

local SLICE = 5000

local function flat(payloads)
  local out, n = {}, #payloads
  for i = 1, n do out[2 * i - 1], out[2 * i] = payloads[i][1], payloads[i][2] end
  return raw.tunpack(out, 1, 2 * n)
end

local function slice()
  K.run(SLICE)
  if C.blocked then
    K.schedule_save()
    return false, C.blocked
  end
  if K.runnable() > 0 then
    if not C.closed then
      C.saved = K.schedule_save()
      return nil
    end
    K.schedule_save() -- what is left of a closed run does not run again
  end
  local asked = C.commands
  C.commands = {}
  local only = asked[1]
  if only and not asked[2] and only[1] == "activity" and not only[5] and #only[4] <= 50 then
    return true, only[2], only[3], only[6], only[7], flat(only[4])
  end
  return K.encode(asked)
end

local NO_MARKERS = {}

local function begin_task(number, time, replaying, length, size)
  C = use(contexts[number])
  local task = C.task
  task.time, task.replaying, task.length, task.size = time, replaying, length, size
  if C.traced then C.places = {} end
  return task
end

-- One workflow task. packed: markers and jobs. Returns packed commands; or true and the parts of the only command, an
-- activity without options: number, target, frame, blocking, encoding and data of each argument; or nil when the slice
-- is used up; or false and a reason when the run cannot go on.
function K.activate(number, time, replaying, length, size, packed)
  local task = begin_task(number, time, replaying, length, size)
  local given = K.decode(packed)
  task.markers = given[1]
  for _, job in ipairs(given[2]) do jobs[job[1]](job) end
  return slice()
end

-- The task that most runs have most of: the result of one activity.
function K.activate_result(number, time, replaying, length, size, command, encoding, data)
  begin_task(number, time, replaying, length, size).markers = NO_MARKERS
  jobs.activity({ "activity", command, { encoding, data } })
  return slice()
end

function K.resume_task(number)
  C = use(contexts[number])
  K.schedule_load(C.saved)
  C.saved = nil
  return slice()
end

-- Which line asked for each command: {what, number or kind, key, place}; kept where the run began with `trace`, with
-- "task" those of the last task.
function K.places(number)
  local context = contexts[number]
  return K.encode(context and context.places or {})
end

-- What every coroutine of the run waits in, for people.
function K.stacks(number)
  local run = contexts[number] and contexts[number].run
  if not run or not run.co then return "" end
  local out = { raw.traceback(run.co) }
  for th in next, run.threads or {} do
    if rawtype(th) == "table" and th.co then out[#out + 1] = raw.traceback(th.co) end
  end
  return raw.concat(out, "\n\n")
end
