-- The registry module: lists of versions, and changes that are gathered before they are applied.
local K, natives = ...
local raw = K.raw
local rawtype, setmt, next = raw.type, raw.setmetatable, raw.next
local fn, fail = natives.fn, K.fail

local OPS = K.key("ops")
local INVALID = "Invalid"

local function versions()
  local numbers, err = fn._version_numbers()
  if not numbers then return nil, err end
  local out = {}
  for i = 1, #numbers do
    local version
    version, err = fn._get_version(numbers[i])
    if not version then return nil, err end
    out[i] = version
  end
  return out, nil
end

local history_methods = {}
local History = K.class({
  name = "registry.History",
  methods = history_methods,
  tostring = function() return "registry.History{}" end,
})
natives.methods["registry.History"] = history_methods

local function check(self, class, kind, name)
  if not K.is(self, class) then K.badtype(1, name, kind, self, 3) end
end

function history_methods.versions(self)
  check(self, History, "registry.History", "versions")
  return versions()
end

function history_methods.get_version(self, number)
  check(self, History, "registry.History", "get_version")
  return fn._get_version(number)
end

function history_methods.snapshot_at(self, version)
  check(self, History, "registry.History", "snapshot_at")
  return fn._snapshot_at(version)
end

local change_methods = {}
local Changes
Changes = K.class({
  name = "registry.Changes",
  methods = change_methods,
  tostring = function(self) return "registry.Changes{ops=" .. #self[OPS] .. "}" end,
})
natives.methods["registry.Changes"] = change_methods

-- An id given as text or as {ns, name}, else nil.
local function id_of(value)
  if rawtype(value) == "string" then return value end
  if K.typeof(value) ~= "table" then return nil end
  local t = K.unfrozen(value)
  if rawtype(t.ns) ~= "string" or rawtype(t.name) ~= "string" then return nil, true end
  return t.ns .. ":" .. t.name
end

-- The entry that a table describes, copied, or nil and an error.
local function entry_of(value)
  local t = K.typeof(value) == "table" and K.unfrozen(value) or {}
  if t.id == nil or (rawtype(t.id) ~= "string" and K.typeof(t.id) ~= "table") then
    return fail(INVALID, "convert entry: entry must have valid id field")
  end
  local id = id_of(t.id)
  if not id then return fail(INVALID, "convert entry: id requires ns and name fields") end
  if rawtype(t.kind) ~= "string" then return fail(INVALID, "convert entry: entry must have kind field") end
  local meta = {}
  if K.typeof(t.meta) == "table" then
    for key, item in next, K.unfrozen(t.meta) do
      if rawtype(key) == "string" then meta[key] = K.native(item) end
    end
  end
  return { id = id, kind = t.kind, meta = meta, data = K.native(t.data) }
end

local function change(self, kind, value, name)
  check(self, Changes, "registry.Changes", name)
  local entry, err = entry_of(value)
  if not entry then return nil, err end
  local ops = self[OPS]
  ops[#ops + 1] = { kind = kind, entry = entry }
  return self
end

function change_methods.create(self, entry) return change(self, "entry.create", entry, "create") end
function change_methods.update(self, entry) return change(self, "entry.update", entry, "update") end

function change_methods.delete(self, value)
  check(self, Changes, "registry.Changes", "delete")
  local id = id_of(value)
  if not id or not raw.find(id, ":", 1, true) then return fail(INVALID, "invalid ID format") end
  local ops = self[OPS]
  ops[#ops + 1] = { kind = "entry.delete", entry = { id = id, kind = "", meta = {} } }
  return self
end

function change_methods.ops(self)
  check(self, Changes, "registry.Changes", "ops")
  return K.copy(self[OPS])
end

function change_methods.apply(self)
  check(self, Changes, "registry.Changes", "apply")
  return fn._apply(self[OPS])
end

local Snapshot = natives.classes["registry.Snapshot"]
natives.methods["registry.Snapshot"].changes = function(self)
  check(self, Snapshot, "registry.Snapshot", "changes")
  return setmt({ [OPS] = {} }, Changes)
end

return {
  versions = versions,
  history = function() return setmt({}, History), nil end,
}
