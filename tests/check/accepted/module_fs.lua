-- modules: fs io env hash crypto uuid
local fs, env, hash, crypto, uuid = require("fs"), require("env"), require("hash"), require("crypto"), require("uuid")
local function lines(path: string): ({string}?, error?)
  local volume, err = fs.get("app:data")
  if err then return nil, err end
  if not volume:exists(path) then return {} end
  local file, ferr = volume:open(path, "r")
  if ferr then return nil, ferr end
  local out: {string} = {}
  local scanner = file:scanner("lines")
  while scanner:scan() do out[#out + 1] = scanner:text() end
  file:close()
  return out
end
local function save(path: string, text: string): (boolean, error?)
  local volume = assert(fs.get("app:data"))
  local ok, err = volume:writefile(path, text)
  if not ok then return false, err end
  local stat = volume:stat(path)
  print(stat.size + 1, stat.is_dir, stat.name:lower())
  return true, nil
end
local secret: string, err = env.get("SECRET")
if err then secret = crypto.random.string(16, "abc") end
local digest: string = hash.sha256(secret)
local mac = crypto.hmac.sha256(secret, "data")
local sealed = assert(crypto.encrypt.aes("text", crypto.random.bytes(32)))
local opened, oerr = crypto.decrypt.aes(sealed, digest:sub(1, 32), "aad")
if oerr then print(oerr:kind()) else print(opened:upper()) end
local token = crypto.jwt.encode({sub = "x", exp = os.time() + 60}, secret)
local claims, cerr = crypto.jwt.verify(token, secret, "HS256", true)
if cerr == nil then print(claims.sub) end
local id: string = uuid.v4()
if uuid.validate(id) then print(uuid.version(id) + 1, uuid.parse(id).version, uuid.format(id, "urn")) end
local raw = hash.sha1("x", true)
local key = crypto.pbkdf2("pw", "salt", 1000, 32, "sha256")
for entry in assert(fs.get("app:data")):readdir("/") do print(entry.name, entry.type) end
print(lines("a"), save("a", "b"), mac, raw, key, crypto.constant_time_compare(mac, digest), io.args()[1], io.readline())
