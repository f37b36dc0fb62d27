-- Every form of the type layer.
type Id = string | 42 | 1.5 | -1 | true | false | nil
type Pair<A, B: {id: string}> = {first: A, second: B}
type Nested = Pair<string, {id: string, list: Pair<number, {id: string}>}>
type Words = string[]
type Grid = number[][]
type Opt = {a: number, b?: string, type: string, is: boolean?, as: any,}
type Empty = {}
type Func = (number, name: string, ...boolean) -> string
type Multi = (number) -> (string, integer?)
type None = () -> ()
type Grouped = ((number) -> string)?
type Alt = fun(a: number, b: string?): boolean
type Alt2 = fun(): (string, number)
type Anon = interface { read: (integer) -> string, name: string }
type Both = {a: number} & {b: string}
type Fixed = readonly {string}
type Frozen = readonly {x: number}
type Keys = keyof(Opt)
type Field = Opt["a"]
type If<T> = T extends string ? number : boolean
type Limited = {name: string @min_len(1) @max_len(20), age?: number @min(0), size: number? @max(9), code: string @pattern("^a")}
type Callback = (err: error?) -> ()
type Either = (A) -> B | C
type A = number
type B = string
type C = boolean
type Self = {children: {Self}, parent: Self?}
interface Reader<T>: Base
  function read(n: integer): (T?, error?)
  function all(): {T}
end
interface Base
  function close()
end
local function check(x: any): asserts x is string
  if type(x) ~= "string" then error("no text") end
end
local function present(x: any): asserts x
  if not x then error("missing") end
end
local function generic<T, U: {id: string}>(a: T, b: U?, ...: any): (T, U?) return a, b end
local function several(): string?, string? return "a" end
local function nothing(): () end
local anonymous = function<T>(x: T): T return x end
local x: number, y: string = 1, "a"
local casted = x :: number | string
local other = (x as integer) + 1
local bang = (y!) .. "b"
local chained = {v = y :: string, x as number}
local value: any = "text"
check(value)
print(value:upper())
local maybe: string? = several()
present(maybe)
print(maybe:upper())
local type = type
print(type(x), type(casted))
local rest = y :: string?
(print or error)(rest)
::label::
local long = {
  a = 1 :: number,
  b = "x" as string,
}
if x > 1000 then goto label end
print(generic(1, {id = "x"}, 2), nothing(), anonymous("x"):upper(), other, bang, chained, long)
local pair: Pair<string, {id: string}> = {first = "a", second = {id = "b"}}
local grid: Grid = {{1, 2}, {3}}
local words: Words = {"a"}
local opt: Opt = {a = 1, type = "t", as = 1}
local f: Func = function(n, name, ...) return name .. n end
local alt: Alt = function(a, b) return b == nil or a > 1 end
local either: Either = function(a) return a > 1 end
local result: B | C = either(1)
local test: If<string> = 5
local id: Id = -1
local limited: Limited = {name = "", code = "b"}
print(pair.second.id:upper(), grid[1][2] + 1, words[1]:upper(), opt.type:upper(), opt.is, f(1, "x", true), alt(1), result)
print(test, id, limited.age, (function(...: string) return ... end)("x"))
