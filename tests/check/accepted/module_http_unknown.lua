-- modules: http http_client queue store metrics
local http, client = require("http"), require("http_client")
type Item = {id: string?, title: string, done: boolean?}
local items: {[string]: Item} = {}
local function handler()
  local req, res = http.request(), http.response()
  if not req or not res then return nil, "no request" end
  if req:method() == http.METHOD.POST then
    local body, err = req:body_json()
    if err then
      res:set_status(http.STATUS.BAD_REQUEST)
      res:write_json({error = tostring(err)})
      return
    end
    local item, invalid = Item:is(body)
    if invalid then
      res:set_status(422)
      return res:write_json({error = invalid:message()})
    end
    items[item.title] = item
    return res:write_json(item)
  end
  local id = req:param("id")
  local page = tonumber(req:query("page")) or 1
  local found = items[id]
  if not found then res:set_status(404) return end
  res:write_json({item = found, page = page + 1})
end
local r, err = client.get("http://x", {headers = {Accept = "json"}, timeout = 5})
if err then print(err:kind()) elseif r.status_code == 200 then print(r.body:len()) end
return {handler = handler}
