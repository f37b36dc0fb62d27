local io = require("io")
local funcs = require("funcs")
local process = require("process")
local workflow = require("workflow")

local function main(name: string?, quantity: string?): integer
    local customer = name or "world"
    local count = math.floor(tonumber(quantity or "2") or 2)

    io.print("Hello, " .. customer .. "!")

    -- The function: an ordinary call.
    local price, err = funcs.call("app:price", count, 4.5)
    if err then
        io.eprint("no price: " .. tostring(err))
        return 1
    end
    io.print(count .. " of them cost " .. price)

    -- The process: spawned once, then sent messages.
    local totals = process.listen("total")
    local counter = process.spawn("app:counter", "app:processes")
    for _ = 1, 3 do
        process.send(counter, "order", { quantity = count })
        io.print("the counter says " .. totals:receive())
    end

    -- The workflow: kill the application while it runs, start it again, and it goes on.
    local order, failure = workflow.execute("app:order", customer, count)
    if failure then
        io.eprint("the order failed: " .. tostring(failure))
        return 1
    end
    io.print(order.customer .. " pays " .. order.price)
    return 0
end

return { main = main }
