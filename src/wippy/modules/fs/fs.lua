-- fs: iterators and scanners.
local K, natives = ...
local raw = K.raw
local setmt, rawlen = raw.setmetatable, raw.rawlen
local list = natives.native["fs.FS"]._list
local make_scanner, next_batch = natives.native["fs.File"]._scanner, natives.native["fs.Scanner"]._batch

natives.methods["fs.FS"].readdir = function(vol, path)
  local entries, err = list(vol, path)
  if err then return nil, err end
  local i = 0
  return function()
    i = i + 1
    return entries[i]
  end, nil
end

local SOURCE, TOKENS, AT, TEXT, ERR = K.key("source"), K.key("tokens"), K.key("at"), K.key("text"), K.key("err")
local methods = {}
local Scanner = K.class { name = "fs.LineScanner", methods = methods, tostring = function() return "fs.Scanner{}" end }

local function check(self, name)
  if not K.is(self, Scanner) then K.badtype(1, name, "fs.Scanner", self, 3) end
end

function methods.scan(self)
  check(self, "scan")
  local tokens, at = self[TOKENS], self[AT] + 1
  if at > rawlen(tokens) and not self[ERR] then
    local problem
    tokens, problem = next_batch(self[SOURCE])
    self[TOKENS], at = tokens, 1
    if problem then self[ERR] = K.is_error(problem) and problem or K.new_error("Internal", problem) end
  end
  self[AT] = at
  local token = tokens[at]
  self[TEXT] = token or ""
  return token ~= nil
end

function methods.text(self)
  check(self, "text")
  return self[TEXT]
end

-- An error stands behind the tokens before it.
function methods.err(self)
  check(self, "err")
  if self[ERR] and self[AT] > rawlen(self[TOKENS]) then return self[ERR] end
  return nil
end

natives.methods["fs.File"].scanner = function(file, split)
  local source, err = make_scanner(file, split)
  if err then return nil, err end
  return setmt({ [SOURCE] = source, [TOKENS] = {}, [AT] = 0, [TEXT] = "", [ERR] = false }, Scanner), nil
end

return {}
