-- modules: workflow funcs time uuid
local workflow, funcs, time, uuid = require("workflow"), require("funcs"), require("time"), require("uuid")
type Order = {id: string, items: {{sku: string, qty: integer}}, total: number}
type State = {phase: "new" | "reserved" | "paid" | "shipped" | "cancelled", undo: {() -> ()}, receipt: string?}

local function compensate(state: State)
  for i = #state.undo, 1, -1 do
    local ok, err = pcall(state.undo[i])
    if not ok then print("undo failed", err) end
  end
end

local function main(order: Order)
  local state: State = {phase = "new", undo = {}}
  local cancelled = false
  coroutine.spawn(function()
    local signal = process.listen("cancel"):receive()
    if signal then cancelled = true end
  end)
  local reserved, err = funcs.new():with_options({["activity.retry_policy"] = {maximum_attempts = 3}}):call("app:reserve", order)
  if err then return nil, err end
  state.phase = "reserved"
  table.insert(state.undo, function() funcs.call("app:release", reserved.id) end)
  local deadline = time.after("24h")
  local payments = process.listen("payment")
  while state.phase == "reserved" and not cancelled do
    local r = channel.select({payments:case_receive(), deadline:case_receive()})
    if r.channel == deadline then
      compensate(state)
      state.phase = "cancelled"
      return {state = state.phase}
    end
    if r.value.amount >= order.total then
      state.phase = "paid"
      state.receipt = r.value.receipt
    end
  end
  if cancelled then
    state.phase = "cancelled"
    compensate(state)
    return nil, errors.new({kind = errors.CANCELED, message = "cancelled"})
  end
  if workflow.version("ship", 1, 2) >= 2 then print("new path") end
  workflow.attrs({search = {phase = state.phase}})
  local child, cerr = workflow.exec("app:ship", order.id, uuid.v4())
  if cerr then compensate(state) return nil, cerr end
  state.phase = "shipped"
  local info = workflow.info()
  return {state = state.phase, receipt = state.receipt and state.receipt:upper(), child = child, run = info and info.run_id, size = workflow.history_size() + 1}
end
return {main = main}
