-- crypto: claims as JSON, and long key derivations beside the other work.
local K, natives = ...
local raw = K.raw
local next, mathtype, rawtype = raw.next, raw.mathtype, raw.type
local typeof = K.typeof
local fn = natives.fn

local ALGORITHMS = { HS256 = true, HS384 = true, HS512 = true, RS256 = true }
local WORK = 20000 -- iterations times 32-byte blocks that are done at once, about 10 ms

local function encode(claims, key, algorithm)
  if typeof(claims) ~= "table" then K.badtype(1, "encode", "table", claims) end
  if rawtype(key) == "number" or K.is_error(key) then key = K.text(key) end
  if rawtype(key) ~= "string" then K.badtype(2, "encode", "string", key) end
  if algorithm ~= nil and rawtype(algorithm) ~= "string" then K.badtype(3, "encode", "string", algorithm) end
  if not ALGORITHMS[algorithm] then algorithm = "HS256" end
  local header, payload = { alg = algorithm, typ = "JWT" }, {}
  for name, value in next, K.unfrozen(claims) do
    if mathtype(name) == "integer" and name > 0 then return K.fail("Invalid", "failed to convert payload to map") end
    if name == "_header" and typeof(value) == "table" then
      for k, v in next, K.unfrozen(value) do header[K.text(k)] = v end
    else
      payload[name] = value
    end
  end
  local head, err = K.plain_json(header)
  if err then return nil, err end
  local body
  body, err = K.plain_json(payload)
  if err then return nil, err end
  return fn._jwt_sign(head, body, key, algorithm)
end

local function pbkdf2(password, salt, iterations, key_length, hash)
  for i, value in next, { password or false, salt or false } do
    local t = rawtype(value)
    if t ~= "string" and t ~= "number" and not K.is_error(value) then
      K.badtype(i, "pbkdf2", "string", value or nil)
    end
  end
  for i, value in next, { [3] = iterations or false, [4] = key_length or false } do
    if rawtype(value) ~= "number" then K.badtype(i, "pbkdf2", "number", value or nil) end
    if not raw.tointeger(value) then K.badarg(i, "pbkdf2", "number has no integer representation") end
  end
  if hash ~= nil and rawtype(hash) ~= "string" then K.badtype(5, "pbkdf2", "string", hash) end
  local large = iterations > WORK or key_length > 1024 or iterations * (key_length // 32 + 1) > WORK
  -- A run's result follows from the arguments, so nothing has to be recorded for it.
  if large and not K.workflow then return fn._pbkdf2_apart(password, salt, iterations, key_length, hash) end
  return fn._pbkdf2(password, salt, iterations, key_length, hash)
end

return { jwt = { encode = encode }, pbkdf2 = pbkdf2 }
