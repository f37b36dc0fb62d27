type User = {name: string, age: integer}
local raw: unknown = {name = "x"}
local user = raw :: User
print(user.name, (raw as User).age + 1)
local maybe: User? = user
print((maybe!).name)
local list = {} :: {User}
list[#list + 1] = user
local any = (5 :: any) :: string
print(any:upper())
local function decode(text: string): User return (text as any) :: User end
local n = (tonumber("5") :: number) + 1
local m = tonumber("5")! + 1
local wrong = "x" :: number
print(wrong + 1, decode("a").name, n, m)
local config = {port = 80 :: number?, host = "x" as string}
if config.port then print(config.port) end
for _, u in ipairs(list :: {User}) do print(u.name) end
local t = typeof(user)
local same: typeof(user) = user
local key: keyof(User) = "name"
local age: User["age"] = 3
print(t, same.name, key, age)
