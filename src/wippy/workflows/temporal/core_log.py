"""What the SDK's core says in the log: told in our own words, and an outage of the server once, not a hundred times."""

from __future__ import annotations

import logging
import re
import time
from functools import cache

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from wippy.workflows.temporal.faults import told

PAUSE = 30.0
"""Seconds for which what has been said is not said again."""

_MESSAGE = re.compile(r'message: "(.*?)"', re.S)

log = logging.getLogger("wippy.workflows.temporal")


class Repeated(logging.Filter):
    """Lets the first of many like records through; calls that are tried again are one message, whatever call it is."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        core = getattr(record, "temporal_log", None)
        if core is None:
            return True
        text = str(record.msg)
        if text.startswith("Failing workflow task"):
            return False  # the instance says why
        if text.startswith("gRPC call"):
            text = "a Temporal server does not answer"
            record.msg = f"{text}; calls are tried again until it does"
        elif text.startswith("Error while completing workflow activation"):
            why = str(core.fields.get("error", ""))
            found = _MESSAGE.search(why)
            text = told(f"a Temporal server refused a task of a workflow: {found[1] if found else why}")
            record.msg = text
        now = time.monotonic()
        if now - self._said.get(text, -PAUSE) < PAUSE:
            return False
        if len(self._said) > 1000:
            self._said.clear()
        self._said[text] = now
        return True


@cache
def runtime() -> Runtime:
    """The one runtime of the SDK: its log goes where ours goes."""
    log.addFilter(Repeated())
    forwarding = LogForwardingConfig(
        log,
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    shown = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding)
    return Runtime(telemetry=TelemetryConfig(logging=shown))
