-- The program: starts six naps of each kind at once, waits for all and prints what was seen of them.
local channel = require("channel")
local funcs = require("funcs")
local io = require("io")
local process = require("process")
local time = require("time")
local nap = require("nap")

local NAPS = 6

-- What is known of the naps of one kind.
type Row = {name: string, what: string, naps: {nap.Nap}}

local function row(name: string, what: string): Row
  return {name = name, what = what, naps = {}}
end

local rows: {[string]: Row} = {
  ["function"] = row("function", "held a slot of the pool, its caller waited"),
  process = row("process", "parked the process, its worker ran the others"),
  workflow = row("workflow", "wrote a timer down and left memory to others"),
}

-- How many of them slept at the same time.
local function at_once(naps: {nap.Nap}): integer
  local most = 0
  for _, one in ipairs(naps) do
    local now = 0
    for _, other in ipairs(naps) do
      if other.began <= one.began and one.began < other.ended then now = now + 1 end
    end
    most = math.max(most, now)
  end
  return most
end

local function print_row(of: Row, start: integer)
  local events, earlier, over = 0, 0, start
  for _, one in ipairs(of.naps) do
    events = events + one.events
    over = math.max(over, one.ended)
    if one.began < start then earlier = earlier + 1 end
  end
  io.print(string.format("%-9s%6d%9d%9.2f%8d%9d  %s", of.name, #of.naps, at_once(of.naps),
    (over - start) / 1e9, events, earlier, of.what))
end

local function main(length: string?, name: string?)
  local start = time.now():unix_nano()
  local results: Channel<{kind: string, nap: nap.Nap?, error: error?}> = channel.new(3 * NAPS)

  -- Functions are called ...
  for _ = 1, NAPS do
    coroutine.spawn(function()
      local found, err = funcs.call("same:function", length or "1s")
      results:send({kind = "function", nap = found, error = err})
    end)
  end

  -- ... processes and workflows are spawned, and differ in nothing but the host. A run that has a name is
  -- begun once, ever: the next program finds it, be it still asleep or over.
  local spawner = process.with_options({["workflow.id_reuse_policy"] = "reject_duplicate"})
  local kind_of: {[string]: string} = {}
  for kind, host in pairs({process = "same:processes", workflow = "same:workflows"}) do
    for i = 1, NAPS do
      local named = name and spawner:with_name(name .. "-" .. i) or spawner
      local pid, err = named:spawn_monitored("same:" .. kind, host, length or "1s")
      if err then return nil, err end
      kind_of[pid] = kind
    end
  end
  coroutine.spawn(function()
    local events = process.events()
    while true do
      local event = events:receive()
      local kind = kind_of[event.from]
      if kind then results:send({kind = kind, nap = event.result.value, error = event.result.error}) end
    end
  end)

  io.print(string.format("%d naps of each kind have begun; kill me, run me again", NAPS))
  for _ = 1, 3 * NAPS do
    local got = results:receive()
    if got.error then return nil, got.error end
    table.insert(rows[got.kind].naps, got.nap)
  end

  io.print("           naps  at once  seconds  events  earlier  what time.sleep did")
  for _, kind in ipairs({"function", "process", "workflow"}) do
    print_row(rows[kind], start)
  end
end

return {main = main}
