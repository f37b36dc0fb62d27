"""The end of a process as others learn of it, wherever they are."""

from __future__ import annotations

import pytest

from application import application, host, process


@pytest.mark.parametrize("place", ["app:processes", "app:other", "app:isolated"])
def test_the_error_of_an_exit_has_lost_where_it_came_from(place: str) -> None:
    with application(
        host("processes", 1),
        host("other", 1),
        host("isolated", 1, isolation="process"),
        process("plain", "return function() error(errors.new('plain')) end"),
        process("wrapped", "return function() error(errors.wrap(errors.new('inner'), 'outer')) end"),
    ) as app:
        assert app.lua(
            """
            local out = {}
            for i, entry in ipairs({"app:plain", "app:wrapped"}) do
              process.spawn_monitored(entry, ...)
              local err = process.events():receive().result.error
              out[i] = {err:kind(), err:message(), tostring(err:stack()):find("outer", 1, true) == nil}
            end
            return out
            """,
            place,
        ) == [["Internal", "plain", True], ["Internal", "inner", True]]
