type State = "idle" | "running" | "done"
type Machine = {state: State, log: {string}, transitions: {[string]: {[string]: State}}}
local transitions: {[string]: {[string]: State}} = {
  idle = {start = "running"},
  running = {stop = "idle", finish = "done"},
  done = {},
}
local function machine(): Machine return {state = "idle", log = {}, transitions = transitions} end
local function fire(m: Machine, event: string): (boolean, string?)
  local to = m.transitions[m.state][event]
  if not to then return false, ("cannot %s in %s"):format(event, m.state) end
  m.log[#m.log + 1] = m.state .. " -> " .. to
  m.state = to
  return true
end
local function reset(m: Machine): State
  m.state = "idle"
  local before: State = m.state
  fire(m, "start")
  if m.state == "running" then return m.state end
  return before
end
local state: State = "idle"
local function step(): State
  if state == "idle" then state = "running"
  elseif state == "running" then state = "done"
  else state = "idle" end
  return state
end
step() step()
if state == "done" then print("done") end
local m = machine()
local next_state: State? = m.transitions.idle.start
local chosen: State = next_state or "idle"
local ok, why = fire(m, "start")
print(ok, why, reset(m), chosen, m.log[#m.log])
for from, events in pairs(transitions) do
  for event, to in pairs(events) do print(from:upper(), event, to:lower()) end
end
return machine
