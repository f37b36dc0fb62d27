-- The screen: draws the group, passes on what is typed.
local tty = require("tty")
local io = require("io")
local pg = require("pg")

local GROUP = "counters"
local text, style = tty.text, tty.style()

local title = style:bold():foreground("#ffffff"):background("#5f3dc4"):padding(0, 1)
local box = style:border(tty.borders.ROUNDED):border_foreground("#5f3dc4"):padding(0, 1):width(18)
local number = style:bold():foreground("#f59f00")
local dim = style:faint()

local keys = {
    add = tty.bind({keys = {"+", "="}, help = {key = "+", desc = "start"}}),
    remove = tty.bind({keys = {"-"}, help = {key = "-", desc = "end"}}),
    crash = tty.bind({keys = {"x"}, help = {key = "x", desc = "crash"}}),
    tick = tty.bind({keys = {"space", "enter"}, help = {key = "space", desc = "count"}}),
    quit = tty.bind({keys = {"q", "esc", "ctrl+c"}, help = {key = "q", desc = "quit"}}),
}
local ORDER = {keys.add, keys.remove, keys.crash, keys.tick, keys.quit}

local function help()
    local parts = {}
    for i, key in ipairs(ORDER) do
        parts[i] = key:help().key .. " " .. dim:render(key:help().desc)
    end
    return table.concat(parts, "   ")
end

-- Boxes in rows that fit.
local function grid(boxes, width)
    local rows, row, used = {}, {}, 0
    for _, one in ipairs(boxes) do
        if used + text.width(one) > width and #row > 0 then
            rows[#rows + 1] = text.join_horizontal(0, table.unpack(row))
            row, used = {}, 0
        end
        row[#row + 1] = one
        used = used + text.width(one)
    end
    if #row > 0 then
        rows[#rows + 1] = text.join_horizontal(0, table.unpack(row))
    end
    return table.concat(rows, "\n")
end

local function draw(state)
    local boxes = {}
    for i, pid in ipairs(state.members) do
        local name = string.match(pid, "|0x0*(%x+)}$") or pid
        boxes[i] = box:render("counter " .. name .. "\n" .. number:render(tostring(state.counts[pid] or 0)))
    end
    local body = #boxes > 0 and grid(boxes, state.width) or dim:render("nobody counts: press +")
    local page = table.concat({title:render(#boxes .. " counters"), "", body, "", help()}, "\n")
    io.write("\27[H\27[2J", style:max_width(state.width):max_height(state.height):render(page))
end

local function add()
    process.spawn("counters:counter", "counters:processes", process.pid())
end

local function typed(event, state, groups)
    if event.type == "resize" or event.type == "start" then
        state.width, state.height = event.width, event.height
    elseif keys.add:matches(event) then
        add()
    elseif keys.remove:matches(event) and #state.members > 0 then
        process.cancel(state.members[#state.members])
    elseif keys.crash:matches(event) and #state.members > 0 then
        process.send(state.members[1], "crash")
    elseif keys.tick:matches(event) or (event.type == "mouse" and event.action == "press") then
        groups:broadcast(GROUP, "count")
    elseif keys.quit:matches(event) then
        return true
    end
    return false
end

local function main()
    local groups = assert(pg.open("counters:groups"))
    local changes = assert(groups:monitor(GROUP)):channel()
    local input = assert(tty.events())
    assert(tty.start())
    tty.mouse(true)
    io.write("\27[?1049h\27[?25l")
    local inbox = process.inbox()
    local state = {members = {}, counts = {}, width = 80, height = 24}
    for _ = 1, 3 do
        add()
    end
    while true do
        local found = channel.select({input:case_receive(), changes:case_receive(), inbox:case_receive()})
        if found.channel == input then
            if typed(found.value, state, groups) then
                break
            end
        elseif found.channel == inbox then
            local told = found.value:payload():data()
            state.counts[told.pid] = told.count
        end
        state.members = groups:get_members(GROUP)
        draw(state)
    end
    io.write("\27[?25h\27[?1049l")
    tty.stop()
end

return {main = main}
