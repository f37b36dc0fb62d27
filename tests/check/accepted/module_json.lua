-- modules: json yaml base64 payload
local json, yaml, base64 = require("json"), require("yaml"), require("base64")
type Config = {name: string, ports: {integer}, env: {[string]: string}?}
local function load(text: string): (Config?, error?)
  local data, err = json.decode(text)
  if err then
    data, err = yaml.decode(text)
    if err then return nil, err end
  end
  if data.name == nil then return nil, errors.new({kind = errors.INVALID, message = "no name"}) end
  local config: Config = data
  return config, nil
end
local text: string, err = json.encode({a = {1, 2}, b = "x"})
if err then error(err) end
print(text:len(), #text, json.encode({}) .. json.encode(nil))
local valid, problem = json.validate({type = "object"}, {a = 1})
if not valid then print(problem:message(), problem:details()) end
local ok = json.validate_string('{"type": "object"}', text)
local raw = base64.decode(base64.encode("x"))
local p = payload.new({a = 1})
local copy, perr = p:transcode(payload.format.JSON)
if perr == nil then print(copy:data().a, p:get_format()) end
local list = json.decode("[1,2]")
for i, v in ipairs(list) do print(i + v, list[i] * 2) end
for _, item in ipairs(json.decode(text).items or {}) do print(item.sku:upper()) end
print(load(text), ok, raw, yaml.encode({a = 1}))
