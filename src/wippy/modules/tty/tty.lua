-- The tty module: input events of the process that has the terminal, key bindings, styles.
local K, natives = ...
local raw = K.raw
local setmt, rawtype, select, next, concat = raw.setmetatable, raw.type, raw.select, raw.next, raw.concat
local S, fn = K.state, natives.fn

local TOPIC = "@tty/events"

local function absent()
  if S.cur.p.terminal then return nil end
  return K.new_error("Unavailable", "no terminal context", false)
end

local tty = {}

function tty.start()
  local err = absent()
  if err then return nil, err end
  local ok
  ok, err = fn._start()
  if not ok then return nil, err end
  return true
end

function tty.stop()
  local err = absent()
  if err then return nil, err end
  return fn._stop()
end

function tty.mouse(on)
  if rawtype(on) ~= "boolean" then K.badtype(1, "mouse", "boolean", on, 2) end
  local err = absent()
  if err then return nil, err end
  return fn._mouse(on)
end

function tty.screen_size()
  local err = absent()
  if err then return nil, nil, err end
  local size
  size, err = fn._size()
  if not size then return nil, nil, err end
  return size[1], size[2], nil
end

function tty.events()
  local err = absent()
  if err then return nil, err end
  local p = S.cur.p
  if p.topics and p.topics[TOPIC] then return K.fail("AlreadyExists", "terminal events are already subscribed") end
  return K.subscribe(p, TOPIC, 64, true)
end

-- Key bindings

local KEYS, ENABLED, HELP = K.key("keys"), K.key("enabled"), K.key("help")
local binding_methods = natives.methods["tty.KeyBinding"] or {}
local KeyBinding = K.class { name = "tty.KeyBinding", methods = binding_methods }

local function field(t, name, at)
  local value = t[name]
  if value == nil then value = t[at] end
  return value == nil and "" or K.text(value)
end

function tty.bind(options)
  if K.typeof(options) ~= "table" then K.badtype(1, "bind", "table", options, 2) end
  if K.typeof(options.keys) ~= "table" then K.badarg(1, "bind", "keys must be a list of keys", 2) end
  local keys, list = {}, K.unfrozen(options.keys)
  for i = 1, raw.rawlen(list) do keys[K.text(list[i])] = true end
  local help = K.typeof(options.help) == "table" and options.help or {}
  return setmt({ [KEYS] = keys, [ENABLED] = true, [HELP] = { field(help, "key", 1), field(help, "desc", 2) } }, KeyBinding)
end

local function check_binding(self, name)
  if not K.is(self, KeyBinding) then K.badtype(1, name, "tty.KeyBinding", self, 3) end
end

function binding_methods.matches(self, event)
  check_binding(self, "matches")
  if not self[ENABLED] or K.typeof(event) ~= "table" or event.type ~= "key" then return false end
  local keys, key = self[KEYS], event.key
  if key == nil then return false end
  local stroke = (event.ctrl and "ctrl+" or "") .. (event.alt and "alt+" or "") .. (event.shift and "shift+" or "") .. K.text(key)
  return (keys[stroke] or keys[key] or keys[event.key_type or ""]) == true
end

function binding_methods.set_enabled(self, on)
  check_binding(self, "set_enabled")
  if rawtype(on) ~= "boolean" then K.badtype(2, "set_enabled", "boolean", on, 2) end
  self[ENABLED] = on
  return self
end

function binding_methods.is_enabled(self)
  check_binding(self, "is_enabled")
  return self[ENABLED]
end

function binding_methods.help(self)
  check_binding(self, "help")
  return { key = self[HELP][1], desc = self[HELP][2] }
end

-- Styles: each setting makes a new one.

local SET = K.key("settings")
local style_methods = natives.methods["tty.Style"] or {}
local Style = K.class { name = "tty.Style", methods = style_methods }

function tty.style() return setmt({ [SET] = {} }, Style) end

local function check_style(self, name)
  if not K.is(self, Style) then K.badtype(1, name, "tty.Style", self, 3) end
end

local function with(self, name, value)
  local settings = {}
  for k, v in next, self[SET] do settings[k] = v end
  settings[name] = value
  return setmt({ [SET] = settings }, Style)
end

-- One to four values as those of top, right, bottom and left.
local function sides(name, n, values)
  if n == 1 then return { values[1], values[1], values[1], values[1] } end
  if n == 2 then return { values[1], values[2], values[1], values[2] } end
  if n == 3 then return { values[1], values[2], values[3], values[2] } end
  if n == 4 then return { values[1], values[2], values[3], values[4] } end
  K.badarg(2, name, "one to four values expected, got " .. n, 3)
end

local function whole(value, n, name)
  if rawtype(value) ~= "number" then K.badtype(n, name, "number", value, 3) end
  local found = raw.tointeger(raw.mathtype(value) == "float" and raw.floor(value) or value)
  if not found then K.badarg(n, name, "number has no integer representation", 3) end
  return found < 0 and 0 or found > 10000 and 10000 or found
end

local function color(value, n, name)
  local t = rawtype(value)
  if t == "number" then return K.text(value) end
  if t ~= "string" then K.badtype(n, name, "string", value, 3) end
  return value
end

for _, name in next, { "foreground", "background" } do
  style_methods[name] = function(self, value)
    check_style(self, name)
    return with(self, name, color(value, 2, name))
  end
end

for _, name in next, { "bold", "italic", "underline", "strikethrough", "faint", "blink", "reverse", "inline" } do
  style_methods[name] = function(self, enable)
    check_style(self, name)
    return with(self, name, enable == nil or (enable and true or false))
  end
end

for _, name in next, { "width", "height", "max_width", "max_height" } do
  style_methods[name] = function(self, n)
    check_style(self, name)
    return with(self, name, whole(n, 2, name))
  end
end

for _, name in next, { "padding", "margin" } do
  style_methods[name] = function(self, ...)
    check_style(self, name)
    local n, values = select("#", ...), { ... }
    for i = 1, n do values[i] = whole(values[i], i + 1, name) end
    return with(self, name, sides(name, n, values))
  end
end

for _, name in next, { "align", "align_vertical" } do
  style_methods[name] = function(self, position)
    check_style(self, name)
    if rawtype(position) ~= "number" then K.badtype(2, name, "number", position, 2) end
    return with(self, name, position)
  end
end

function style_methods.border(self, name, ...)
  check_style(self, "border")
  if rawtype(name) ~= "string" then K.badtype(2, "border", "string", name, 2) end
  local n, values = select("#", ...), { ... }
  for i = 1, n do values[i] = values[i] and true or false end
  local bordered = with(self, "border", name)
  return with(bordered, "sides", n == 0 and { true, true, true, true } or sides("border", n, values))
end

for _, name in next, { "border_foreground", "border_background" } do
  style_methods[name] = function(self, ...)
    check_style(self, name)
    local n, values = select("#", ...), { ... }
    for i = 1, n do values[i] = color(values[i], i + 1, name) end
    return with(self, name, sides(name, n, values))
  end
end

function style_methods.copy(self)
  check_style(self, "copy")
  return setmt({ [SET] = self[SET] }, Style)
end

function style_methods.render(self, ...)
  check_style(self, "render")
  local n, parts = select("#", ...), {}
  for i = 1, n do parts[i] = K.text((select(i, ...))) end
  return fn._render(self[SET], concat(parts, " "))
end

tty.text = { position = K.freeze { TOP = 0, LEFT = 0, CENTER = 0.5, BOTTOM = 1, RIGHT = 1 } }

return tty
