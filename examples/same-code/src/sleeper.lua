local nap = require("nap")

return {main = nap.take}
