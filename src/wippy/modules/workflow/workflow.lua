-- The workflow module: children, versions, attributes and figures of the run.
local K = ...
local raw = K.raw
local rawtype, select, find = raw.type, raw.select, raw.find
local S, fail = K.state, K.fail

local function arguments(...)
  local n = select("#", ...)
  local args = K.copy_all({ ... }, n)
  args.n = n
  return args
end

local function check(id, name)
  if rawtype(id) ~= "string" then
    if id == nil then return K.new_error("Invalid", "workflow ID required", false) end
    K.badtype(1, name, "string", id, 3)
  end
  if id == "" then return K.new_error("Invalid", "workflow ID required", false) end
  if not find(id, "^[^:]+:.") then
    return K.new_error("Invalid", "invalid workflow ID format (namespace:name required)", false)
  end
  if not K.permit("workflow.exec", id) then return K.new_error("PermissionDenied", "not allowed: " .. id, false) end
end

local function child(id, ...)
  local value, err = K.ops.exec(id, "", S.cur.p.frame, arguments(...))
  if not err then return value, nil end
  local kind, message, retryable, details = K.error_parts(err)
  if kind == "" or kind == nil then
    kind = "Internal"
    if retryable == nil then retryable = true end
  end
  return nil, K.new_error(kind, "workflow exec failed: " .. message, retryable, details)
end

local workflow = {}

function workflow.exec(id, ...)
  local err = check(id, "exec")
  if err then return nil, err end
  if not K.workflow then return fail("Invalid", "workflow.exec outside workflow context not yet supported") end
  return child(id, ...)
end

function workflow.execute(id, ...)
  local err = check(id, "execute")
  if err then return nil, err end
  if K.workflow then return child(id, ...) end
  local host, why = K.host.workflow_worker(id)
  if not host then return fail("Invalid", why) end
  return K.ops.exec(id, host, S.cur.p.frame, arguments(...))
end

local function number(value, n)
  if rawtype(value) ~= "number" then K.badtype(n, "version", "number", value, 3) end
  return raw.floor(value) // 1 | 0
end

function workflow.version(change, min, max)
  if rawtype(change) ~= "string" then K.badtype(1, "version", "string", change, 2) end
  min, max = number(min, 2), number(max, 3)
  if change == "" then return fail("Invalid", "change ID required") end
  if not raw.utf8len(change) then return fail("Invalid", "change ID must be UTF-8 text") end
  if min > max then return fail("Invalid", "min_supported cannot be greater than max_supported") end
  if not K.workflow then return max, nil end
  return K.ops.version(change, min, max), nil
end

-- Values with a name, as JSON holds them, or nil and why it does not.
local function named(t)
  local json = K.load_module("json")
  local found = {}
  for key, value in raw.next, K.unfrozen(t) do
    if rawtype(key) == "string" then
      local text, err = json.encode(value)
      if not text then return nil, "error transcoding value: " .. K.text(err) end
      found[key] = json.decode(text)
    end
  end
  return found
end

function workflow.attrs(t)
  if rawtype(t) ~= "table" or K.classof(t) then K.badtype(1, "attrs", "table", t, 2) end
  if not K.workflow then return fail("Invalid", "workflow.attrs only available in workflow context") end
  local search, memo = t.search, t.memo
  if search ~= nil and rawtype(search) ~= "table" then return fail("Invalid", "search must be a table") end
  if memo ~= nil and rawtype(memo) ~= "table" then return fail("Invalid", "memo must be a table") end
  if search == nil and memo == nil then return fail("Invalid", "at least one of search or memo required") end
  local problem
  if search then
    search = K.attributes(search)
    problem = K.host.check_options("attributes", K.encode(search))
  end
  if memo and not problem then memo, problem = named(memo) end
  if problem then return fail("Internal", problem) end
  K.ops.attrs(search, memo)
  return true, nil
end

function workflow.info()
  if not K.workflow then return nil, nil end
  return K.ops.info(), nil
end

function workflow.history_length()
  if not K.workflow then return 0, nil end
  return K.ops.info().history_length, nil
end

function workflow.history_size()
  if not K.workflow then return 0, nil end
  return K.ops.info().history_size, nil
end

return workflow
