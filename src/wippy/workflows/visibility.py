"""The language in which runs are looked for: `WorkflowType = 'app:order' AND StartTime > '2026-01-01'`.

It is the part of Temporal's list filters that people use: comparison, IN, BETWEEN, STARTS_WITH, IS [NOT] NULL, AND, OR,
NOT and parentheses over the fields below and any search attribute.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wippy.errors import INVALID, WippyError
from wippy.workflows.provider import Description, Status

Test = Callable[[Description], bool]

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|([<>!=]=?|<>|[(),])|([^\s<>!=(),'\"]+))")
_WORDS = frozenset(("AND", "OR", "NOT", "IN", "BETWEEN", "STARTS_WITH", "IS", "NULL"))


def _time(nanoseconds: int) -> datetime | None:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds else None


def _name(status: Status) -> str:
    return "".join(part.capitalize() for part in status.name.split("_"))


def _status(found: Description) -> str:
    return _name(found.status)


FIELDS: dict[str, Callable[[Description], Any]] = {
    "WorkflowId": lambda found: found.workflow_id,
    "RunId": lambda found: found.run_id,
    "WorkflowType": lambda found: found.type,
    "TaskQueue": lambda found: found.queue,
    "ExecutionStatus": _status,
    "StartTime": lambda found: _time(found.started_ns),
    "CloseTime": lambda found: _time(found.closed_ns),
    "HistoryLength": lambda found: found.history_length,
    "Attempt": lambda found: found.attempt,
    "Blocked": lambda found: bool(found.blocked),
}

STATUSES = tuple(map(_name, Status))


def parse(query: str) -> Test:
    """The test that a query stands for. Raises WippyError: INVALID, with what was expected where."""
    if not query.strip():
        return lambda found: True
    return _Parser(query).whole()


class _Parser:
    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens: list[tuple[str, Any, int]] = []
        at = 0
        while at < len(query.rstrip()):
            match = _TOKEN.match(query, at)
            if match is None:
                raise self._wrong("a name, a value or an operator", at)
            text, mark, word = match.groups()
            if text is not None:
                self._tokens.append(("value", text[1:-1].replace(text[0] * 2, text[0]), match.start(1)))
            elif mark is not None:
                self._tokens.append(("mark", mark, match.start(2)))
            else:
                upper = word.upper()
                self._tokens.append(
                    ("word" if upper in _WORDS else "name", upper if upper in _WORDS else word, match.start(3))
                )
            at = match.end()
        self._at = 0

    def _wrong(self, expected: str, at: int) -> WippyError:
        return WippyError(
            INVALID, f"query: expected {expected} at column {at + 1}: {self._query[at : at + 30] or 'the end'}"
        )

    def _peek(self, kind: str, *values: str) -> bool:
        if self._at >= len(self._tokens):
            return False
        found, value, _ = self._tokens[self._at]
        return found == kind and (not values or value in values)

    def _take(self, kind: str, expected: str, *values: str) -> Any:
        if not self._peek(kind, *values):
            at = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._query)
            raise self._wrong(expected, at)
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _skip(self, kind: str, *values: str) -> bool:
        if self._peek(kind, *values):
            self._at += 1
            return True
        return False

    def whole(self) -> Test:
        test = self._or()
        if self._at < len(self._tokens):
            raise self._wrong("AND, OR or the end", self._tokens[self._at][2])
        return test

    def _or(self) -> Test:
        tests = [self._and()]
        while self._skip("word", "OR"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else lambda found: any(test(found) for test in tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._skip("word", "AND"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda found: all(test(found) for test in tests)

    def _not(self) -> Test:
        if self._skip("word", "NOT"):
            test = self._not()
            return lambda found: not test(found)
        if self._skip("mark", "("):
            test = self._or()
            self._take("mark", ")", ")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        name = self._take("name", "the name of a field or search attribute")
        read = FIELDS.get(name) or (lambda found: found.search_attributes.get(name))
        if self._skip("word", "IS"):
            wanted = not self._skip("word", "NOT")
            self._take("word", "NULL", "NULL")
            return lambda found: (read(found) is None) is wanted
        if self._skip("word", "STARTS_WITH"):
            start = self._value(name)
            return lambda found: isinstance(read(found), str) and read(found).startswith(start)
        if self._skip("word", "BETWEEN"):
            low = self._value(name)
            self._take("word", "AND", "AND")
            high = self._value(name)
            return lambda found: _holds(read(found), ">=", low) and _holds(read(found), "<=", high)
        negated = self._skip("word", "NOT")
        if negated or self._peek("word", "IN"):
            self._take("word", "IN", "IN")
            self._take("mark", "(", "(")
            values = [self._value(name)]
            while self._skip("mark", ","):
                values.append(self._value(name))
            self._take("mark", ")", ")")
            return lambda found: any(_holds(read(found), "=", value) for value in values) is not negated
        operator = self._take(
            "mark", "=, !=, <, <=, >, >=, IN, BETWEEN, STARTS_WITH or IS", "=", "==", "!=", "<>", "<", "<=", ">", ">="
        )
        value = self._value(name)
        return lambda found: _holds(read(found), operator, value)

    def _value(self, name: str) -> Any:
        value = self._any_value(name)
        if name == "ExecutionStatus" and value not in STATUSES:
            raise WippyError(INVALID, f"query: ExecutionStatus is one of {', '.join(STATUSES)}, not {value!r}")
        if name in ("HistoryLength", "Attempt") and not isinstance(value, (int, float)):
            raise WippyError(INVALID, f"query: {name} is a number, not {value!r}")
        if name == "Blocked" and not isinstance(value, bool):
            raise WippyError(INVALID, f"query: Blocked is true or false, not {value!r}")
        return value

    def _any_value(self, name: str) -> Any:
        if self._peek("value"):
            text = self._take("value", "a value")
            return _moment(text) if name in ("StartTime", "CloseTime") else text
        at = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._query)
        word = self._take("name", "a value: a number, true, false or 'text'")
        if word.lower() in ("true", "false"):
            return word.lower() == "true"
        try:
            return float(word) if "." in word else int(word)
        except ValueError:
            raise self._wrong(f"a value; put text in quotes: '{word}'", at) from None


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WippyError(INVALID, f"query: {text!r} is no time such as 2026-01-31T12:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _holds(found: Any, operator: str, value: Any) -> bool:
    if isinstance(found, list):
        return any(_holds(item, operator, value) for item in found)
    if isinstance(found, datetime) and isinstance(value, str):
        value = _moment(value)
    if operator in ("=", "=="):
        return found == value
    if operator in ("!=", "<>"):
        return found != value
    try:
        if operator == "<":
            return found < value
        if operator == "<=":
            return found <= value
        return found > value if operator == ">" else found >= value
    except TypeError:
        return False
