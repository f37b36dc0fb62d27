type Account = {id: string, balance: number, history: {{amount: number, note: string?}}}

local Account = {}
Account.__index = Account

function Account.new(id: string, balance: number?): Account
  local self = setmetatable({}, Account)
  self.id = id
  self.balance = balance or 0
  self.history = {}
  return self
end

function Account:deposit(amount: number, note: string?): Account
  if amount <= 0 then error("amount must be positive") end
  self.balance = self.balance + amount
  self.history[#self.history + 1] = {amount = amount, note = note}
  return self
end

function Account:withdraw(amount: number): (boolean, string?)
  if amount > self.balance then
    return false, "insufficient funds: " .. self.balance
  end
  self:deposit(-amount)
  return true
end

function Account.__eq(a, b) return a.id == b.id end
function Account.__lt(a, b) return a.balance < b.balance end
function Account.__tostring(a) return "Account(" .. a.id .. ")" end
function Account.__call(self, n) return self:deposit(n) end

local a, b = Account.new("a"), Account.new("b", 10)
a:deposit(5):deposit(6, "gift"):withdraw(3)
local ok, reason = b:withdraw(100)
if not ok then print("refused: " .. reason) end
print(a < b, a == b, tostring(a), a(5).balance, #a.history, a.history[1].note or "-")
return Account
