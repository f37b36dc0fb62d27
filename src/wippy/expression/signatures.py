"""The functions by name with how many arguments they take, and which argument is a predicate."""

from __future__ import annotations

SIGNATURES: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(["abs", "ceil", "floor", "round", "int", "float", "string", "type", "len"], (1, 1)),
    **dict.fromkeys(["max", "min", "mean", "median", "concat"], (1, None)),
    **dict.fromkeys(["upper", "lower", "toJSON", "fromJSON", "toBase64", "fromBase64", "duration"], (1, 1)),
    **dict.fromkeys(["trim", "trimPrefix", "trimSuffix", "join", "sort", "count", "sum"], (1, 2)),
    **dict.fromkeys(["split", "splitAfter"], (2, 3)),
    **dict.fromkeys(["repeat", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix", "take", "get"], (2, 2)),
    "replace": (3, 4),
    **dict.fromkeys(["all", "any", "one", "none", "map", "filter", "groupBy"], (2, 2)),
    **dict.fromkeys(["find", "findIndex", "findLast", "findLastIndex"], (2, 2)),
    "sortBy": (2, 3),
    "reduce": (2, 3),
    **dict.fromkeys(["reverse", "first", "last", "flatten", "uniq", "keys", "values", "toPairs", "fromPairs"], (1, 1)),
    "now": (0, 0),
    "date": (1, 3),
    "bitnot": (1, 1),
    **dict.fromkeys(["bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr"], (2, 2)),
}

PREDICATES: dict[str, int] = {
    **dict.fromkeys(["all", "any", "one", "none", "map", "filter", "groupBy", "count", "sum", "sortBy", "reduce"], 1),
    **dict.fromkeys(["find", "findIndex", "findLast", "findLastIndex"], 1),
}
