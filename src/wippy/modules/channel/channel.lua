-- The channel module.
local K = ...

return {
  new = function(size) return K.channel_make(size) end,
  select = function(cases, default) return K.channel_select(cases, default) end,
}
