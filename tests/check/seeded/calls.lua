type User = {name: string}
local function add(a: number, b: number): number return a + b end
local function greet(name: string, title: string?): string return (title or "") .. name end
local function show(user: User): string return user.name end
local function apply(f: (number) -> number, x: number): number return f(x) end
local M = {}
function M.area(w: number, h: number): number return w * h end
function M:scale(by: number): number return by end
local lambda = function(x: integer): integer return x end

M.join = function(a: string, b: string): string return a .. b end
M.join("x", 1) --! E0000
M.join("x") --! E0003
local joined: number = M.join("x", "y") --! E0000
print(joined)
local Late = {}
local function early() return Late.run("x") end --! E0000
Late.run = function(n: number): number return n end
early()
add(1) --! E0003
add(1, 2, 3) --! E0003
add() --! E0003
add("1", 2) --! E0000
add(nil, 2) --! E0000
greet() --! E0003
greet(5) --! E0000
greet("x", 5) --! E0000
show({}) --! E0000
show("user") --! E0000
show({name = 1}) --! E0000
apply("f", 1) --! E0000
apply(function(a: string) return 1 end, 1) --! E0000
apply(function(x) return x.y end, 1) --! E0005
M.area("x", 1) --! E0000
M.area(1) --! E0003
M:scale("x") --! E0000
M:scale(1, 2) --! E0003
lambda("x") --! E0000
local text: string = add(1, 2) --! E0000
local number: number = greet("x") --! E0000
local five = 5
five() --! E0002
local word = ("x")()  --! E0002
local yes = true
yes() --! E0002
local made = {}
made() --! E0002
local function call(f: (() -> ())?) f() end --! E0021
local function find(id: string): User? return id ~= "" and {name = id} or nil end
print(find("x").name) --! E0023
show(find("x")) --! E0000
local user: User = {name = "x"}
user:rename("y") --! E0022
print(("x"):nothing()) --! E0022
local function use(v: unknown) return v() end --! E0002
local function id<T>(x: T): T return x end
local wrong: string = id(5) --! E0000
local function longest<T: {length: number}>(a: T): T return a end
longest({length = "x"}) --! E0020
local function mixed(...: number) return ... end
mixed(1, "x") --! E0000
string.rep() --! E0003
math.floor({}) --! E0000
print(text, number, word, call, use, wrong)
