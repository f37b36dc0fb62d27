-- text.diff: objects hold their options only.
local K, natives = ...
local raw = K.raw
local rawtype, next, setmt = raw.type, raw.next, raw.setmetatable
local typeof = K.typeof
local fn = natives.fn

local OPTIONS = K.key("options")
local methods = {}
local Differ = K.class { name = "text.Differ", methods = methods, tostring = function() return "text.Differ{}" end }

local function own(self, name)
  if not K.is(self, Differ) then K.badtype(1, name, "text.Differ", self, 3) end
end
local function string_of(v, n, name)
  if rawtype(v) == "string" then return v end
  if rawtype(v) == "number" or K.is_error(v) then return K.text(v) end
  K.badtype(n, name, "string", v, 3)
end
local function table_of(v, n, name)
  if typeof(v) ~= "table" then K.badtype(n, name, "table", v, 3) end
  return v
end

local function of_two(name, native)
  methods[name] = function(self, a, b)
    own(self, name)
    a, b = string_of(a, 2, name), string_of(b, 3, name)
    return native(self[OPTIONS], a, b)
  end
end
of_two("compare", fn._compare)
of_two("patch_make", fn._patch_make)

local function of_diffs(name, native)
  methods[name] = function(self, diffs)
    own(self, name)
    return native(table_of(diffs, 2, name))
  end
end
of_diffs("summarize", fn._summarize)
of_diffs("pretty_text", fn._pretty_text)
of_diffs("pretty_html", fn._pretty_html)

function methods.patch_apply(self, patches, s)
  own(self, "patch_apply")
  table_of(patches, 2, "patch_apply")
  return fn._patch_apply(self[OPTIONS], patches, string_of(s, 3, "patch_apply"))
end

return {
  diff = {
    new = function(options)
      local kept = {}
      if options ~= nil then
        if typeof(options) ~= "table" then K.badtype(1, "new", "table", options) end
        for name, value in next, K.unfrozen(options) do
          if rawtype(name) == "string" and rawtype(value) == "number" then kept[name] = value end
        end
      end
      return setmt({ [OPTIONS] = kept }, Differ), nil
    end,
  },
}
