-- The library `os` as a module: what every unit has as a global.
local K = ...
local os = {}
for name, value in K.raw.next, K.unfrozen(K.base.os) do os[name] = value end
return os
