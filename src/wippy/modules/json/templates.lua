-- json: objects that look alike are read by one pattern made for them.
--
-- A reader that goes from token to token calls a function for every key, colon and value. Records come in numbers:
-- what has been learned from the text of one (names, white space, kinds of values) becomes a Lua pattern that takes
-- the values out of the next in one call. A text that does not fit is read as if there were no pattern.
local K = ...
local raw = K.raw
local byte, sub, find, match, gsub, format, rep = raw.byte, raw.sub, raw.find, raw.match, raw.gsub, raw.format, raw.rep
local concat, load, tonumber, mathtype, next, insert, remove = raw.concat, raw.load, raw.tonumber, raw.mathtype, raw.next, raw.insert, raw.remove

local MAX_FIELDS, MAX_ITEMS, MAX_NESTED = 40, 8, 3
local MAX_TEXT = 8000      -- bytes of an object that is learned from
local MAX_CAPTURES = 20    -- in one pattern: Lua allows 32, and 200 levels of matching
local MAX_TEMPLATES, MAX_LIST, MAX_NAMES, MAX_STRING = 200, 4, 1000, 1000
local MAX_CREDIT, EARN = 200, 200

local by_first, by_form, count = {}, {}, 0
local seen, seen_count = {}, 0
-- What may still be spent on learning; objects that no template fits earn it slowly, so that it never costs much.
local credit, unfit = MAX_CREDIT, 0

local NULL = {}
local words = { ["true"] = true, ["false"] = false, null = NULL }

local function literal(s) return (gsub(s, "[^%w ]", "%%%0")) end

-- What a text looks like ------------------------------------------------------------------------------------------
-- A node is {kind}: s string, i integer, f decimal fraction, n either, w true false null, o object, l list,
-- a anything (read by the reader). Objects have fields {before, key, colon, value}, lists items; both `close`.

local ANY = { kind = "a" }

local function leaf(s, i, stop)
  local b = byte(s, i)
  local kind = "a"
  if b == 34 then
    if stop - i < MAX_STRING and match(s, '^"[^"\\%c]*"()', i) == stop then kind = "s" end
  elseif b == 116 or b == 102 or b == 110 then
    kind = "w"
  elseif match(s, "^%-?%d+()", i) == stop then
    kind = "i"
  elseif match(s, "^%-?%d+%.%d+()", i) == stop then
    kind = "f"
  end
  return { kind = kind }
end

local node_at

-- The object at i of a text that has been read already.
local function object_at(s, i, depth, read)
  local node = { kind = "o" }
  local before, at = match(s, "^({[ \n\r\t]*)()", i)
  while true do
    local key, colon, from = match(s, '^"([^"\\%c]*)"([ \n\r\t]*:[ \n\r\t]*)()', at)
    if not key or #node >= MAX_FIELDS then return nil end
    local value
    value, at = node_at(s, from, depth + 1, read)
    node[#node + 1] = { before = before, key = key, colon = colon, value = value }
    local close, stop = match(s, "^([ \n\r\t]*})()", at)
    if close then
      node.close = close
      return node, stop
    end
    before, at = match(s, "^([ \n\r\t]*,[ \n\r\t]*)()", at)
  end
end

local function list_at(s, i, depth, read)
  local node = { kind = "l" }
  local before, at = match(s, "^(%[[ \n\r\t]*)()", i)
  while true do
    if #node >= MAX_ITEMS then return nil end
    local value
    value, at = node_at(s, at, depth + 1, read)
    local kind = value.kind
    if kind ~= "s" and kind ~= "i" and kind ~= "f" then return nil end
    node[#node + 1] = { before = before, value = value }
    local close, stop = match(s, "^([ \n\r\t]*%])()", at)
    if close then
      node.close = close
      return node, stop
    end
    before, at = match(s, "^([ \n\r\t]*,[ \n\r\t]*)()", at)
  end
end

node_at = function(s, i, depth, read)
  local b = byte(s, i)
  local node, stop
  if (b == 123 or b == 91) and depth <= MAX_NESTED and not find(s, b == 123 and "^{[ \n\r\t]*}" or "^%[[ \n\r\t]*%]", i) then
    node, stop = (b == 123 and object_at or list_at)(s, i, depth, read)
  end
  if node then return node, stop end
  local _
  _, stop = read(s, i, 0)
  if b == 123 or b == 91 then return ANY, stop end
  return leaf(s, i, stop), stop
end

-- Names and white space of an object, not what is in it.
local function form_of(node)
  local parts = {}
  for i = 1, #node do
    local field = node[i]
    parts[#parts + 1] = field.before .. '"' .. field.key .. '"' .. field.colon
  end
  return concat(parts, "\0") .. node.close
end

local function merged(old, new)
  local a, b = old.kind, new.kind
  if a ~= b then
    if find(a .. b, "^[ifn][ifn]$") then return { kind = "n" } end
    return ANY
  end
  if a ~= "o" and a ~= "l" then return old end
  if #old ~= #new or old.close ~= new.close then return ANY end
  local node = { kind = a, close = old.close }
  for i = 1, #old do
    local one, other = old[i], new[i]
    if one.before ~= other.before or one.key ~= other.key or one.colon ~= other.colon then return ANY end
    node[i] = { before = one.before, key = one.key, colon = one.colon, value = merged(one.value, other.value) }
  end
  return node
end

-- How many values a nested node takes out; nil when it must be left to the reader.
local function captures_of(node)
  local kind = node.kind
  if kind == "a" then return nil end
  if kind ~= "o" and kind ~= "l" then return 1 end
  local total, some = 0, false
  for i = 1, #node do
    local inner = captures_of(node[i].value)
    if not inner then return nil end
    total = total + inner
    some = some or node[i].value.kind ~= "w"
  end
  if not some or total > MAX_CAPTURES then return nil end -- all null would be an empty object
  return total
end

local function same(a, b)
  if a.kind ~= b.kind then return false end
  for i = 1, #a do
    if not same(a[i].value, b[i].value) then return false end
  end
  return true
end

-- Code -------------------------------------------------------------------------------------------------------------

local PATTERNS = {
  s = '"([^"\\%c]*)"', i = "(%-?%d+)", f = "(%-?%d+%.%d+)", n = "(%-?%d+%.?%d*)", w = "(%l+)",
}
-- `%s` is the value, `%r` what is done when it must be left to the reader.
local CONVERSIONS = {
  s = "",
  i = [[if #%s > 18 or %s < "1" and %s ~= "0" and find(%s, "^%-?0%d") then %r end %s = tonumber(%s)]],
  f = [[if #%s > 300 or %s < "1" and find(%s, "^%-?0%d") then %r end %s = tonumber(%s)]],
  n = [[if #%s > 18 and not find(%s, ".", 1, true) or #%s > 300 or %s < "1" and %s ~= "0" and find(%s, "^%-?0%d") or find(%s, ".", -1, true) then %r end %s = tonumber(%s)]],
  w = [[%s = words[%s] if %s == nil then %r end if %s == NULL then %s = nil end]],
}
local HEAD = [[
local match, find, tonumber, words, NULL, next, marks, read, resume, keys = ...
return function(s, i, depth)
  if depth > %d then return nil end
  local p, q = i, i
]]

local function depth_of(node)
  local deepest = 0
  for i = 1, #node do
    local inner = depth_of(node[i].value) + (node[i].value.kind == "o" and 1 or node[i].value.kind == "l" and 1 or 0)
    if inner > deepest then deepest = inner end
  end
  return deepest
end

local function filled(code, name, fail)
  return (gsub(code, "%%([sr])", { s = name, r = fail }))
end

-- Appends pattern, names and kinds of a nested node -> the expression that makes it.
local function inline(node, pattern, names, kinds, fresh)
  local kind = node.kind
  if kind ~= "o" and kind ~= "l" then
    local name = fresh()
    pattern[#pattern + 1] = PATTERNS[kind]
    names[#names + 1], kinds[#kinds + 1] = name, kind
    return name
  end
  local parts = {}
  for i = 1, #node do
    local field = node[i]
    pattern[#pattern + 1] = literal(field.before .. (field.key and '"' .. field.key .. '"' .. field.colon or ""))
    local value = inline(field.value, pattern, names, kinds, fresh)
    parts[i] = field.key and format("[%q] = %s", field.key, value) or value
  end
  pattern[#pattern + 1] = literal(node.close)
  return "{" .. concat(parts, ", ") .. "}"
end

-- The function that reads an object that looks like `node` -> value, position behind it; or nil.
local function compile(node, tools)
  local code, number = { format(HEAD, tools.max_depth - depth_of(node)) }, 0
  local function fresh()
    number = number + 1
    return "v" .. number
  end
  local keys, values, ready, nullable = {}, {}, 0, true
  local pattern, names, kinds = { "^" }, {}, {}
  -- Code for what the pattern holds so far; when it does not fit, the reader goes on behind the fields read so far.
  local function flush()
    local fail = "do return nil end"
    if ready > 0 then fail = format("do return resume(s, p, depth, keys, %d, %s) end", ready, concat(values, ", ", 1, ready)) end
    local targets = #names > 0 and "local " .. concat(names, ", ") .. " " or ""
    pattern[#pattern + 1] = "()"
    code[#code + 1] = format("%s%s%sq = match(s, %q, p) if not q then %s end", targets, concat(names, ", "),
      #names > 0 and ", " or "", concat(pattern), fail)
    for i = 1, #names do code[#code + 1] = filled(CONVERSIONS[kinds[i]], names[i], fail) end
    code[#code + 1] = "p = q"
    pattern, names, kinds = { "^" }, {}, {}
    ready = #values
  end
  for i = 1, #node do
    local field = node[i]
    keys[i] = field.key
    local captures = captures_of(field.value)
    if captures and #names + captures > MAX_CAPTURES then flush() end
    pattern[#pattern + 1] = literal(field.before .. '"' .. field.key .. '"' .. field.colon)
    if captures then
      values[i] = inline(field.value, pattern, names, kinds, fresh)
      nullable = nullable and field.value.kind == "w"
    else
      pattern[#pattern + 1] = "[ \n\r\t]*"
      flush()
      values[i] = fresh()
      code[#code + 1] = format("local %s %s, p = read(s, p, depth + 1)", values[i], values[i])
      ready = i
    end
  end
  pattern[#pattern + 1] = literal(node.close)
  flush()
  local parts = {}
  for i = 1, #keys do parts[i] = format("[%q] = %s", keys[i], values[i]) end
  code[#code + 1] = "local t = {" .. concat(parts, ", ") .. "}"
  if nullable then code[#code + 1] = "if next(t) == nil then marks[t] = true end" end
  code[#code + 1] = "return t, p end"
  if number > 120 then return nil end
  local made = load(concat(code, "\n"), "=json", "t", {})
  return made(match, find, tonumber, words, NULL, next, K.hash_marks, tools.read, tools.resume, keys)
end

local function forget()
  by_first, by_form, count, seen, seen_count = {}, {}, 0, {}, 0
end

-- Learns from the object that stands at i and ends before `stop`, whose first name is `first`.
local function learn(s, i, stop, first, tools)
  unfit = unfit + 1
  if unfit >= EARN then
    unfit = 0
    if credit < MAX_CREDIT then credit = credit + 1 end
  end
  if not seen[first] then
    -- one object alone is no reason for code
    if seen_count >= MAX_NAMES then seen, seen_count = {}, 0 end
    if #first <= 100 then seen[first], seen_count = true, seen_count + 1 end
    return
  end
  if credit <= 0 or stop - i > MAX_TEXT then return end
  credit = credit - 1
  local node = object_at(s, i, 0, tools.read)
  if not node then return end
  local form = form_of(node)
  local template = by_form[form]
  if template then
    local both = merged(template.node, node)
    if same(both, template.node) then return end
    template.node = both
  else
    if count >= MAX_TEMPLATES then forget() end
    count = count + 1
    template = { node = node }
    by_form[form] = template
    local list = by_first[first]
    if not list then
      list = {}
      by_first[first] = list
    end
    insert(list, 1, template)
    if #list > MAX_LIST then by_form[form_of(remove(list).node)] = nil end
  end
  credit = credit - 1
  template.read = compile(template.node, tools) or function() return nil end
end

-- The object at i, whose first name is `first` -> value, position behind it, the template; or nil when none fits.
local function taken(s, i, first, depth)
  local list = by_first[first]
  if not list then return nil end
  for k = 1, #list do
    local template = list[k]
    local value, stop = template.read(s, i, depth)
    if value then
      if k > 1 and list[k] == template then list[k], list[1] = list[1], template end
      return value, stop, template
    end
  end
  return nil
end

-- Runs of list items ------------------------------------------------------------------------------------------------

local RUN = 16
local runs, run_count = {}, 0

-- A function that reads RUN items of one kind with the text `glue` behind each -> position behind them, or nil.
local function run_of(kind, glue)
  local id = kind .. glue
  local found = runs[id]
  if found then return found end
  if run_count >= 100 then runs, run_count = {}, 0 end
  local names, sets = {}, {}
  for i = 1, RUN do
    names[i] = "v" .. i
    sets[i] = filled(CONVERSIONS[kind], names[i], "do return nil end")
  end
  for i = 1, RUN do sets[#sets + 1] = format("t[n + %d] = v%d", i, i) end
  local source = format([[
local match, find, tonumber = ...
return function(s, i, t, n)
  local %s, p = match(s, %q, i)
  if not p then return nil end
  %s
  return p
end]], concat(names, ", "), "^" .. rep(PATTERNS[kind] .. literal(glue), RUN) .. "()", concat(sets, "\n"))
  found = load(source, "=json", "t", {})(match, find, tonumber)
  runs[id], run_count = found, run_count + 1
  return found
end

K.json_templates = { learn = learn, taken = taken, forget = forget, run_of = run_of, RUN = RUN }
