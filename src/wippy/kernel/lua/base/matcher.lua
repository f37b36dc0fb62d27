-- Pattern matching that can be interrupted. Plain Lua matches in C, where nothing else of the worker runs; a pattern
-- that backtracks much on a long text would hold it for ever. Such a search is done here instead, or start by start.
local K = ...
local raw = K.raw
local byte, char, sub, find, tunpack, setmt = raw.byte, raw.char, raw.sub, raw.find, raw.tunpack, raw.setmetatable

local PERCENT, CARET, DOLLAR, OPEN, CLOSE, BRACKET, UNBRACKET = byte("%^$()[]", 1, -1)
local STAR, PLUS, DASH, QUESTION, DOT = byte("*+-?.", 1, -1)

-- Bytes of a text from which on a search is done here, by the choices of its pattern: with c of them C may take about
-- size^c / c! steps from one start ...
local LONG = { [0] = 1 / 0, 1 / 0, 6000, 490, 145, 70, 45, 33, 26, 21 }
local LONG_MANY = 12
-- ... and from which on plain Lua is asked start by start.
local STARTS = { [0] = 1 / 0, 8000, 490, 145, 70, 45, 33, 26, 21 }

-- Bytes that one item of a pattern takes: item text -> {byte -> boolean}.
local by_item, items = {}, 0
local function set_of(item)
  local set = by_item[item]
  if set then return set end
  if items > 1000 then by_item, items = {}, 0 end
  set = setmt({}, { __index = function(t, b)
    local found = find(char(b), item) ~= nil
    t[b] = found
    return found
  end })
  items = items + 1
  by_item[item] = set
  return set
end

-- A pattern as a list of steps; the last one is the end.
local function compile(p)
  local steps, n, i, count, depth, opened = {}, 0, 1, 0, 0, {}
  local anchored = byte(p, 1) == CARET
  if anchored then i = 2 end
  while i <= #p do
    local c = byte(p, i)
    n = n + 1
    if c == OPEN then
      count = count + 1
      if byte(p, i + 1) == CLOSE then
        steps[n] = { kind = "position", index = count }
        i = i + 2
      else
        depth = depth + 1
        opened[depth] = count
        steps[n] = { kind = "open", index = count }
        i = i + 1
      end
    elseif c == CLOSE then
      steps[n] = { kind = "close", index = opened[depth] }
      depth = depth - 1
      i = i + 1
    elseif c == DOLLAR and i == #p then
      steps[n] = { kind = "end" }
      i = i + 1
    elseif c == PERCENT and sub(p, i + 1, i + 1) == "b" then
      steps[n] = { kind = "balance", from = byte(p, i + 2), to = byte(p, i + 3) }
      i = i + 4
    elseif c == PERCENT and find(sub(p, i + 1, i + 1), "%d") then
      steps[n] = { kind = "back", index = byte(p, i + 1) - 48 }
      i = i + 2
    else
      local from = i
      if c == BRACKET then
        i = i + 1
        if byte(p, i) == CARET then i = i + 1 end
        repeat
          local inner = byte(p, i)
          i = i + (inner == PERCENT and 2 or 1)
        until byte(p, i) == UNBRACKET
        i = i + 1
      else
        i = i + (c == PERCENT and 2 or 1)
      end
      local item = sub(p, from, i - 1)
      local set
      if #item == 1 and c ~= DOT then
        local only = c
        set = setmt({}, { __index = function(_, b) return b == only end })
      else
        set = set_of(item)
      end
      local q = byte(p, i)
      local kind = "one"
      if q == STAR then kind = "star" elseif q == PLUS then kind = "plus" elseif q == DASH then kind = "lazy"
      elseif q == QUESTION then kind = "maybe" end
      if kind ~= "one" then i = i + 1 end
      steps[n] = { kind = kind, set = set }
    end
  end
  return { steps = steps, n = n, anchored = anchored, captures = count }
end

local programs, program_count = {}, 0
local function program_of(p)
  local program = programs[p]
  if not program then
    if program_count >= 200 then programs, program_count = {}, 0 end
    program = compile(p)
    programs[p] = program
    program_count = program_count + 1
  end
  return program
end

local FAR = { star = true, plus = true, lazy = true }

local function overlap(a, b)
  for c = 0, 255 do
    if a[c] and b[c] then return true end
  end
  return false
end

-- Whether what follows a step can take what the step could take too: only then giving back a character is a choice.
local function is_choice(steps, at)
  local set = steps[at].set
  for i = at + 1, #steps do
    local step = steps[i]
    if step.kind == "balance" then return set[step.from] end
    if step.kind == "back" then return true end
    if step.kind == "end" then return false end
    if step.set then
      if overlap(set, step.set) then return true end
      if step.kind == "one" or step.kind == "plus" then return false end
    end
  end
  return false
end

-- How many choices multiply when a pattern does not match.
local function count_choices(p)
  local steps = program_of(p).steps
  local count, halves, far = 0, 0, false
  for i, step in raw.ipairs(steps) do
    if step.kind == "balance" or step.kind == "back" then
      count = count + 1
    elseif FAR[step.kind] then
      far = true
      if is_choice(steps, i) then count = count + 1 end
    elseif step.kind == "maybe" and is_choice(steps, i) then
      halves = halves + 1
    end
  end
  count = count + (halves + 1) // 3
  return count == 0 and far and 1 or count
end

local counts, counted = {}, 0
local function choices(p)
  local count = counts[p]
  if not count then
    count = count_choices(p)
    if counted >= 1000 then counts, counted = {}, 0 end
    if #p <= 500 then
      counts[p] = count
      counted = counted + 1
    end
  end
  return count
end

local left = 0
local function pay()
  left = left - 1
  if left < 0 then left = K.give_way() end
end

local function match(s, steps, n, k, at, from, to)
  while true do
    pay()
    if k > n then return at end
    local step = steps[k]
    local kind = step.kind
    if kind == "one" then
      local b = byte(s, at)
      if not b or not step.set[b] then return nil end
      at, k = at + 1, k + 1
    elseif kind == "maybe" then
      local b = byte(s, at)
      if b and step.set[b] then
        local stop = match(s, steps, n, k + 1, at + 1, from, to)
        if stop then return stop end
      end
      k = k + 1
    elseif kind == "star" or kind == "plus" then
      local set, last = step.set, at
      local b = byte(s, last)
      while b and set[b] do
        pay()
        last = last + 1
        b = byte(s, last)
      end
      local least = kind == "plus" and at + 1 or at
      while last >= least do
        local stop = match(s, steps, n, k + 1, last, from, to)
        if stop then return stop end
        last = last - 1
      end
      return nil
    elseif kind == "lazy" then
      local set = step.set
      while true do
        local stop = match(s, steps, n, k + 1, at, from, to)
        if stop then return stop end
        local b = byte(s, at)
        if not b or not set[b] then return nil end
        at = at + 1
      end
    elseif kind == "open" then
      local index = step.index
      local old_from, old_to = from[index], to[index]
      from[index], to[index] = at, nil
      local stop = match(s, steps, n, k + 1, at, from, to)
      if not stop then from[index], to[index] = old_from, old_to end
      return stop
    elseif kind == "close" then
      local index = step.index
      local old = to[index]
      to[index] = at - 1
      local stop = match(s, steps, n, k + 1, at, from, to)
      if not stop then to[index] = old end
      return stop
    elseif kind == "position" then
      local index = step.index
      local old = from[index]
      from[index], to[index] = at, false
      local stop = match(s, steps, n, k + 1, at, from, to)
      if not stop then from[index] = old end
      return stop
    elseif kind == "end" then
      return at == #s + 1 and at or nil
    elseif kind == "balance" then
      if byte(s, at) ~= step.from then return nil end
      local depth, i = 1, at + 1
      while true do
        pay()
        local b = byte(s, i)
        if not b then return nil end
        if b == step.to then
          depth = depth - 1
          if depth == 0 then break end
        elseif b == step.from then
          depth = depth + 1
        end
        i = i + 1
      end
      at, k = i + 1, k + 1
    else -- back reference
      local index = step.index
      local text = sub(s, from[index], to[index])
      if sub(s, at, at + #text - 1) ~= text then return nil end
      at, k = at + #text, k + 1
    end
  end
end

local function search(s, p, at)
  local program = program_of(p)
  local steps, n = program.steps, program.n
  repeat
    local from, to = {}, {}
    local stop = match(s, steps, n, 1, at, from, to)
    if stop then
      local found = {}
      for i = 1, program.captures do
        if to[i] == false then found[i] = from[i] else found[i] = sub(s, from[i], to[i]) end
      end
      return at, stop - 1, tunpack(found, 1, program.captures)
    end
    at = at + 1
  until program.anchored or at > #s + 1
  return nil
end

local function each_start(s, p, at)
  local anchored = "^" .. p
  local size = #s + 1
  local turn, cost = 500, 1 + raw.floor(size ^ choices(p) / 3000)
  if cost > 500 then cost = 500 end
  local function given(first, ...)
    if first then return true, first, ... end
    return false
  end
  while at <= size do
    local found = raw.tpack(given(find(s, anchored, at)))
    if found[1] then return tunpack(found, 2, found.n) end
    at = at + 1
    turn = turn - cost
    if turn < 0 then
      K.give_way()
      turn = 500
    end
  end
  return nil
end

local COSTLY = 20000 -- bytes from which on a search in C is charged for

-- Whether a search is too long to be left to C. Charges for one that is not.
local function is_long(s, p)
  local size = #s
  if size < LONG_MANY then return false end
  if size >= COSTLY then K.charge(size) end
  local count = counts[p] or choices(p)
  return size >= (LONG[count] or LONG_MANY) or size >= (STARTS[count] or LONG_MANY) and byte(p, 1) ~= CARET
end

-- string.find for patterns as plain Lua takes them.
local function long_find(s, p, at)
  at = at or 1
  if at < 0 then at = #s + at + 1 end
  if at < 1 then at = 1 end
  if at > #s + 1 then return nil end
  local count = choices(p)
  if #s >= (LONG[count] or LONG_MANY) or byte(p, 1) == CARET then return search(s, p, at) end
  return each_start(s, p, at)
end

K.matcher = { is_long = is_long, find = long_find, search = search }
