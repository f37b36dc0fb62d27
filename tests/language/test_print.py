"""print: one record of the log for each call."""

from __future__ import annotations

from typing import Any

from application import application, function, library, process
from wippy.observe.level import INFO

SOURCE = """
local function say(...) return select("#", print(...)) end
return function(n)
  print("first", 1, 2.0, errors.new("e"))
  local count = say()
  print(nil, {}, true)
  l.say("in the library")
  return count
end
"""


def records(app: Any) -> list[tuple[int, str, dict[str, Any]]]:
    found: list[tuple[int, str, dict[str, Any]]] = []
    app.app.log.listen(lambda record: found.append((record.level, record.message, record.fields)))
    return found


def test_print_writes_records_with_pid_and_place() -> None:
    with application(
        library("lib", "return {say = function(text)\nprint(text)\nend}"),
        process("p", SOURCE, imports={"l": "app:lib"}),
        function("f", SOURCE, imports={"l": "app:lib"}),
    ) as app:
        found = records(app)
        assert app.execute("app:p") == 0
        in_process = [entry for entry in found if "location" in entry[2]]
        found.clear()
        assert app.call("app:f") == 0
        in_function = [entry for entry in found if "location" in entry[2]]
    for entry, lines in (("app:p", in_process), ("app:f", in_function)):
        assert [level for level, _, _ in lines] == [INFO] * 4
        assert [text for _, text, _ in lines][:2] == ["first 1 2 e", ""]
        assert lines[2][1].startswith("nil table: 0x")
        places = [fields["location"] for _, _, fields in lines]
        assert places == [f"{entry}:4", f"{entry}:2", f"{entry}:6", "app:lib:2"]
        assert all(isinstance(fields["pid"], str) for _, _, fields in lines)
    assert in_process[0][2]["pid"].startswith("{")
