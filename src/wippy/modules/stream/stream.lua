-- Scanners, also those of files, and closing.
local K, natives = ...
local raw = K.raw
local setmt, rawlen = raw.setmetatable, raw.rawlen
local streams = natives.native["stream.Stream"]
local methods = natives.methods["stream.Stream"]
local next_batch = natives.native["stream.Tokens"]._batch

local SOURCE, BATCH, TOKENS, AT = K.key("source"), K.key("batch"), K.key("tokens"), K.key("at")
local TEXT, ERR, STREAM, AS_TEXT = K.key("text"), K.key("err"), K.key("stream"), K.key("as text")
local scanner_methods = {}
local Scanner = K.class { name = "stream.Scanner", methods = scanner_methods }
local splits = { lines = true, words = true, bytes = true, runes = true }
local closed = setmt({}, { __mode = "k" }) -- streams that this code has closed

-- batch(source) -> tokens, problem: the next tokens, none at the end, and an error or its text.
-- stream: of which it is; nil for a file. A stream's scanner gives its error as text.
function K.new_scanner(source, batch, stream)
  return setmt({
    [SOURCE] = source, [BATCH] = batch, [TOKENS] = {}, [AT] = 0, [TEXT] = "", [ERR] = false, [STREAM] = stream or false,
  }, Scanner)
end

local function check(self, name)
  if not K.is(self, Scanner) then K.badtype(1, name, "stream.Scanner", self, 3) end
end

function scanner_methods.scan(self)
  check(self, "scan")
  local tokens, at = self[TOKENS], self[AT] + 1
  if closed[self[STREAM]] and not self[ERR] then
    tokens, at, self[TOKENS] = {}, 1, {}
    self[ERR] = K.new_error("Internal", "stream not found", false)
  elseif at > rawlen(tokens) and not self[ERR] then
    local problem
    tokens, problem = self[BATCH](self[SOURCE])
    tokens = tokens or {}
    self[TOKENS], at = tokens, 1
    if problem then self[ERR] = K.is_error(problem) and problem or K.new_error("Internal", problem, false) end
  end
  self[AT] = at
  local token = tokens[at]
  self[TEXT] = token or ""
  if token == nil and self[ERR] then return false, self[ERR] end
  return token ~= nil
end

function scanner_methods.text(self)
  check(self, "text")
  return self[TEXT]
end

-- An error stands behind the tokens before it.
function scanner_methods.err(self)
  check(self, "err")
  if not self[ERR] or self[AT] <= rawlen(self[TOKENS]) then return nil end
  return self[STREAM] and K.text(self[ERR]) or self[ERR]
end

function methods.scanner(self, split)
  split = split == nil and "lines" or split
  if not splits[split] then
    K.badarg(2, "scanner", "invalid split " .. K.text(split) .. "; use lines, words, bytes or runes")
  end
  local source, err = streams._scanner(self, split)
  if not source then return nil, err end
  return K.new_scanner(source, next_batch, self), nil
end

function methods.close(self)
  local ok, err = streams._close(self)
  if ok then closed[self] = true end
  return ok, err
end

return {}
