-- yaml: arguments as plain data.
local K, natives = ...
local write = natives.fn._write

return {
  encode = function(value, options)
    if K.typeof(value) ~= "table" then return K.fail("Invalid", "table expected") end
    local data, err = K.plain_pack(value)
    if err then return nil, err end
    if K.typeof(options) ~= "table" then options = nil end
    return write(data, options)
  end,
}
