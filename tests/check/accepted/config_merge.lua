type Tls = {cert: string, key: string}
type Server = {host: string?, port: integer?, tls: Tls?, limits: {[string]: integer}?}
type Config = {servers: {Server}, default: Server, debug: boolean?, log: "debug" | "info" | "warn"}
local DEFAULT: Server = {host = "localhost", port = 80, limits = {conn = 100}}
local function merge(base: Server, over: Server?): Server
  local out: Server = {}
  for _, s in ipairs({base, over or {}}) do
    out.host = s.host or out.host
    out.port = s.port or out.port
    out.tls = s.tls or out.tls
    if s.limits then
      out.limits = out.limits or {}
      for k, v in pairs(s.limits) do out.limits[k] = v end
    end
  end
  return out
end
local function url(s: Server): string
  local scheme = s.tls and "https" or "http"
  local port = s.port and s.port ~= 80 and (":" .. s.port) or ""
  return scheme .. "://" .. (s.host or "localhost") .. port
end
local function load(raw: {[string]: any}): Config
  local level = raw.log == "debug" and "debug" or "info"
  local config: Config = {servers = {}, default = merge(DEFAULT, raw.default), log = level}
  for _, s in ipairs(raw.servers or {}) do table.insert(config.servers, merge(config.default, s)) end
  if raw.debug ~= nil then config.debug = raw.debug and true or false end
  config.log = config.debug and "debug" or config.log
  return config
end
local config = load({servers = {{port = 8080, tls = {cert = "c", key = "k"}}}})
local first = config.servers[1]
if first and first.tls then print(first.tls.cert .. first.tls.key) end
for i, s in ipairs(config.servers) do print(i, url(s), s.limits and s.limits.conn or 0) end
local limit = config.default.limits and config.default.limits.conn
if limit and limit > 10 then print(limit * 2) end
