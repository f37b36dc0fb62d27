"""The log as events on the bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .events import Bus
from .form import plain_value, spaced_json
from .log import Log
from .record import Record

SYSTEM = "logs"
KIND = "logs.entry"


def stream_to_events(log: Log, bus: Bus) -> Callable[[], None]:
    """Publishes every record: system `logs`, kind `logs.entry`, path the logger's name.

    Returns:
        A function that ends it.
    """
    return log.listen(lambda record: bus.send(SYSTEM, KIND, record.logger, event_data(record)))


def event_data(record: Record) -> dict[str, Any]:
    """The record as the data of its event: `entry` and a list of `fields`, each with the value by its type."""
    return {
        "entry": {
            "logger_name": record.logger,
            "message": record.message,
            "caller": str(record.fields.get("location", "")),
            "stack": record.stack,
            "level": record.level,
            "time": record.time_ns,
        },
        "fields": [_field(key, plain_value(value)) for key, value in record.fields.items()],
    }


def _field(key: str, value: Any) -> dict[str, Any]:
    field: dict[str, Any] = {"key": key, "type": "any", "string": "", "int": 0}
    if isinstance(value, bool):
        field.update(type="bool", int=int(value))
    elif isinstance(value, int):
        field.update(type="int", int=value)
    elif isinstance(value, float):
        field.update(type="float", string=repr(value))
    elif isinstance(value, str):
        field.update(type="string", string=value)
    else:
        field.update(type="json", string=spaced_json(value))
    return field
