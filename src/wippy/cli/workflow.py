"""`wippy workflow`: the workflows of the application of this folder, whether it runs or not."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import INVALID, NOT_FOUND, WippyError
from .arguments import Arguments, Command, Flag
from .flags import APP, JSON, SET

if TYPE_CHECKING:
    from .columns import Column

ABOUT = """\
Asks the application that runs in this folder. Where none runs, the provider alone is started: it can be looked at, and
signals, cancel requests and the like are stored, but no workflow goes on before the application runs again."""

QUERY = """\
A query has conditions such as

  ExecutionStatus = 'Running' AND WorkflowType = 'app:order' AND StartTime > '2026-01-31T12:00:00Z'

with =, !=, <, <=, >, >=, IN (...), BETWEEN ... AND ..., STARTS_WITH, IS NULL, AND, OR, NOT and parentheses, over
WorkflowId, RunId, WorkflowType, TaskQueue, ExecutionStatus, StartTime, CloseTime, HistoryLength, Attempt, Blocked and
any search attribute. A Temporal server reads the query itself."""

LIMIT = 50
RUN = Flag("run", "run ID, where not the newest run is meant", value="ID")
PROVIDER = Flag("provider", "entry of the provider or client, where there are several", value="ID")
REASON = Flag("reason", "told to the workflow, and kept in its history", value="TEXT")
COMMON = (PROVIDER, APP, SET)


def _ask(arguments: Arguments, op: str, **values: Any) -> Any:
    from .workflow_access import ask

    given = {"run": arguments.text("run"), "provider": arguments.text("provider"), **values}
    return ask(arguments, {"op": op, **{name: value for name, value in given.items() if value is not None}})


def _id(arguments: Arguments) -> str:
    if not arguments.values:
        raise WippyError(INVALID, "a workflow ID is required; `wippy workflow list` shows them")
    return arguments.values[0]


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _table(columns: list[Column], rows: list[list[str]]) -> None:
    from .columns import line, table

    for row in table(columns, rows, _width()):
        print(line(row))


def _print(value: Any) -> int:
    from .listing import print_data

    print_data(value, as_json=True)
    return 0


# Looking


def list_(arguments: Arguments) -> int:
    from .columns import Column
    from .processes import number_of

    conditions = [f"({arguments.text('query')})"] if arguments.text("query") else []
    if arguments.text("status"):
        name = "".join(part.capitalize() for part in arguments.text("status").split("_"))
        conditions.append(f"ExecutionStatus = '{name}'")
    if arguments.text("type"):
        conditions.append(f"WorkflowType = '{arguments.text('type')}'")
    if len(conditions) == 1 and arguments.text("query"):
        conditions = [arguments.text("query")]
    limit = number_of(arguments.text("limit", str(LIMIT)), "limit")
    rows = _ask(arguments, "list", query=" AND ".join(conditions), limit=limit)
    if arguments.on("json"):
        return _print(rows)
    if not rows:
        print("No workflows.")
        return 0
    several = len({row["provider"] for row in rows}) > 1
    columns = [Column("WORKFLOW", shrinks=True), Column("TYPE", shrinks=True), Column("STATUS"), Column("STARTED")]
    columns += [Column("EVENTS", right=True), Column("NOTE", shrinks=True)]
    if several:
        columns.insert(0, Column("PROVIDER", shrinks=True))
    _table(columns, [([row["provider"]] if several else []) + _row(row) for row in rows])
    if limit and len(rows) == limit:
        print(f"\nThe newest {limit}; --limit 0 shows all")
    return 0


def _row(row: dict[str, Any]) -> list[str]:
    status = "blocked" if row["blocked"] else row["status"]
    return [
        row["workflow_id"],
        row["type"],
        status,
        _local(row["started_at"]),
        str(row["history_length"] or ""),
        row["blocked"],
    ]


def _local(text: str | None) -> str:
    from datetime import datetime

    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def show(arguments: Arguments) -> int:
    found = _ask(arguments, "show", id=_id(arguments))
    if arguments.on("json"):
        return _print(found)
    facts = [
        ("Workflow", found["workflow_id"]),
        ("Run", found["run_id"]),
        ("Type", found["type"]),
        ("Status", "blocked" if found["blocked"] else found["status"]),
        ("Blocked by", found["blocked"]),
        ("Outcome", found["outcome"]),
        ("Provider", f"{found['provider']}, queue {found['queue']}"),
        ("Attempt", str(found["attempt"])),
        ("Started", _local(found["started_at"])),
        ("Closed", _local(found["closed_at"])),
        ("History", f"{found['history_length']:,} events, {found['history_size']:,} bytes"),
        ("Next run", found["next_run_id"]),
        ("Memo", json.dumps(found["memo"], ensure_ascii=False) if found["memo"] else ""),
        (
            "Attributes",
            json.dumps(found["search_attributes"], ensure_ascii=False) if found["search_attributes"] else "",
        ),
    ]
    for title, text in facts:
        if text:
            print(f"{title:<12}{text}")
    for one in found["activities"]:
        due = _local(one["next_attempt_at"])
        state = "runs" if one["running"] else f"waits until {due}" if due else "waits for a worker"
        failure = f", last failure {one['last_failure']}" if one["last_failure"] else ""
        print(f"{'Activity':<12}#{one['id']} {one['type']}, attempt {one['attempt']}, {state}{failure}")
    if found["blocked"]:
        soon = "`wippy workflow retry` tries it at once" if found["can_retry"] else "the server tries it now and then"
        print(f"\nMend what blocks it and the run goes on; {soon}.")
    return 0


def history(arguments: Arguments) -> int:
    from .columns import Column

    lines = _ask(arguments, "history", id=_id(arguments))
    if arguments.on("json"):
        return _print(lines)
    columns = [Column("#", right=True), Column("WHEN", right=True), Column("EVENT")]
    columns += [Column("LINE", shrinks=True), Column("", shrinks=True)]
    rows = [[str(one["event"]), one["after"], one["what"], one["place"], one["text"]] for one in lines]
    _table(columns, rows)
    return 0


def query(arguments: Arguments) -> int:
    name = arguments.values[1] if len(arguments.values) > 1 else "stack"
    found = _ask(arguments, "query", id=_id(arguments), name=name)
    if isinstance(found, str) and not arguments.on("json"):
        print(found or "no code of it waits: it is closed, or blocked (`wippy workflow show` says which)")
        return 0
    return _print(found)


# Acting


def signal(arguments: Arguments) -> int:
    id = _id(arguments)
    if len(arguments.values) < 2:
        raise WippyError(INVALID, "a topic is required: wippy workflow signal ID TOPIC [VALUE …]")
    values = [_value(text) for text in arguments.values[2:]]
    _ask(arguments, "signal", id=id, name=arguments.values[1], values=values)
    print(f"sent {arguments.values[1]} to {id}")
    return 0


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def cancel(arguments: Arguments) -> int:
    id = _id(arguments)
    _ask(arguments, "cancel", id=id, reason=arguments.text("reason"))
    print(f"asked {id} to end")
    return 0


def terminate(arguments: Arguments) -> int:
    id = _id(arguments)
    _ask(arguments, "terminate", id=id, reason=arguments.text("reason"))
    print(f"terminated {id}")
    return 0


def retry(arguments: Arguments) -> int:
    id = _id(arguments)
    found = _ask(arguments, "retry", id=id)
    print(f"started {id} again as run {found['run_id']}" if found["new"] else f"{id} tries its task again")
    return 0


# Histories as files


def export(arguments: Arguments) -> int:
    found = _ask(arguments, "export", id=_id(arguments))
    text = json.dumps(found, indent=2, ensure_ascii=False)
    target = arguments.text("output")
    if not target or target == "-":
        print(text)
        return 0
    Path(target).write_text(text + "\n")
    print(f"{len(found['events'])} events written to {target}")
    return 0


def replay(arguments: Arguments) -> int:
    from .workflow_access import ask_alone

    if not arguments.values:
        raise WippyError(INVALID, "a file is required: wippy workflow replay FILE …")
    unread = unfit = 0
    for name in arguments.values:
        try:
            found = ask_alone(arguments, {"op": "replay", "history": _file(name)}, providers=False)
        except WippyError as error:
            if type(error) is not WippyError:  # a mistake in the project, not in the file
                raise
            text = error.message if name in error.message else f"{name}: {error.message}"
            if len(arguments.values) == 1:
                raise WippyError(error.kind, text) from None
            unread += 1
            print(text, file=sys.stderr)
            continue
        if found["fits"]:
            print(f"{name}: fits ({found['type']}, {found['events']} events)")
            continue
        unfit += 1
        print(f"{name}: does not fit ({found['type']}): task {found['tasks'] + 1}: {found['reason']}")
    if unfit:
        print("\nGuard the change with workflow.version, or give the new code an entry of its own.", file=sys.stderr)
    return 1 if unread or unfit else 0


def _file(name: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if name == "-" else Path(name).read_text())
    except OSError as error:
        raise WippyError(NOT_FOUND, f"cannot read {name}: {error.strerror}") from None
    except ValueError as error:
        raise WippyError(INVALID, f"{name} is not JSON: {error}") from None


def import_(arguments: Arguments) -> int:
    if not arguments.values:
        raise WippyError(INVALID, "a file is required: wippy workflow import FILE")
    found = _ask(arguments, "import", history=_file(arguments.values[0]), id=arguments.text("id") or None)
    print(f"imported {found['workflow_id']}, run {found['run_id']}, {found['events']} events, {found['status']}")
    return 0


def backup(arguments: Arguments) -> int:
    from ..workflows.sqlite.backup import backup as copy

    if not arguments.values:
        raise WippyError(INVALID, "a file is required: wippy workflow backup FILE")
    target = Path(arguments.values[0])
    found = _ask(arguments, "store")
    size = copy(Path(found["path"]), target)
    print(f"{found['provider']} copied to {target}, {size:,} bytes")
    return 0


def _command(
    name: str, summary: str, run: Any, arguments: str, limit: int | None, *flags: Flag, about: str = ""
) -> Command:
    return Command(name, summary, run, flags=(*flags, *COMMON), arguments=arguments, limit=limit, about=about)


STATUSES = ("running", "completed", "failed", "canceled", "terminated", "timed_out", "continued_as_new")

COMMAND = Command(
    "workflow",
    "Look at workflows, signal and stop them, replay histories",
    about=ABOUT,
    subcommands=(
        _command(
            "list",
            "List runs, the newest first",
            list_,
            "",
            0,
            Flag("query", "conditions, see above", short="q", value="QUERY"),
            Flag("status", "only runs in this state", value="STATUS", choices=STATUSES),
            Flag("type", "only runs of this type", value="TYPE"),
            Flag("limit", "most runs shown, 0 for all", value="N", default=str(LIMIT)),
            JSON,
            about=QUERY,
        ),
        _command("show", "Show one run", show, "<id>", 1, RUN, JSON),
        _command("history", "Show the events of a run, with the lines that caused them", history, "<id>", 1, RUN, JSON),
        _command("signal", "Send a message; values are JSON, or text", signal, "<id> <topic> [value…]", None, RUN),
        _command("cancel", "Ask a run to end", cancel, "<id>", 1, RUN, REASON),
        _command("terminate", "End a run at once", terminate, "<id>", 1, RUN, REASON),
        _command(
            "retry", "Try a blocked run again, or start a closed one anew with the same input", retry, "<id>", 1, RUN
        ),
        _command("query", "Ask a run: stack (where it stands), state, pid", query, "<id> [name]", 2, RUN, JSON),
        _command(
            "export",
            "Write a history as JSON, in Temporal's form",
            export,
            "<id>",
            1,
            RUN,
            Flag("output", "file; - for standard output", short="o", value="FILE"),
        ),
        _command(
            "import",
            "Put a history from a file into the embedded provider",
            import_,
            "<file>",
            1,
            Flag("id", "workflow ID to give it", value="ID"),
        ),
        _command(
            "backup",
            "Copy all workflows of the embedded provider into a new file, also while they run",
            backup,
            "<file>",
            1,
            about="To restore it, stop the application, put the file in the place of the provider's and remove "
            "the -wal and -shm files beside it.",
        ),
        _command(
            "replay",
            "Check whether today's code still fits histories; for CI",
            replay,
            "<file>…",
            None,
            about="Files are as `wippy workflow export` or `temporal workflow show --output json` write them. The exit "
            "code is 1 if one does not fit.",
        ),
    ),
)
