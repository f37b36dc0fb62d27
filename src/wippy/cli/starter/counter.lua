local process = require("process")

-- Counts what it is told and answers with the total so far.
local function main()
    local total = 0
    local inbox = process.inbox()
    while true do
        local message, open = inbox:receive()
        if not open then
            return total
        end
        local order = message:payload():data()
        total = total + order.quantity
        process.send(message:from(), "total", total)
    end
end

return { main = main }
