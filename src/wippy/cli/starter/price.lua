local function main(quantity: integer, each: number): number
    return quantity * each
end

return { main = main }
