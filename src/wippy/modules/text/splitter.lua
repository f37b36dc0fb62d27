-- text.splitter: objects hold their options only.
local K, natives = ...
local raw = K.raw
local rawtype, rawlen, setmt = raw.type, raw.rawlen, raw.setmetatable
local typeof = K.typeof
local fn = natives.fn

local OPTIONS, SPLIT = K.key("options"), K.key("split")
local methods = {}
local Splitter = K.class { name = "text.Splitter", methods = methods, tostring = function() return "text.Splitter{}" end }

local function own(self, name)
  if not K.is(self, Splitter) then K.badtype(1, name, "text.Splitter", self, 3) end
end

function methods.split_text(self, s)
  own(self, "split_text")
  if rawtype(s) == "number" or K.is_error(s) then s = K.text(s) end
  if rawtype(s) ~= "string" then K.badtype(2, "split_text", "string", s) end
  return self[SPLIT](self[OPTIONS], s)
end

function methods.split_batch(self, pages)
  own(self, "split_batch")
  if typeof(pages) ~= "table" then K.badtype(2, "split_batch", "table", pages) end
  local list, out, n = K.unfrozen(pages), {}, 0
  for i = 1, rawlen(list) do
    local page = list[i]
    local content = typeof(page) == "table" and page.content
    if rawtype(content) == "number" then content = K.text(content) end
    if rawtype(content) == "string" and content ~= "" then
      local metadata = page.metadata
      if typeof(metadata) ~= "table" then metadata = {} end
      local chunks, err = self[SPLIT](self[OPTIONS], content)
      if err then return nil, err end
      for k = 1, #chunks do
        n = n + 1
        out[n] = { content = chunks[k], metadata = metadata }
      end
    end
  end
  return out, nil
end

local NAMES = {
  "chunk_size", "chunk_overlap", "keep_separator", "code_blocks", "reference_links", "heading_hierarchy", "join_table_rows",
}

local function maker(name, split)
  return function(options)
    local kept = {}
    if options ~= nil then
      if typeof(options) ~= "table" then K.badtype(1, name, "table", options) end
      for i = 1, #NAMES do
        local value = options[NAMES[i]]
        if rawtype(value) == "number" or rawtype(value) == "boolean" then kept[NAMES[i]] = value end
      end
      local separators = options.separators
      if typeof(separators) == "table" then
        local list = {}
        separators = K.unfrozen(separators)
        for i = 1, rawlen(separators) do
          if rawtype(separators[i]) == "string" then list[#list + 1] = separators[i] end
        end
        kept.separators = list
      end
    end
    return setmt({ [OPTIONS] = kept, [SPLIT] = split }, Splitter), nil
  end
end

return { splitter = { recursive = maker("recursive", fn._split_recursive), markdown = maker("markdown", fn._split_markdown) } }
