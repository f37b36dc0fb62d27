-- modules: time
local time = require("time")

local function worker(jobs, results)
  while true do
    local job, ok = jobs:receive()
    if not ok then break end
    results:send({id = job.id, value = job.n * 2})
  end
end

local function main(count: integer)
  local jobs, results = channel.new(count), channel.new()
  local stop = channel.new(1)
  for _ = 1, 2 do coroutine.spawn(function() worker(jobs, results) end) end
  for i = 1, count do jobs:send({id = "j" .. i, n = i}) end
  jobs:close()
  local total, timeout = 0, time.after("5s")
  local inbox, events = process.inbox(), process.events()
  while total < count do
    local r = channel.select({
      results:case_receive(),
      timeout:case_receive(),
      inbox:case_receive(),
      events:case_receive(),
      stop:case_send(true),
    })
    if r.channel == results then
      if not r.ok then return nil, errors.new({kind = errors.INTERNAL, message = "closed"}) end
      total = total + r.value.value
    elseif r.channel == timeout then
      return nil, errors.new("timeout")
    elseif r.channel == inbox then
      local message = r.value
      print(message:topic(), message:from(), message:payload():data().x)
    elseif r.channel == events then
      local event = r.value
      if event.kind == process.event.CANCEL then return total end
      if event.kind == process.event.EXIT then
        local result = event.result
        if result and result.error then print(event.from, result.error) end
        if event.result.value then print(event.result.value) end
      end
    end
  end
  local idle = channel.select({inbox:case_receive(), default = true})
  if idle.default then print("nothing") end
  return total
end
return {main = main}
