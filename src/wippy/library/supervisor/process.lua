local supervisor = require("supervisor")

local function main(spec: supervisor.Spec): nil
  supervisor.run(spec)
end

return { main = main }
