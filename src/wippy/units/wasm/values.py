"""Values of Lua as values of WebAssembly types, and back."""

from __future__ import annotations

from typing import Any

from wasmtime import component as wc

from wippy.errors import INTERNAL, WippyError

_RANGES = {
    "S8": (-(1 << 7), (1 << 7) - 1),
    "U8": (0, (1 << 8) - 1),
    "S16": (-(1 << 15), (1 << 15) - 1),
    "U16": (0, (1 << 16) - 1),
    "S32": (-(1 << 31), (1 << 31) - 1),
    "U32": (0, (1 << 32) - 1),
    "S64": (-(1 << 63), (1 << 63) - 1),
    "U64": (0, (1 << 64) - 1),
}


class BadValue(WippyError):
    """A value does not fit its type."""

    def __init__(self, text: str) -> None:
        super().__init__(INTERNAL, text)


def integer(value: Any, kind: str) -> int:
    """An integer in the range of `s8` … `u64`. Raises BadValue."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadValue(f"expected {kind}, got {_kind(value)}")
    low, high = _RANGES[kind.upper()]
    if not low <= value <= high:
        raise BadValue(f"{value} is out of range for {kind}")
    return value


def number(value: Any, kind: str) -> float:
    """A float. Raises BadValue."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise BadValue(f"expected {kind}, got {_kind(value)}")
    return float(value)


def boolean(value: Any) -> bool:
    """A boolean. Raises BadValue."""
    if not isinstance(value, bool):
        raise BadValue(f"expected bool, got {_kind(value)}")
    return value


def lower(type_: Any, value: Any) -> Any:
    """What the engine takes for a component type. Raises BadValue."""
    name = type(type_).__name__
    if name in _RANGES:
        return integer(value, name.lower())
    convert = _LOWER.get(name)
    if convert is None:
        raise BadValue(f"a value of this type cannot be passed: {name.removesuffix('Type').lower()}")
    return convert(type_, value)


def lift(type_: Any, value: Any) -> Any:
    """The plain value of what the engine gave for a component type. Raises BadValue."""
    convert = _LIFT.get(type(type_).__name__)
    return value if convert is None else convert(type_, value)


def _lower_char(_: Any, value: Any) -> str:
    if isinstance(value, str) and value:
        return value[0]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return chr(integer(value, "u32"))
    raise BadValue(f"expected char, got {_kind(value)}")


def _lower_string(_: Any, value: Any) -> str:
    if isinstance(value, bytes):
        raise BadValue("expected a string of valid UTF-8")
    if not isinstance(value, str):
        raise BadValue(f"expected string, got {_kind(value)}")
    return value


def _items(value: Any, what: str) -> list[Any]:
    if value == {}:
        return []
    if not isinstance(value, list):
        raise BadValue(f"expected {what}, got {_kind(value)}")
    return value


def _lower_list(type_: Any, value: Any) -> Any:
    element = type_.element
    if isinstance(element, wc.U8):
        if isinstance(value, str):
            return value.encode()
        return value if isinstance(value, bytes) else bytes(integer(item, "u8") for item in _items(value, "list"))
    return [lower(element, item) for item in _items(value, "list")]


def _lower_record(type_: Any, value: Any) -> wc.Record:
    if not isinstance(value, dict):
        raise BadValue(f"expected record, got {_kind(value)}")
    record = wc.Record()
    for name, field in type_.fields:
        if name not in value and not isinstance(field, wc.OptionType):
            raise BadValue(f'required field "{name}" not found')
        setattr(record, name, lower(field, value.get(name)))
    return record


def _lower_tuple(type_: Any, value: Any) -> tuple[Any, ...]:
    elements, items = type_.elements, _items(value, "tuple")
    if len(items) != len(elements):
        raise BadValue(f"expected a tuple of {len(elements)}, got {len(items)} values")
    return tuple(lower(element, item) for element, item in zip(elements, items, strict=True))


def _lower_option(type_: Any, value: Any) -> Any:
    if value is None:
        return wc.Variant("none") if type_._tagged() else None
    return _tagged(type_, "some", lower(type_.payload, value))


def _lower_result(type_: Any, value: Any) -> Any:
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in ("ok", "err"):
        raise BadValue(f"expected {{ok=…}} or {{err=…}}, got {_kind(value)}")
    tag, payload = next(iter(value.items()))
    inner = type_.ok if tag == "ok" else type_.err
    return _tagged(type_, tag, None if inner is None else lower(inner, payload))


def _lower_variant(type_: Any, value: Any) -> Any:
    cases = dict(type_.cases)
    if isinstance(value, str):
        value = {value: True}
    if not isinstance(value, dict) or len(value) != 1:
        raise BadValue(f"expected {{case=payload}}, got {_kind(value)}")
    tag, payload = next(iter(value.items()))
    if tag not in cases:
        raise BadValue(f"unknown case {tag!r}: there is {', '.join(cases)}")
    inner = cases[tag]
    return _tagged(type_, tag, None if inner is None else lower(inner, payload))


def _tagged(type_: Any, tag: str, payload: Any) -> Any:
    """The engine wants the bare payload where the cases differ in type."""
    return wc.Variant(tag, payload) if type_._tagged() else payload


def _lower_enum(type_: Any, value: Any) -> str:
    names = type_.names
    if isinstance(value, str):
        if value not in names:
            raise BadValue(f"unknown case {value!r}: there is {', '.join(names)}")
        return value
    index = integer(value, "u32")
    if index >= len(names):
        raise BadValue(f"case {index} is out of range: there are {len(names)}")
    return names[index]


def _lower_flags(type_: Any, value: Any) -> set[str]:
    names = type_.names
    if isinstance(value, dict):
        for name in value:
            if name not in names:
                raise BadValue(f"unknown flag {name!r}: there is {', '.join(names)}")
        return {name for name, on in value.items() if on}
    mask = integer(value, "u64")
    if mask >> len(names):
        raise BadValue(f"{mask} has bits beyond the {len(names)} flags")
    return {name for index, name in enumerate(names) if mask >> index & 1}


def _case(cases: list[tuple[str, Any]], type_: Any, value: Any) -> tuple[str, Any, Any]:
    """Tag, type and payload of what the engine gave."""
    if type_._tagged():
        return value.tag, dict(cases)[value.tag], value.payload
    for tag, inner in cases:
        if inner is None:
            if value is None:
                return tag, None, None
            continue
        classes: set[type] = set()
        inner.add_classes(classes)
        if isinstance(value, tuple(classes)):
            return tag, inner, value
    raise BadValue("the result fits no case of its type")


def _lift_variant(type_: Any, value: Any) -> dict[str, Any]:
    tag, inner, payload = _case(type_._cases(), type_, value)
    return {tag: True if inner is None else lift(inner, payload)}


def _lift_option(type_: Any, value: Any) -> Any:
    tag, inner, payload = _case(type_._cases(), type_, value)
    return None if tag == "none" else lift(inner, payload)


def _lift_u64(_: Any, value: int) -> int:
    if value >= 1 << 63:
        raise BadValue(f"{value} is too large for an integer")
    return value


_LOWER = {
    "Bool": lambda _, value: boolean(value),
    "F32": lambda _, value: number(value, "f32"),
    "F64": lambda _, value: number(value, "f64"),
    "Char": _lower_char,
    "String": _lower_string,
    "ListType": _lower_list,
    "RecordType": _lower_record,
    "TupleType": _lower_tuple,
    "OptionType": _lower_option,
    "ResultType": _lower_result,
    "VariantType": _lower_variant,
    "EnumType": _lower_enum,
    "FlagsType": _lower_flags,
}
_LIFT = {
    "U64": _lift_u64,
    "Char": lambda _, value: ord(value),
    "ListType": lambda type_, value: value if isinstance(value, bytes) else [lift(type_.element, v) for v in value],
    "RecordType": lambda type_, value: {name: lift(field, getattr(value, name)) for name, field in type_.fields},
    "TupleType": lambda type_, value: [lift(t, v) for t, v in zip(type_.elements, value, strict=True)],
    "OptionType": _lift_option,
    "ResultType": _lift_variant,
    "VariantType": _lift_variant,
    "EnumType": lambda type_, value: type_.names.index(value),
    "FlagsType": lambda type_, value: sum(1 << index for index, name in enumerate(type_.names) if name in value),
}


def _kind(value: Any) -> str:
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, (str, bytes)) else "table"
