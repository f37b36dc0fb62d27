-- The funcs module: calls, futures, the executor.
local K = ...
local raw = K.raw
local rawtype, select, next, find = raw.type, raw.select, raw.next, raw.find
local S, ops, fail, permit = K.state, K.ops, K.fail, K.permit
local setmt = raw.setmetatable

local INVALID, DENIED = "Invalid", "PermissionDenied"

local function arguments(...)
  local n = select("#", ...)
  local args = K.copy_all({ ... }, n)
  args.n = n
  return args
end

-- Checks a target; returns an error object or nil.
local function refusal(target, name)
  if rawtype(target) ~= "string" then K.badtype(1, name, "string", target, 3) end
  if target == "" then return K.new_error(INVALID, "function ID required", false) end
  local colon = find(target, ":", 1, true)
  if not colon or colon == 1 then return K.new_error(INVALID, "namespace required in function ID", false) end
  if colon == #target then return K.new_error(INVALID, "name required in function ID", false) end
  local frame = S.cur.p.frame
  if (frame.guard or K.strict) and not permit("funcs.call", target) then
    return K.new_error(DENIED, "not allowed: " .. target, false)
  end
end

-- Durations in options: milliseconds as a number, or text. Nanoseconds, or nil where there is none.
local function milliseconds(v)
  if rawtype(v) == "number" then
    if v ~= v or v <= 0 or v > 9e12 then return nil end
    return raw.floor(v * 1000000) // 1
  elseif rawtype(v) == "string" then
    K.load_module("time")
    local ns = K.time.nanoseconds(v)
    if ns and ns > 0 then return ns end
  end
  return nil
end

local function kinds(v)
  if rawtype(v) == "string" then return { [v] = true } end
  if rawtype(v) ~= "table" then return nil end
  local set = {}
  for _, k in raw.ipairs(v) do
    if rawtype(k) == "string" then set[k] = true end
  end
  return next(set) and set or nil
end

local function number_of(v, default)
  if rawtype(v) == "number" and v == v and v > 0 then return v end
  return default
end

-- The retry rule of options, or nil.
local function retry_rule(options)
  local r = options and options.retry
  if rawtype(r) ~= "table" then return nil end
  local attempts = rawtype(r.max_attempts) == "number" and raw.floor(r.max_attempts) or 0
  if attempts <= 1 then return nil end
  local jitter = r.jitter
  if jitter == nil then jitter = 0.1 elseif rawtype(jitter) ~= "number" then jitter = 0 end
  return {
    attempts = attempts,
    initial = milliseconds(r.initial_delay) or 100000000,
    max = milliseconds(r.max_delay) or 10000000000,
    factor = number_of(r.backoff_factor, 2.0),
    jitter = jitter,
    only = kinds(r.retry_kinds),
    skip = kinds(r.skip_kinds),
  }
end

local never = { Invalid = true, PermissionDenied = true, Internal = true }

local function retries(rule, err)
  local kind, _, retryable = K.error_parts(err)
  if kind == "Canceled" or kind == "Timeout" and retryable == nil then return false end
  if retryable == false then return false end
  if kind == "" or kind == nil then kind = "Unknown" end
  if rule.skip and rule.skip[kind] then return false end
  if rule.only then return rule.only[kind] == true end
  return not never[kind]
end

local function delay(rule, attempt)
  local base = rule.initial * rule.factor ^ (attempt - 1)
  if base > rule.max then base = rule.max end
  if rule.jitter > 0 then
    local r = raw.unpack_string("<I4", K.entropy(4)) / 4294967296
    base = base + base * rule.jitter * (2 * r - 1)
  end
  return raw.floor(base) // 1
end

-- A call with options: done(value, err) is told the outcome; returns cancel(kind, message).
local function start(target, frame, args, options, done)
  local rule = retry_rule(options)
  local limit = options and milliseconds(options.timeout)
  if K.workflow or (not rule and not limit) then return ops.async(target, frame, args, done, options) end
  local finished, cancel, timer, attempt = false, nil, nil, 0
  local p = S.cur.p
  local function finish(value, err)
    if finished then return end
    finished = true
    if timer then K.timer_stop(timer) end
    done(value, err)
  end
  local function try()
    attempt = attempt + 1
    local copied = K.copy_all({ raw.tunpack(args, 1, args.n) }, args.n)
    copied.n = args.n
    local before = S.cur
    S.cur = p -- a repetition, too, belongs to the caller
    cancel = ops.async(target, frame, copied, function(value, err)
      if err and rule and not finished and not p.done and attempt < rule.attempts and retries(rule, err) then
        local wait = delay(rule, attempt + 1)
        if wait > 0 then
          local again = function() if not finished and not p.done then try() end end
          local callee = S.cur
          S.cur = p
          K.timer_start(wait, again)
          S.cur = callee
          return
        end
      end
      finish(value, err)
    end, options)
    S.cur = before
  end
  if limit then
    timer = K.timer_start(limit, function()
      if finished then return end
      local stop = cancel
      finish(nil, K.new_error("Timeout", "context deadline exceeded", nil))
      if stop then stop("Timeout", "context deadline exceeded") end
    end)
  end
  try()
  return function(kind, message)
    local stop = cancel
    finish(nil, K.new_error(kind or "Canceled", message or "context canceled", nil))
    if stop then stop(kind, message) end
  end
end

local function preset(target)
  if K.workflow then return nil end
  local unit = K.unit(target)
  return unit and unit.options
end

local function overlay(base, more)
  if not base then return more end
  if not more then return base end
  local result = {}
  for k, v in next, base do result[k] = v end
  for k, v in next, more do result[k] = v end
  return result
end

local function call(target, frame, options, ...)
  local err = refusal(target, "call")
  if err then return nil, err end
  local args = arguments(...)
  options = overlay(preset(target), options)
  if not options or K.workflow or not (options.retry or options.timeout) then
    local value, failure = ops.call(target, frame, args, options)
    if failure then return nil, K.received(failure) end
    return value, nil
  end
  local th = K.waiting_thread("funcs.call")
  local value, failure, finished
  local waiting = false
  start(target, frame, args, options, function(v, e)
    value, failure, finished = v, e, true
    if waiting then K.ready_first(th) end
  end)
  if not finished then
    waiting = true
    K.park()
  end
  if failure then return nil, K.received(failure) end
  return value, nil
end

-- Futures.
local CHANNEL, STATE, CANCEL = K.key("channel"), K.key("state"), K.key("cancel")
local future_methods = {}
local Future = K.class({ name = "funcs.Future", methods = future_methods })

local function state_of(self, name)
  if not K.is(self, Future) then K.badtype(1, name, "funcs.Future", self, 3) end
  return self[STATE]
end

local function async(target, frame, options, ...)
  local err = refusal(target, "async")
  if err then return nil, err end
  K.waiting_thread("funcs.async")
  local args = arguments(...)
  local ch = K.channel_new(1)
  local state = { complete = false, canceled = false }
  local future = setmt({ [CHANNEL] = ch, [STATE] = state, [CANCEL] = false }, Future)
  local p = S.cur.p
  local function deliver(value, failure)
    if state.canceled or p.done then return end
    state.complete = true
    if failure then
      failure = K.received(failure)
      state.err = failure
      K.channel_offer(ch, failure)
    else
      state.payload = K.payload(value)
      K.channel_offer(ch, state.payload)
    end
    K.channel_close(ch)
  end
  options = overlay(preset(target), options)
  local running = true
  local early
  future[CANCEL] = start(target, frame, args, options, function(value, failure)
    if running then
      early = { value, failure }
    else
      deliver(value, failure)
    end
  end)
  running = false
  if early then
    -- never complete before the owner's first suspension
    K.ready({ co = raw.cocreate(function() deliver(early[1], early[2]) end), p = { done = true } })
  end
  return future, nil
end

function future_methods.response(self)
  state_of(self, "response")
  return self[CHANNEL]
end
future_methods.channel = future_methods.response

function future_methods.is_complete(self) return state_of(self, "is_complete").complete end
function future_methods.is_canceled(self) return state_of(self, "is_canceled").canceled end

function future_methods.result(self)
  local state = state_of(self, "result")
  if state.canceled then return nil, K.new_error("Canceled", "canceled", false) end
  if state.err then return nil, state.err end
  if state.complete then return state.payload, nil end
  return nil, nil
end

function future_methods.error(self)
  local state = state_of(self, "error")
  if state.complete and state.err then
    local _, message, _, details = K.error_parts(state.err)
    return K.new_error("Internal", message, false, details), true
  end
  return nil, false
end

function future_methods.cancel(self)
  local state = state_of(self, "cancel")
  if state.canceled then return true, nil end
  state.canceled = true
  if not state.complete then
    K.channel_close(self[CHANNEL])
    local cancel = self[CANCEL]
    if cancel then cancel("Canceled", "canceled") end
  end
  return true, nil
end

-- The executor: an immutable builder.
local SPEC = K.key("spec")
local executor_methods = {}
local Executor = K.class({ name = "funcs.Executor", methods = executor_methods })

local function spec_of(self, name)
  if not K.is(self, Executor) then K.badtype(1, name, "funcs.Executor", self, 3) end
  return self[SPEC]
end

local function changed(spec, field, value)
  local copied = {}
  for k, v in next, spec do copied[k] = v end
  copied[field] = value
  return setmt({ [SPEC] = copied }, Executor)
end

function executor_methods.with_context(self, values)
  local spec = spec_of(self, "with_context")
  if not permit("funcs.context", "context") then return fail(DENIED, "not allowed to call functions with custom context") end
  if rawtype(values) ~= "table" or K.classof(values) then K.badtype(1, "with_context", "table", values, 2) end
  local merged = {}
  for k, v in next, spec.values or {} do merged[k] = v end
  for k, v in next, K.unfrozen(values) do
    if rawtype(k) == "string" then merged[k] = K.native(v) end
  end
  return changed(spec, "values", merged)
end

function executor_methods.with_actor(self, actor)
  local spec = spec_of(self, "with_actor")
  if not permit("funcs.security", "security") then
    return fail(DENIED, "not allowed to call functions with custom security context")
  end
  local value = K.actor_value and K.actor_value(actor)
  if not value then K.badtype(1, "with_actor", "security.Actor", actor, 2) end
  return changed(spec, "actor", value)
end

function executor_methods.with_scope(self, scope)
  local spec = spec_of(self, "with_scope")
  if not permit("funcs.security", "security") then
    return fail(DENIED, "not allowed to call functions with custom security context")
  end
  local value = K.scope_value and K.scope_value(scope)
  if not value then K.badtype(1, "with_scope", "security.Scope", scope, 2) end
  return changed(spec, "scope", value)
end

function executor_methods.with_options(self, options)
  local spec = spec_of(self, "with_options")
  local network = rawtype(options) == "table" and options.network
  if rawtype(network) == "string" and network ~= "" and not permit("network.select", network) then
    return fail(DENIED, "not allowed: network " .. network)
  end
  if rawtype(options) ~= "table" or K.classof(options) then K.badtype(1, "with_options", "table", options, 2) end
  local copied = {}
  for k, v in next, K.unfrozen(options) do
    if rawtype(k) == "string" then copied[k] = K.native(v) end
  end
  return changed(spec, "options", copied)
end

local function frame_for(spec)
  local frame = S.cur.p.frame
  if not spec.actor and not spec.scope and not spec.values then return frame end
  local values = frame.values
  if spec.values then
    local merged = {}
    for k, v in next, values or {} do merged[k] = v end
    for k, v in next, spec.values do merged[k] = v end
    values = merged
  end
  return K.make_frame(spec.actor or frame.actor, spec.scope or frame.scope, values)
end

function executor_methods.call(self, target, ...)
  local spec = spec_of(self, "call")
  return call(target, frame_for(spec), spec.options, ...)
end

function executor_methods.async(self, target, ...)
  local spec = spec_of(self, "async")
  return async(target, frame_for(spec), spec.options, ...)
end


return {
  call = function(target, ...) return call(target, S.cur.p.frame, nil, ...) end,
  async = function(target, ...) return async(target, S.cur.p.frame, nil, ...) end,
  new = function() return setmt({ [SPEC] = {} }, Executor) end,
}
