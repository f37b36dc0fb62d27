-- modules: logger json time
local logger = require("logger")
type Job = {id: string, kind: string, tries: integer, run_at: number?}
type Stats = {done: integer, failed: integer, by_kind: {[string]: integer}}
local Queue = {}
Queue.__index = Queue
local DEFAULTS = {max_tries = 3, backoff = {base = 2, cap = 60}}

function Queue.new(opts)
  local self = setmetatable({jobs = {}, stats = {done = 0, failed = 0, by_kind = {}}, handlers = {}}, Queue)
  for k, v in pairs(DEFAULTS) do self[k] = (opts and opts[k]) or v end
  return self
end
function Queue:handle(kind: string, f: (Job) -> (boolean, error?)) self.handlers[kind] = f return self end
function Queue:push(kind: string, run_at: number?): string
  local id = kind .. "-" .. #self.jobs + 1
  local job: Job = {id = id, kind = kind, tries = 0, run_at = run_at}
  table.insert(self.jobs, job)
  return id
end
function Queue:due(now: number): Job?
  for i, job in ipairs(self.jobs) do
    if (job.run_at or 0) <= now then return table.remove(self.jobs, i) end
  end
end
function Queue:run(now: number?): Stats
  local at = now or os.time()
  local job = self:due(at)
  while job do
    local handler = self.handlers[job.kind]
    local ok, err = false, nil
    if handler then ok, err = handler(job) end
    local stats: Stats = self.stats
    if ok then
      stats.done = stats.done + 1
      stats.by_kind[job.kind] = (stats.by_kind[job.kind] or 0) + 1
    elseif job.tries < self.max_tries then
      job.tries = job.tries + 1
      job.run_at = at + math.min(self.backoff.base ^ job.tries, self.backoff.cap)
      self.jobs[#self.jobs + 1] = job
    else
      stats.failed = stats.failed + 1
      logger:error("job failed", {id = job.id, error = err and err:message() or "no handler"})
    end
    job = self:due(at)
  end
  return self.stats
end
local q = Queue.new({max_tries = 1}):handle("mail", function(job) return job.tries > 0 end)
q:push("mail")
q:push("sms", os.time() + 5)
print(q:run().done, q.stats.by_kind.mail, q:due(0))
return Queue
