type Animal = {name: string}
type Dog = {name: string, bark: () -> string}
type Box<T> = {value: T}
type Link<T> = {value: T, next: Link<T>?}
type Named = {name: string}
type Aged = {age: integer}
local dog: Dog = {name = "rex", bark = function() return "woof" end}
local dogs: {Dog} = {dog}
local by_name: {[string]: Dog} = {rex = dog}
local integers: {integer} = {1}
local animals: {Animal} = dogs --! E0000
local by_animal: {[string]: Animal} = by_name --! E0000
local numbers: {number} = integers --! E0000
local either: {string | number} = integers --! E0000
local strings: readonly {string} = integers --! E0000
local box: Box<integer> = {value = 1}
local wrong: Box<string> = box --! E0000
local link: Link<number> = {value = 1, next = {value = "x"}} --! E0000
local other: Link<string> = link --! E0000
local takes_dog: (Dog) -> () = function(d) print(d.bark()) end
local takes_animal: (Animal) -> () = takes_dog --! E0000
local gives_animal: () -> Animal = function() return dog end
local gives_dog: () -> Dog = gives_animal --! E0000
local whole: (number) -> number = function(n: integer): number return n end --! E0000
local more: (string) -> () = function(a: string, b: number) print(a, b) end --! E0000
local none: () -> string = function(): () end --! E0000
local both: Named & Aged = {name = "x"} --! E0000
local half: Named & Aged = dog --! E0000
local function name_of(x: Named & Aged): string return x.nam end --! E0004
local function first<T>(list: {T}): T return list[1] end
local text: string = first({1, 2}) --! E0000
local function same<T>(a: T, b: {T}): T return a end
local n: number = same("x", {"y"}) --! E0000
local map: {[string]: number} = {a = 1, [2] = 3} --! E0000
local keyed: {[integer]: string} = {a = "x"} --! E0000
local flag: true = false --! E0000
local three: 1 | 2 = 3 --! E0000
local key: keyof(Animal) = "age" --! E0000
local field: Animal["name"] = 5 --! E0000
local seen: typeof(dog) = {name = 1, bark = print} --! E0000 E0000
print(animals, by_animal, numbers, either, strings, wrong, link, other, takes_animal, gives_dog, whole, more, none)
print(both, half, name_of, text, n, map, keyed, flag, three, key, field, seen)
