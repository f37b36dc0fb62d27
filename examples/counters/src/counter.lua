-- Counts whenever the group is told to, and tells the screen.
local pg = require("pg")

local function main(screen: string)
    local groups = assert(pg.open("counters:groups"))
    assert(groups:join("counters"))
    local inbox, events = process.inbox(), process.events()
    local count = 0
    while true do
        local found = channel.select({inbox:case_receive(), events:case_receive()})
        if found.channel == events then
            return count
        end
        if found.value:topic() == "crash" then
            error("told to crash")
        end
        count = count + 1
        process.send(screen, "count", {pid = process.pid(), count = count})
    end
end

return {main = main}
