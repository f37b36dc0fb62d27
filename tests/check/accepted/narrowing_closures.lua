type Options = {timeout: number?, on_done: ((string) -> ())?, retries: integer?}

local function run(options: Options?): string
  local opts = options or {}
  local timeout = opts.timeout or 30
  local done = opts.on_done
  local function finish(result: string)
    if done then done(result) end
    if opts.on_done then opts.on_done(result) end
  end
  local retries = opts.retries
  local attempt = function(): integer
    return (retries or 1) + timeout // 1
  end
  finish("x" .. attempt())
  return "ok"
end

local function lazy(load: () -> string): () -> string
  local value: string? = nil
  return function()
    if value == nil then value = load() end
    return value
  end
end

local function once(f: (() -> ())?): () -> ()
  local called = false
  return function()
    if called or not f then return end
    called = true
    f()
  end
end

local function accumulate(list: {number}): (number, number?)
  local total = 0
  local largest: number? = nil
  local function visit(v: number)
    total = total + v
    if largest == nil or v > largest then largest = v end
  end
  for _, v in ipairs(list) do visit(v) end
  if largest then return total, largest * 2 end
  return total
end

local current
local function select_next(list)
  for _, each in ipairs(list) do
    if not current or each.weight < current.weight then current = each end
  end
  return current and current.name
end

local pending: {[string]: {resolve: (any) -> ()}} = {}
local function settle(id: string, v: any)
  local entry = pending[id]
  if entry then
    pending[id] = nil
    entry.resolve(v)
  end
end
return {run, lazy, once, accumulate, select_next, settle}
