-- What goes wrong on purpose. The rules look at nothing but the data, so that every run of the
-- application on the same file comes to the same end, however often it was interrupted.
local rules = {}

-- The worker that prices every 50th line of the log crashes at the first attempt.
function rules.crashes(line: integer): boolean
  return line % 50 == 0
end

-- The bank declines the charge of every customer whose number is divisible by 11 ...
function rules.declines(customer: integer): boolean
  return customer % 11 == 0
end

-- ... and no parcel reaches those whose number is divisible by 13.
function rules.unreachable(customer: integer): boolean
  return customer % 13 == 0
end

return rules
