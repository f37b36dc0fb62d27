-- logger: Logger objects; a record goes to Python with its fields as plain data.
local K, natives = ...
local raw = K.raw
local rawtype, next, setmt, select, getinfo, tostring, typeof = raw.type, raw.next, raw.setmetatable, raw.select, raw.getinfo, raw.tostring, K.typeof
local write = natives.fn._log

local NAME, FIELDS = K.key("name"), K.key("fields")
local methods = {}
local Logger = K.class { name = "logger.Logger", methods = methods, tostring = function(self) return "logger.Logger{" .. self[NAME] .. "}" end }

local function plain(v, seen)
  local t = typeof(v)
  if t == "string" or t == "number" or t == "boolean" then return v end
  if t ~= "table" then return K.text(v) end
  if seen[v] then return "<recursive>" end
  seen[v] = true
  local out = {}
  for k, item in next, K.unfrozen(v) do
    if rawtype(k) == "string" or rawtype(k) == "number" then out[k] = plain(item, seen) end
  end
  seen[v] = nil
  return out
end

local function merged(base, more)
  local out = {}
  for k, v in next, base do out[k] = v end
  if more then
    for k, v in next, K.unfrozen(more) do
      if rawtype(k) == "string" then out[k] = plain(v, {}) end
    end
  end
  return out
end

local function check(self, name)
  if not K.is(self, Logger) then
    K.badarg(1, name, "logger.Logger expected, got " .. typeof(self) .. "; call it with a colon: logger:" .. name .. "(...)", 3)
  end
end

local function text_arg(v, name)
  if rawtype(v) == "string" then return v end
  if rawtype(v) == "number" or K.is_error(v) then return K.text(v) end
  K.badtype(2, name, "string", v, 3)
end

for _, level in next, { "debug", "info", "warn", "error" } do
  methods[level] = function(self, message, ...)
    check(self, level)
    message = text_arg(message, level)
    local fields = ...
    if select("#", ...) > 0 and typeof(fields) ~= "table" then K.badtype(3, level, "table", fields) end
    local info = getinfo(2, "Sl")
    local line = info and info.currentline > 0 and info.currentline or nil
    local chunk = line and raw.sub(info.source, 1, 1) == "=" and raw.sub(info.source, 2) or nil
    local record = merged(self[FIELDS], fields)
    write(level, self[NAME], message, next(record) ~= nil and record or nil, line, chunk)
    return self
  end
end

methods["with"] = function(self, fields)
  check(self, "with")
  if typeof(fields) ~= "table" then K.badtype(2, "with", "table", fields) end
  return setmt({ [NAME] = self[NAME], [FIELDS] = merged(self[FIELDS], fields) }, Logger)
end

function methods.named(self, name)
  check(self, "named")
  name = text_arg(name, "named")
  if name == "" then K.badarg(2, "named", "name cannot be empty") end
  local full = self[NAME] == "" and name or self[NAME] .. "." .. name
  return setmt({ [NAME] = full, [FIELDS] = self[FIELDS] }, Logger)
end

natives.methods["logger.Logger"] = methods
return setmt({ [NAME] = "", [FIELDS] = {} }, Logger)
