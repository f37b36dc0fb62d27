-- The built-in types as globals. `string` is the library too: only the names of type methods go to the type.
local K = ...
local raw = K.raw
local T = K.types
local base = K.base

for _, name in raw.ipairs({ "integer", "number", "boolean", "any", "unknown", "never" }) do
  base[name] = T.value_of(T.basic[name])
end

local library = base.string
local mt = raw.getmetatable(library)
local members = {}
for name, method in raw.next, T.methods do members[name] = method end
members["is"] = T.equip(mt, T.basic.string, library)
for name, value in raw.next, K.unfrozen(library) do members[name] = value end
mt.__index = members
