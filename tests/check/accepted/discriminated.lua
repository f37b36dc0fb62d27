type Ok = {status: "ok", value: number, meta: {source: string}?}
type Failed = {status: "failed", reason: string, retry: boolean}
type Pending = {status: "pending"}
type Result = Ok | Failed | Pending
type Event = {type: "created", id: string} | {type: "deleted", id: string, by: string} | {type: "tick"}

local function text(r: Result): string
  if r.status == "ok" then
    local source = r.meta and r.meta.source or "none"
    return r.value .. source
  elseif r.status == "failed" then
    if r.retry then return "retry: " .. r.reason end
    return r.reason
  else
    return r.status
  end
end

local function value(r: Result): number?
  if r.status ~= "ok" then return nil end
  return r.value + 1
end

local function handle(e: Event): string
  if e.type == "tick" then return "tick" end
  local id = e.id
  if e.type == "deleted" and e.by ~= "" then return id .. e.by end
  return id
end

local handlers: {[string]: (any) -> string} = {
  created = function(e) return e.id end,
  deleted = function(e) return e.by end,
}
local function dispatch(e: Event): string
  local h = handlers[e.type]
  return h and h(e) or "unknown"
end

local function make(ok: boolean): Result
  if ok then return {status = "ok", value = 1} end
  local failed: Failed = {status = "failed", reason = "x", retry = false}
  failed.retry = true
  return failed
end

local all: {Result} = {{status = "pending"}, make(true), make(false)}
for _, r in ipairs(all) do
  local kind = r.status
  if kind == "ok" then print("fine") end
  print(text(r), value(r) or 0)
end
local queue: {Event} = {}
table.insert(queue, {type = "created", id = "1"})
queue[#queue + 1] = {type = "tick"}
print(handle(queue[1]), dispatch(queue[1]))
