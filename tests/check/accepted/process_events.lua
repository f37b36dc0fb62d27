-- modules: logger time funcs json
local logger = require("logger")
local time = require("time")

type Job = {id: string, attempts: integer, payload: any}
type State = {jobs: {[string]: Job}, workers: {[string]: {job: string?, started: number}}, closing: boolean}

local log = logger:named("boss"):with({host = "x"})

local function start(state: State, job: Job): string?
  local pid, err = process.spawn_monitored("app:worker", "app:processes", job)
  if err then
    log:error("cannot start", {job = job.id, reason = tostring(err)})
    return nil
  end
  state.workers[pid] = {job = job.id, started = os.time()}
  return pid
end

local function on_exit(state: State, event)
  local worker = state.workers[event.from]
  if not worker then return end
  state.workers[event.from] = nil
  local id = worker.job
  local job = id and state.jobs[id]
  if not job then return end
  if event.result and event.result.error then
    job.attempts = job.attempts + 1
    if job.attempts < 3 then start(state, job) return end
    log:warn("gave up", {job = job.id})
  end
  state.jobs[job.id] = nil
end

local function main(options)
  options = options or {}
  local state: State = {jobs = {}, workers = {}, closing = false}
  process.registry.register(options.name or "boss")
  process.set_options({trap_links = true})
  local inbox, events = process.inbox(), process.events()
  local jobs = process.listen("job", {message = true})
  local tick = time.ticker("1s")
  while not state.closing or next(state.workers) do
    local r = channel.select({inbox:case_receive(), events:case_receive(), jobs:case_receive(), tick:channel():case_receive()})
    if r.channel == jobs then
      local data = r.value:payload():data()
      local job: Job = {id = data.id, attempts = 0, payload = data}
      state.jobs[job.id] = job
      start(state, job)
    elseif r.channel == events then
      if r.value.kind == process.event.CANCEL then
        state.closing = true
        local left = r.value.deadline and time.now():sub(time.now())
        log:info("closing", {left = left and left:seconds()})
      elseif r.value.kind == process.event.LINK_DOWN then
        log:warn("link down")
      else
        on_exit(state, r.value)
      end
    elseif r.channel == inbox then
      local ok, sent = process.send(r.value:from(), "status", {jobs = #state.jobs})
      print(ok, sent)
    end
  end
  tick:stop()
  return {done = true}
end
return {main = main}
