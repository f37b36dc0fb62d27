-- What travels between the parts of the order desk. Money is in whole cents everywhere.

-- One line of the purchase log, as it stands there.
type Purchase = {
  line: integer,
  customer: integer,
  date: string,
  count: integer,
  amount: string,
}

-- All purchases of a customer, not priced yet.
type Basket = {
  customer: integer,
  purchases: {Purchase},
}

-- What a customer owes for the purchases that were found good.
type Order = {
  customer: integer,
  purchases: integer,
  cents: integer,
}

return {Purchase = Purchase, Basket = Basket, Order = Order}
