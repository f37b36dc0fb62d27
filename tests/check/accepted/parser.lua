type Token = {kind: "number", value: number} | {kind: "op", value: string} | {kind: "paren", value: "(" | ")"}
type Ast = {op: string, left: Ast, right: Ast} | {literal: number}
local function lex(text: string): ({Token}?, string?)
  local tokens: {Token} = {}
  local at = 1
  while at <= #text do
    local c = text:sub(at, at)
    if c:match("%s") then at = at + 1
    elseif c:match("%d") then
      local digits = text:match("^%d+", at)
      tokens[#tokens + 1] = {kind = "number", value = tonumber(digits)}
      at = at + #digits
    elseif c == "(" or c == ")" then
      tokens[#tokens + 1] = {kind = "paren", value = c}
      at = at + 1
    elseif ("+-*/"):find(c, 1, true) then
      table.insert(tokens, {kind = "op", value = c})
      at = at + 1
    else
      return nil, "bad character " .. c .. " at " .. at
    end
  end
  return tokens
end
local PRIORITY: {[string]: integer} = {["+"] = 1, ["-"] = 1, ["*"] = 2, ["/"] = 2}
local function parse(tokens: {Token}): Ast
  local at = 1
  local expression
  local function primary(): Ast
    local t = tokens[at]
    if not t then error("unexpected end") end
    at = at + 1
    if t.kind == "number" then return {literal = t.value} end
    if t.kind == "paren" and t.value == "(" then
      local inner = expression(0)
      at = at + 1
      return inner
    end
    error("unexpected " .. t.value)
  end
  expression = function(level: integer): Ast
    local left = primary()
    while tokens[at] and tokens[at].kind == "op" do
      local op = tokens[at].value
      local p = PRIORITY[op]
      if not p or p <= level then break end
      at = at + 1
      left = {op = op, left = left, right = expression(p)}
    end
    return left
  end
  return expression(0)
end
local function eval(ast: Ast): number
  if ast.literal then return ast.literal end
  local l, r = eval(ast.left), eval(ast.right)
  if ast.op == "+" then return l + r end
  if ast.op == "-" then return l - r end
  if ast.op == "*" then return l * r end
  return l / r
end
local tokens, err = lex("1 + 2 * (3 - 4)")
if not tokens then error(err) end
print(eval(parse(tokens)) + 1)
