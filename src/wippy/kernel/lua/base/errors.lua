-- Structured errors: objects with kind, message, retryable and details; the library `errors`.
local K = ...
local raw = K.raw
local rawtype, next, getmt, setmt, rawlen, concat, mathtype, corunning =
  raw.type, raw.next, raw.getmetatable, raw.setmetatable, raw.rawlen, raw.concat, raw.mathtype, raw.corunning
local typeof, badarg, unfrozen, user_frames = K.typeof, K.badarg, K.unfrozen, K.user_frames

local KIND, MESSAGE, RETRYABLE, DETAILS = K.key("kind"), K.key("message"), K.key("retryable"), K.key("details")
local CONTEXT, PARENT, FRAMES, THREAD = K.key("context"), K.key("parent"), K.key("frames"), K.key("thread")
local MAX_FRAMES = 10
local MAX_DEPTH = 64

local methods = {}
local Error = K.class({
  name = "error",
  methods = methods,
  tostring = function(err) return err[MESSAGE] end,
})
K.error_class = Error

function K.is_error(v) return rawtype(v) == "table" and getmt(v) == Error end
local is_error = K.is_error

local function new(kind, message, retryable, details, context, parent)
  return setmt({
    [KIND] = kind or "",
    [MESSAGE] = message,
    [RETRYABLE] = retryable,
    [DETAILS] = details,
    [CONTEXT] = context,
    [PARENT] = parent,
    [FRAMES] = user_frames(MAX_FRAMES),
    [THREAD] = corunning(),
  }, Error)
end

-- retryable: true, false or nil; details: a table of plain data or nil; context: text in front of the full message.
function K.new_error(kind, message, retryable, details, context)
  if rawtype(message) ~= "string" then message = K.text(message) end
  if details and next(details) == nil then details = nil end
  if context == "" then context = nil end
  return new(kind, message, retryable, details, context)
end

function K.fail(kind, message, details, retryable)
  return nil, K.new_error(kind, message, retryable or false, details)
end

-- An error as it arrives beyond a call or at the end of a unit: without context and stack of where it came from;
-- its own stack is that of the receiver. Only the runtime itself sends errors without a kind (`kindless`).
local KINDLESS = K.key("kindless")

function K.received(err)
  local kind = err[KIND]
  if kind == "" and not err[KINDLESS] then kind = "Internal" end
  local arrived = new(kind, err[MESSAGE], err[RETRYABLE], err[DETAILS])
  if err[KINDLESS] then raw.rawset(arrived, KINDLESS, true) end
  return arrived
end

function K.kindless(err)
  raw.rawset(err, KINDLESS, true)
  return err
end

-- kind, message, retryable, details, context
function K.error_parts(err)
  return err[KIND], err[MESSAGE], err[RETRYABLE], err[DETAILS], err[CONTEXT]
end

-- Message with its context in front.
function K.full_text(err)
  local context = err[CONTEXT]
  if context then return context .. ": " .. err[MESSAGE] end
  return err[MESSAGE]
end
local full_text = K.full_text

local work = 0 -- tables and fields that were copied
local function settle()
  if work >= 1000 then K.charge(32 * work) end
  work = 0
end

-- Plain data of what a user gave as details: text keys, sequences, numbers as they are, the rest as text.
local function plain(v, depth, top)
  local t = typeof(v)
  if t == "string" or t == "number" or t == "boolean" then return v end
  if t ~= "table" or depth > MAX_DEPTH then return K.plain_text(v) end
  v = unfrozen(v)
  local out = {}
  work = work + 1
  if not top then
    local length = rawlen(v)
    work = work + length
    for i = 1, length do out[i] = plain(v[i], depth + 1) end
  end
  for k, item in next, v do
    if rawtype(k) == "string" then out[k] = plain(item, depth + 1) end
    work = work + 1
  end
  return out
end

local function copy(v)
  if rawtype(v) ~= "table" or K.classof(v) then return v end
  local out = {}
  work = work + 1
  for k, item in next, unfrozen(v) do
    out[k] = copy(item)
    work = work + 1
  end
  return out
end

local function self_of(err, name)
  if not is_error(err) then badarg(1, name, "error expected, got " .. typeof(err) .. "; call it with a colon: err:" .. name .. "()", 3) end
  return err
end

function methods.message(err) return self_of(err, "message")[MESSAGE] end
function methods.kind(err) return self_of(err, "kind")[KIND] end
function methods.retryable(err) return self_of(err, "retryable")[RETRYABLE] end

function methods.details(err)
  local details = self_of(err, "details")[DETAILS]
  if not details then return details end
  local given = copy(details)
  settle()
  return given
end

function methods.stack(err)
  local lines = {}
  local one = self_of(err, "stack")
  while one do
    lines[#lines + 1] = one[CONTEXT] or one[MESSAGE]
    for _, f in raw.ipairs(one[FRAMES]) do
      lines[#lines + 1] = "  " .. f.source .. ":" .. f.line .. " (" .. f.name .. ")"
    end
    one = one[PARENT]
  end
  return concat(lines, "\n")
end

local errors = {
  NOT_FOUND = "NotFound",
  ALREADY_EXISTS = "AlreadyExists",
  INVALID = "Invalid",
  PERMISSION_DENIED = "PermissionDenied",
  UNAVAILABLE = "Unavailable",
  INTERNAL = "Internal",
  CANCELED = "Canceled",
  CONFLICT = "Conflict",
  TIMEOUT = "Timeout",
  RATE_LIMITED = "RateLimited",
  UNKNOWN = "",
}

function errors.new(what)
  local t = typeof(what)
  if t == "string" then return new("", what) end
  if t == "number" or is_error(what) then return new("", K.text(what)) end
  if t ~= "table" then badarg(1, "new", "expected string or table, got " .. t) end
  local fields = unfrozen(what)
  local message = fields.message
  if message == nil then badarg(1, "new", "message field is required") end
  if is_error(message) then message = K.text(message) end
  if rawtype(message) ~= "string" then badarg(1, "new", "message must be a string") end
  local kind, retryable, details = fields.kind, fields.retryable, fields.details
  if rawtype(kind) ~= "string" then kind = "" end
  if rawtype(retryable) ~= "boolean" then retryable = nil end
  details = typeof(details) == "table" and plain(details, 0, true) or nil
  if details and next(details) == nil then details = nil end
  settle()
  return new(kind, message, retryable, details)
end

function errors.wrap(parent, context)
  local from_error = is_error(parent)
  if not from_error and rawtype(parent) ~= "string" then
    badarg(1, "wrap", "expected string or error object, got " .. typeof(parent))
  end
  if is_error(context) then context = context[MESSAGE] end
  if rawtype(context) ~= "string" then
    badarg(2, "wrap", "expected string or error object, got " .. typeof(context))
  end
  if context == "" then context = nil end
  if not from_error then return new("", parent, nil, nil, context) end
  return new(parent[KIND], full_text(parent), parent[RETRYABLE], parent[DETAILS], context, parent)
end

errors["is"] = function(err, kind)
  if rawtype(kind) ~= "string" then K.badtype(2, "is", "string", kind) end
  return is_error(err) and err[KIND] == kind
end

function errors.call_stack(err)
  if not is_error(err) then return nil end
  local frames = {}
  for i, f in raw.ipairs(err[FRAMES]) do frames[i] = copy(f) end
  return { thread = raw.tostring(err[THREAD]), frames = frames }
end

K.base.errors = K.library(errors)
