-- fs: iterators, scanners, files written from streams.
local K, natives = ...
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

local methods, write_stream = natives.methods["fs.FS"], natives.native["fs.FS"]._write_stream
for _, name in K.raw.next, { "writefile", "write_file" } do
  local write = methods[name]
  methods[name] = function(vol, path, data, mode)
    if K.classof(data) == "stream.Stream" then return write_stream(vol, path, data, mode) end
    return write(vol, path, data, mode)
  end
end

natives.methods["fs.File"].scanner = function(file, split)
  local source, err = make_scanner(file, split)
  if err then return nil, err end
  K.load_module("stream")
  return K.new_scanner(source, next_batch), nil
end

return {}
