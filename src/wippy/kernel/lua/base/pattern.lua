-- Patterns: checked and translated once per text, then handed to plain Lua.
--
-- known[p] is the pattern that plain Lua gets for p; empty[p] is true when p can match an empty text;
-- captures[p] is the number of its captures.
local K = ...
local raw = K.raw
local byte, sub, find, concat, error, select = raw.byte, raw.sub, raw.find, raw.concat, raw.error, raw.select

local PERCENT, CARET, DOLLAR, OPEN, CLOSE, BRACKET, UNBRACKET, DASH = byte("%^$()[]-", 1, -1)
local NULLABLE = { [byte("*")] = true, [byte("-")] = true, [byte("?")] = true }
-- Classes of plain Lua that are ordinary letters here.
local LETTERS = { [byte("f")] = true, [byte("g")] = true, [byte("G")] = true }
local MAX_CAPTURES, MAX_CACHED, MAX_CACHED_LENGTH = 32, 1000, 500

local TURN = 2000 -- steps of a long loop of ours between two chances for others to run

-- Lets others run when a turn is used up; gives the steps of the next turn. Outside a running unit there is nobody to
-- give way to.
function K.give_way()
  if K.state and K.state.cur then K.rt.preempt() end
  return TURN
end
local give_way = K.give_way

-- Lets others run now and then among calls that C does in one go but not at once: `work` is their cost, about the bytes
-- they look at.
local WORK = 1 << 20
local work_left = WORK
function K.charge(work)
  work_left = work_left - work
  if work_left < 0 then
    work_left = WORK
    give_way()
  end
end

local is_long, long_find = K.matcher.is_long, K.matcher.find

-- string.find that gives way on long searches.
local function search(s, p, at)
  if is_long(s, p) then return long_find(s, p, at) end
  return find(s, p, at)
end

local known, empty, captures, cached = {}, {}, {}, 0

-- The index behind the set that begins at i, with its text appended to out; nil when it never ends.
local function set_end(p, i, out)
  local n = #out
  i = i + 1
  n = n + 1
  out[n] = "["
  if byte(p, i) == CARET then
    i = i + 1
    n = n + 1
    out[n] = "^"
  end
  local first = true
  while true do
    local c = byte(p, i)
    if not c then return nil end
    n = n + 1
    if c == UNBRACKET and not first then
      out[n] = "]"
      return i + 1
    end
    first = false
    if c ~= PERCENT then
      out[n] = sub(p, i, i)
      i = i + 1
    else
      local e = byte(p, i + 1)
      if not e then return nil end
      if not LETTERS[e] then
        out[n] = sub(p, i, i + 1)
        i = i + 2
      else
        out[n] = sub(p, i + 1, i + 1)
        i = i + 2
        if byte(p, i) == DASH then -- a class begins no range, and neither may the letter
          n = n + 1
          out[n] = "%-"
          i = i + 1
        end
      end
    end
  end
end

-- The pattern for plain Lua, whether it can match an empty text, its captures; or nil and what is wrong.
local function translate(p)
  local out, i, nullable = {}, 1, true
  local opened, depth, closed, count = {}, 0, {}, 0
  if byte(p, 1) == CARET then
    out[1] = "^"
    i = 2
  end
  while i <= #p do
    local c = byte(p, i)
    local item = true -- takes a quantifier
    if c == OPEN then
      count = count + 1
      if count > MAX_CAPTURES then return nil, "too many captures" end
      if byte(p, i + 1) == CLOSE then
        closed[count] = true
        out[#out + 1] = "()"
        i = i + 2
      else
        depth = depth + 1
        opened[depth] = count
        out[#out + 1] = "("
        i = i + 1
      end
      item = false
    elseif c == CLOSE then
      if depth == 0 then return nil, "invalid ')': nothing is open at byte " .. i .. " of the pattern" end
      closed[opened[depth]] = true
      depth = depth - 1
      out[#out + 1] = ")"
      i = i + 1
      item = false
    elseif c == DOLLAR and i == #p then
      out[#out + 1] = "$"
      i = i + 1
      item = false
    elseif c == BRACKET then
      i = set_end(p, i, out)
      if not i then return nil, "unexpected EOS: missing ']' in pattern" end
    elseif c == PERCENT then
      local e = byte(p, i + 1)
      if not e then return nil, "unexpected EOS: pattern ends with '%'" end
      if e == 98 then -- %bxy
        if #p < i + 3 then return nil, "unexpected EOS: '%b' needs two characters in pattern" end
        out[#out + 1] = sub(p, i, i + 3)
        i = i + 4
        nullable, item = false, false
      elseif e >= 48 and e <= 57 then
        if not closed[e - 48] then return nil, "invalid capture index %" .. e - 48 .. " in pattern" end
        out[#out + 1] = sub(p, i, i + 1)
        i = i + 2
        item = false
      else
        out[#out + 1] = LETTERS[e] and sub(p, i + 1, i + 1) or sub(p, i, i + 1)
        i = i + 2
      end
    else
      out[#out + 1] = sub(p, i, i)
      i = i + 1
    end
    if item then
      local q = byte(p, i)
      if NULLABLE[q] then
        out[#out + 1] = sub(p, i, i)
        i = i + 1
      else
        nullable = false
        if q == 43 then -- +
          out[#out + 1] = "+"
          i = i + 1
        end
      end
    end
  end
  if depth > 0 then return nil, "unfinished capture" end
  return concat(out), nullable, count
end

-- What known, empty and captures hold for p. Raises for a malformed pattern, with the position of the
-- caller at `level`.
local function prepare(p, level)
  if known[p] then return known[p], empty[p], captures[p] end
  local made, nullable, count = translate(p)
  if not made then error(nullable, level + 1) end
  if cached >= MAX_CACHED then
    for text in raw.next, known do
      known[text], empty[text], captures[text] = nil, nil, nil
    end
    cached = 0
  end
  if #p <= MAX_CACHED_LENGTH then
    cached = cached + 1
    known[p], empty[p], captures[p] = made, nullable, count
  end
  return made, nullable, count
end

-- An iterator in which an empty match directly behind another match counts.
local function each_match(s, p)
  local at = 1
  local function taken(first, last, ...)
    if not first then
      at = nil
      return nil
    end
    at = last < first and first + 1 or last + 1
    if select("#", ...) == 0 then return sub(s, first, last) end
    return ...
  end
  return function()
    if not at then return nil end
    return taken(search(s, p, at))
  end
end

-- What string.match gives for the results of find.
local function found_text(s, first, last, ...)
  if not first then return nil end
  if select("#", ...) == 0 then return sub(s, first, last) end
  return ...
end

-- An iterator of at most one match, at the start.
local function first_match(s, p)
  local done = false
  return function()
    if done then return nil end
    done = true
    return found_text(s, search(s, p))
  end
end

-- Replaces up to `limit` matches: replace(whole, captures...) → text, or nil to keep the match.
-- It is called from Lua, so it may wait. Returns the text and the number of matches.
local function substitute(s, p, replace, limit)
  local out, n, at, count, turn = {}, 0, 1, 0, TURN
  local anchored = byte(p, 1) == CARET
  local first, last
  local function taken(from, to, ...)
    first, last = from, to
    if not from then return nil end
    local whole = sub(s, from, to)
    local text = replace(whole, ...)
    return text == nil and whole or text
  end
  while count < limit do
    local text = taken(search(s, p, at))
    if not first then break end
    count = count + 1
    turn = turn - 4
    if turn < 0 then turn = give_way() end
    if first > at then
      n = n + 1
      out[n] = sub(s, at, first - 1)
    end
    n = n + 1
    out[n] = text
    if last >= first then
      at = last + 1
    else
      n = n + 1
      out[n] = sub(s, first, first)
      at = first + 1
    end
    if anchored then break end
  end
  if count == 0 then return s, 0 end
  out[n + 1] = sub(s, at)
  return concat(out), count
end

K.pattern = {
  known = known, empty = empty, captures = captures, prepare = prepare,
  search = search, found_text = found_text, each_match = each_match, first_match = first_match, substitute = substitute,
}
