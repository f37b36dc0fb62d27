"""What still waits for an answer when the application stops is told so."""

from __future__ import annotations

import pytest

from application import application, function
from wippy.errors import WippyError


def test_a_call_under_way_fails_when_the_application_stops() -> None:
    with application(
        function(
            "waits", "local time = require('time') return {main = function() time.sleep('1h') end}", modules=["time"]
        )
    ) as app:
        pending = app.begin_call("app:waits")
        app.settle()
    with pytest.raises(WippyError):
        pending.result(5)
