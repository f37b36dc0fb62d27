"""What the checker and the style rules report."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

ERROR = "error"
WARNING = "warning"
HINT = "hint"
SEVERITIES = (ERROR, WARNING, HINT)

MISMATCH = "E0000"
UNDEFINED = "E0001"
NOT_CALLABLE = "E0002"
ARGUMENTS = "E0003"
NO_FIELD = "E0004"
NOT_INDEXABLE = "E0005"
READONLY = "E0008"
UNREACHABLE = "E0009"
MISSING_RETURN = "E0010"
DEPTH = "E0011"
UNRESOLVED_TYPE = "E0012"
CIRCULAR = "E0013"
NOT_EXHAUSTIVE = "E0014"
UNASSIGNED = "E0015"
PRECONDITION = "E0016"
DUPLICATE = "E0017"
INDEX_TYPE = "E0018"
OPERAND = "E0019"
CONSTRAINT = "E0020"
CALL_OPTIONAL = "E0021"
NO_METHOD = "E0022"
INDEX_OPTIONAL = "E0023"
FAILED = "E9999"
PARSE = "P0001"


_NIL = "test it first (`if x then`), give a default (`x or …`), or write `!` behind it where you know better"
_ADVICE = {
    UNDEFINED: "declare it with `local`, or name the module in modules: of the entry",
    NO_FIELD: "add the field to the type, or test for it first",
    READONLY: "make a copy and change that",
    UNREACHABLE: "remove it, or move it in front of what ends the block",
    MISSING_RETURN: "return a value on every path, or declare the result as optional",
    UNRESOLVED_TYPE: "declare it with `type`, or import the library that does and write `alias.Name`",
    CIRCULAR: "let it refer to itself inside of a list, map or record: `{T}`",
    NOT_EXHAUSTIVE: "add the branches, or an `else`",
    UNASSIGNED: "give it a value where it is declared, or declare its type as optional",
    DUPLICATE: "remove one of them, or give it another name",
    OPERAND: "convert it first, with `tonumber` or `tostring`",
    CALL_OPTIONAL: _NIL,
    INDEX_OPTIONAL: _NIL,
    "W0004": "remove it, or begin its name with _",
    "W0005": "remove it, or begin its name with _",
    "W0006": "remove it here and in modules: or imports: of the entry",
    "W0007": "give it another name",
    FAILED: "this is a fault of the checker: please report it with the source",
}


class Diagnostic(Struct, frozen=True):
    """One finding.

    Attributes:
        code: `E…` of the checker, `W…` of a style rule, `P0001`.
        severity: error, warning or hint.
        message: one line.
        line, column: 1-based, None where the finding has no place in the source.
        rejects: a strict registration refuses the entry because of it.
        hint: what to do, "" where the code says enough.
        key: keys below the data of the entry where the mistake stands in the definition and not in the source.
    """

    code: str
    severity: str
    message: str
    line: int | None = None
    column: int | None = None
    rejects: bool = False
    hint: str = ""
    key: tuple[str | int, ...] = ()

    @property
    def advice(self) -> str:
        """What to do about it, "" where the message says it."""
        if self.hint:
            return self.hint
        return _NIL if self.message.endswith("it may be nil") else _ADVICE.get(self.code, "")

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Worst first, then by place."""
        return (SEVERITIES.index(self.severity), self.line or 0, self.column or 0, self.code)


def meant(name: str, known: Iterable[str]) -> str:
    """`did you mean X?` for what looks most like `name`, or nothing."""
    from difflib import get_close_matches  # slow to import, needed only for mistakes

    found = get_close_matches(name, sorted(known), 1, 0.75) if len(name) > 2 else []
    return f"did you mean {found[0]}?" if found else ""
