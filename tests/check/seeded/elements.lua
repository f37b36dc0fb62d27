type User = {name: string, age: integer?}
type Event = {kind: "a", n: number} | {kind: "b", s: string}
local users: {User} = {{name = "x"}}
local by_id: {[string]: User} = {}
local events: {Event} = {}
local words: readonly {string} = {"a"}
local numbers: {number}? = nil
users[1].age = "x" --! E0000
users[1].other = 1 --! E0004
by_id.a.name = 5 --! E0000
by_id["b"].age = true --! E0000
print(users[1].nope, by_id.x.nope) --! E0004 E0004
table.insert(users, 5) --! E0000
table.insert(users, {age = 5}) --! E0000
table.insert(users, 1, {name = 5}) --! E0000
table.insert(users, "first", {name = "x"}) --! E0000
table.insert(events, {kind = "c"}) --! E0000
table.insert(words, "b") --! E0008
words[1] = "c" --! E0008
table.insert(users, {name = "y"})
table.insert(events, {kind = "a", n = 1})
table.insert(events, 1, {kind = "b", s = "x"})
table.insert(numbers, 1) --! E0000
for _, user in ipairs(users) do
  user.name = 1 --! E0000
  print(user.nam) --! E0004
end
for id, user in pairs(by_id) do
  print(id + 1, user.age.x) --! E0019 E0023
end
local first: string = users[1] --! E0000
local removed: number = table.concat(words) --! E0000
print(first, removed)
