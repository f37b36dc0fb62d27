local funcs = require("funcs")
local time = require("time")

local function main(customer: string, quantity: integer)
    local price, err = funcs.call("app:price", quantity, 4.5)
    if err then
        return nil, err
    end
    -- A durable timer: it fires on time, also when the application is restarted meanwhile.
    time.sleep("100ms")
    return { customer = customer, price = price }
end

return { main = main }
