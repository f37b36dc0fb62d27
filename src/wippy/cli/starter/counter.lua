local process = require("process")

-- Counts what it is told and answers with the total so far, until it is cancelled.
local function main()
    local total = 0
    local inbox, events = process.inbox(), process.events()
    while true do
        local got = channel.select({ inbox:case_receive(), events:case_receive() })
        if got.channel == events then
            return total -- the application shuts down
        end
        local message = got.value
        total = total + message:payload():data().quantity
        process.send(message:from(), "total", total)
    end
end

return { main = main }
