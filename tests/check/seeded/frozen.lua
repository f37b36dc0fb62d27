-- modules: json crypto
local json, crypto = require("json"), require("crypto")
string.trim = function(s) return s end --! E0008
function table.keys(t) return t end --! E0008
function string:words() return self end --! E0008
json.null = 1 --! E0008
crypto.random.number = print --! E0008
local s = string
s.x = 1 --! E0008
print(table.pack(1, 2), math.pow2, utf8, os.getenv("HOME")) --! E0004 E0004 E0004
print(string.trim("x"), coroutine.close) --! E0004 E0004
if table.pack then print(1) end
local pack = table.pack or function(...) return {...} end
local own = {}
own.string = string
own.string2 = pack
function own.trim(x) return x end
local copy = {}
for k, v in pairs(string) do copy[k] = v end
copy.trim = own.trim
print(copy.trim(" x "), math.cosh(1), os.platform, errors.call_stack, json.anything)
