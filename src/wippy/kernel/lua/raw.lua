-- First file: takes what the kernel needs of plain Lua and leaves nothing of it within reach of user code.
local K = ...
local _G = _G
local raw = {}
K.raw = raw
K.base, K.modules, K.rt = {}, {}, {}
K.PARK = {} -- first value of a kernel yield
K.KILL = {} -- error value that ends a unit and that nothing catches

for _, name in ipairs({ "type", "next", "pairs", "ipairs", "rawget", "rawset", "rawlen", "rawequal", "error", "pcall",
  "xpcall", "select", "tostring", "tonumber", "load", "setmetatable", "collectgarbage" }) do
  raw[name] = _G[name]
end
raw.getmetatable, raw.setmetatable_any = debug.getmetatable, debug.setmetatable
raw.getinfo, raw.getlocal, raw.traceback = debug.getinfo, debug.getlocal, debug.traceback
raw.getupvalue, raw.upvalueid = debug.getupvalue, debug.upvalueid
for _, name in ipairs({ "sub", "byte", "char", "find", "format", "rep", "gsub", "gmatch", "len", "pack", "packsize",
  "lower", "upper", "match", "reverse" }) do
  raw[name] = string[name]
end
raw.unpack_string = string.unpack
raw.concat, raw.insert, raw.remove, raw.sort = table.concat, table.insert, table.remove, table.sort
raw.tunpack, raw.tpack, raw.tmove = table.unpack, table.pack, table.move
raw.cocreate, raw.coresume, raw.coyield = coroutine.create, coroutine.resume, coroutine.yield
raw.costatus, raw.corunning = coroutine.status, coroutine.running
raw.coisyieldable, raw.coclose = coroutine.isyieldable, coroutine.close
raw.mathtype, raw.floor, raw.tointeger = math.type, math.floor, math.tointeger
raw.huge, raw.maxinteger, raw.mininteger = math.huge, math.maxinteger, math.mininteger
raw.utf8len = utf8.len
raw.string, raw.table, raw.math, raw.os, raw.utf8 = string, table, math, os, utf8

raw.collectgarbage("incremental", 200, 400)

for name in next, _G do _G[name] = nil end
