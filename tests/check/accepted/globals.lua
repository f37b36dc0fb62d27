function add(a: number, b: number): number return a + b end
counter = 0
function bump(by) counter = counter + (by or 1) return counter end
settings = settings or {}
settings.level = "x"
print(add(1, 2) + bump(), bump(2), settings.level:upper(), _G.counter, type(undefined_name), undefined_table)
if optional_global then optional_global.call() end
handler = function(x) return x end
print(handler(1))
local ok = pcall(function() return missing_function() end)
print(ok, string.format("%s", "x"), string:kind(), math.floor(1.5) + 1, os.time() - 5, os.date("%Y"))
string_alias = string
print(string_alias.upper("x"), integer:is(5), number(5) + 1)
function main() return settings end
return main
