-- The one function: it rests, and tells when it began and ended and how many events that wrote to a
-- history. It does not know whether it runs as a function, a process or a workflow.
local time = require("time")
local workflow = require("workflow")

type Nap = {began: integer, ended: integer, events: integer}

local nap = {Nap = Nap}

function nap.take(length: string): Nap
  local began, before = time.now():unix_nano(), workflow.history_length()
  time.sleep(length)
  return {began = began, ended = time.now():unix_nano(), events = workflow.history_length() - before}
end

return nap
