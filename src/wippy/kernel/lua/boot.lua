-- Last file of the kernel: what a fresh VM is told about itself.
local K = ...
local S = K.state
local host = K.host

K.now, K.monotonic, K.entropy = host.now_ns, host.monotonic_ns, host.entropy

-- Module functions in place: the host also learns who calls.
local module_call = host.module_call
function host.module_call(id, packed)
  local p = S.cur.p
  p.held = true
  return module_call(id, packed, K.pid_of(p), p.unit.id, K.frame_blob(p.frame))
end

function K.module(name)
  local module = K.load_module(name)
  if module == nil then return nil, K.new_error("NotFound", "module '" .. name .. "' not found", false) end
  return module
end

-- config: node, worker, host, strict, max_processes, max_mailbox, max_memory (bytes), reductions, functions_home,
-- isolated (the VM of one process)
function K.boot(config)
  config = K.decode(config)
  K.node, K.worker, K.host_id, K.strict = config.node, config.worker, config.host, config.strict
  K.functions_home, K.terminal_host = config.functions_home, config.terminal
  K.spawn_host = not config.isolated and config.host or nil -- where this VM starts processes itself
  S.limit_owner = config.isolated and "process" or "host"
  if config.reductions then K.limit, K.rt.limit = config.reductions, config.reductions end
  S.max_processes, S.max_mailbox = config.max_processes, config.max_mailbox
  -- kilobytes at which a process is ended; the rest is for the kernel's own needs
  S.soft_memory = config.max_memory and config.max_memory * 0.9 / 1024
  K.pid_setup(config.node, config.host)
  K.base.process = K.module("process")
  K.base.channel = K.module("channel")
  K.base.payload = K.module("payload")
end

function K.set_accepting(value) S.accepting = value end

-- Figures for introspection: living processes, spawned so far, given away, adopted, pending timers.
function K.figures() return S.count, S.spawned, S.given or 0, S.adopted or 0, K.timer_count() end
