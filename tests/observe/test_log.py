from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from wippy.observe.events import Bus, Event
from wippy.observe.form import ConsoleForm, JsonForm, ScreenForm, TabForm
from wippy.observe.level import DEBUG, ERROR, INFO, WARN, level_of
from wippy.observe.library import LibraryHandler, take_over
from wippy.observe.log import Log
from wippy.observe.log_stream import stream_to_events
from wippy.observe.record import Record
from wippy.observe.sampler import Sampler

MOMENT = 1_769_853_600_123_000_000  # 2026-01-31T10:00:00.123Z


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def record(message: str = "hello", fields: dict[str, Any] | None = None, *, level: int = INFO) -> Record:
    return Record(level, "run", message, fields or {}, MOMENT)


def test_tab_form() -> None:
    line = TabForm()(record(fields={"k": "v", "n": 1}))
    assert re.fullmatch(r'2026-01-3[01] \d\d:\d\d:\d\d\tINFO\trun\thello\t\{"k": "v", "n": 1\}\n', line)


def test_tab_form_leaves_out_empty_parts() -> None:
    line = TabForm()(Record(WARN, "", "hello", {}, MOMENT))
    assert line.split("\t")[1:] == ["WARN", "hello\n"]


def test_tab_form_keeps_one_record_on_one_line() -> None:
    line = TabForm()(record("a\nb\tc\x1b[31m"))
    assert line.endswith("\trun\ta\\nb\\tc\\x1b[31m\n")


def test_tab_form_moves_with_the_clock() -> None:
    form = TabForm()
    first = form(Record(INFO, "", "a", {}, MOMENT))
    second = form(Record(INFO, "", "a", {}, MOMENT + 2_000_000_000))
    assert first.split("\t")[0] != second.split("\t")[0]


def test_console_form() -> None:
    plain = ConsoleForm(MOMENT - 120_000_000, colour=False)
    assert plain(record(fields={"a": [1, 2]})) == '  0.12s\tINFO \trun         \thello\t{"a": [1, 2]}\n'
    coloured = ConsoleForm(MOMENT, colour=True)(record(level=ERROR))
    assert "\x1b[31mERROR\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == "  0.00s\tERROR\trun         \thello\n"


def test_json_form() -> None:
    line = JsonForm()(record(fields={"count": 3, "deep": {"x": None}}))
    assert line.endswith("\n")
    assert json.loads(line) == {
        "level": "info",
        "ts": "2026-01-31T10:00:00.123Z",
        "logger": "run",
        "msg": "hello",
        "count": 3,
        "deep": {"x": None},
    }


def test_json_form_never_loses_its_own_keys() -> None:
    line = json.loads(JsonForm()(record(fields={"msg": "other", "level": 5})))
    assert (line["msg"], line["level"], line["field_msg"], line["field_level"]) == ("hello", "info", "other", 5)


def test_screen_form_shows_pairs_and_multi_line_values() -> None:
    form = ScreenForm(colour=False)
    line = form(record("started", {"host": "app:web", "port": 80, "note": "two words"}))
    assert line[8:] == ' INFO  run  started  host=app:web port=80 note="two words"\n'
    line = form(record("failed", {"error": "error: bad\n  --> a.lua:1"}))
    assert line.endswith("failed  error=\n    error: bad\n      --> a.lua:1\n")


def test_screen_form_passes_no_control_sequences_on() -> None:
    line = ScreenForm(colour=False)(record("a\x1b]0;x\x07", {"k": "b\x1b[2J\nc"}))
    assert "\x1b" not in line
    assert "\x07" not in line


@pytest.mark.parametrize("form", [TabForm(), JsonForm(), ScreenForm(), ConsoleForm(0)])
def test_any_value_can_be_logged(form: Any) -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (b"\xff", object(), {1: 2}, {b"k": {3}}, float("nan"), loop, "\ud800", 2**80):
        assert isinstance(form(record(fields={"value": value})), str)


def test_level(out: io.StringIO) -> None:
    log = Log(TabForm(), out, level=WARN)
    logger = log.named("x")
    logger.debug("a")
    logger.info("b")
    logger.warn("c")
    logger.error("d")
    assert [line.split("\t")[1] for line in out.getvalue().splitlines()] == ["WARN", "ERROR"]
    assert log.counts[WARN] == 1
    assert not log.enabled(INFO)
    assert log.enabled(ERROR)
    assert level_of("Warn") == WARN


def test_named_loggers_join_names_and_fields(out: io.StringIO) -> None:
    logger = Log(TabForm(), out).named("a").named("b").with_fields({"x": 1})
    logger.info("hello", {"y": 2})
    assert out.getvalue().split("\t")[2:] == ["a.b", "hello", '{"x": 1, "y": 2}\n']


def test_error_with_cause_has_a_traceback_only_when_asked(out: io.StringIO) -> None:
    cause = ValueError("broken")
    Log(TabForm(), out).named("x").error("failed", cause=cause)
    assert json.loads(out.getvalue().split("\t")[4]) == {"error": "broken"}
    wide = io.StringIO()
    Log(TabForm(), wide, stacks=True).named("x").error("failed", cause=cause)
    assert "ValueError: broken" in json.loads(wide.getvalue().split("\t")[4])["stack"]


def test_sampling_thins_identical_lines_of_one_second() -> None:
    sampler = Sampler()
    passed = sum(sampler.passes(record("same")) for _ in range(1000))
    assert passed == 100 + 9
    assert sampler.passes(record("other"))
    assert sampler.passes(record("same", level=WARN))
    assert sampler.passes(Record(INFO, "run", "same", {}, MOMENT + 1_000_000_000))


def test_verbose_and_console_do_not_thin(capsys: pytest.CaptureFixture[str]) -> None:
    for flags, expected in (({}, 101), ({"verbose": True}, 200), ({"console": True}, 200)):
        log = Log.open(start_ns=MOMENT, **flags)
        log._sampler = log._sampler and Sampler()
        for _ in range(200):
            log._print(log._form, record("same"))  # type: ignore[arg-type]
        captured = capsys.readouterr()
        assert len((captured.out + captured.err).splitlines()) == expected


@pytest.mark.parametrize(
    ("flags", "stream", "start"),
    [
        ({}, "err", "20"),
        ({"encoding": "json"}, "out", '{"level":"info"'),
        ({"console": True}, "out", "\x1b[2m"),
        ({"console": True, "encoding": "json"}, "out", "\x1b[2m"),
        ({"silent": True, "console": True}, None, ""),
    ],
)
def test_flags_choose_form_and_stream(
    flags: dict[str, Any], stream: str | None, start: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    Log.open(**flags).named("run").info("hello")
    captured = capsys.readouterr()
    texts = {"out": captured.out, "err": captured.err}
    for name, text in texts.items():
        assert text.startswith(start) if name == stream else text == ""
        assert bool(text) is (name == stream)


def test_verbose_shows_debug(capsys: pytest.CaptureFixture[str]) -> None:
    Log.open().named("run").debug("quiet")
    Log.open(verbose=True).named("run").debug("loud")
    assert "quiet" not in capsys.readouterr().err
    assert Log.open(very_verbose=True).level == DEBUG
    assert Log.open(very_verbose=True).stacks
    assert Log.open(verbose=True, level=ERROR).level == ERROR


def test_hidden_log_still_tells_its_listeners(out: io.StringIO) -> None:
    log = Log(TabForm(), out)
    heard: list[str] = []
    end = log.listen(lambda record: heard.append(record.message))
    with log.hide():
        log.named("x").info("one")
        with log.hide():
            log.named("x").info("two")
        log.named("x").info("three")
    log.named("x").info("four")
    end()
    log.named("x").info("five")
    assert heard == ["one", "two", "three", "four"]
    assert [line.split("\t")[3] for line in out.getvalue().splitlines()] == ["four", "five"]


def test_listener_that_logs_does_not_hear_itself(out: io.StringIO) -> None:
    log = Log(TabForm(), out)
    log.listen(lambda record: log.named("echo").info(f"heard {record.message}"))
    log.named("x").info("one")
    assert [line.split("\t")[3] for line in out.getvalue().splitlines()] == ["one", "heard one"]


def test_broken_listener_is_told_and_stops_nobody(out: io.StringIO) -> None:
    log = Log(TabForm(), out)
    heard: list[str] = []

    def broken(record: Record) -> None:
        raise RuntimeError("broken")

    log.listen(broken)
    log.listen(lambda record: heard.append(record.message))
    log.named("x").info("one")
    assert heard == ["one"]
    assert "log listener failed" in out.getvalue()


def test_lines_of_many_threads_do_not_mix(out: io.StringIO) -> None:
    log = Log(JsonForm(), out)

    def speak(name: int) -> None:
        for number in range(200):
            log.named(f"t{name}").info("x" * 50, {"number": number})

    threads = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == 800
    for name in range(4):
        assert [line["number"] for line in lines if line["logger"] == f"t{name}"] == list(range(200))


def test_application_goes_on_when_the_reader_of_its_log_has_gone() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    log = Log(TabForm(), Gone())
    log.named("x").info("one")
    log.named("x").info("two")


def test_stream_that_cannot_show_a_character_gets_an_escape() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    Log(TabForm(), stream).named("x").info("grün €")
    assert raw.getvalue().endswith(b"\tx\tgr\\xfcn \\u20ac\n")


@pytest.fixture
def root() -> Iterator[None]:
    """The state of Python's logging comes back after the test."""
    ours, all_ = logging.getLogger("wippy"), logging.getLogger()
    levels = ours.level, all_.level
    yield
    for handler in [each for each in all_.handlers if isinstance(each, LibraryHandler)]:
        all_.removeHandler(handler)
    logging.captureWarnings(False)
    ours.setLevel(levels[0])
    all_.setLevel(levels[1])


@pytest.mark.usefixtures("root")
def test_python_logging_goes_to_the_log(out: io.StringIO) -> None:
    take_over(Log())
    take_over(Log(TabForm(), out))
    library = logging.getLogger("library.part")
    library.info("not worth it")
    library.warning("careful: %s", "hot")
    try:
        raise ValueError("broken")
    except ValueError:
        library.exception("failed")
    logging.getLogger("wippy.store").info("ours")
    logging.getLogger("wippy.store").debug("too fine")
    assert [line.split("\t")[1:] for line in out.getvalue().splitlines()] == [
        ["WARN", "library.part", "careful: hot"],
        ["ERROR", "library.part", "failed", '{"error": "broken"}'],
        ["INFO", "store", "ours"],
    ]


def test_log_as_events() -> None:
    log = Log()
    bus = Bus()
    got: list[Event] = []
    bus.subscribe(got.append, "logs")
    end = stream_to_events(log, bus)
    log.named("app").warn("careful", {"location": "app:x:3", "n": 2, "ok": True, "deep": {"a": 1}})
    end()
    log.named("app").warn("not heard")
    assert len(got) == 1
    event = got[0]
    assert (event.system, event.kind, event.path) == ("logs", "logs.entry", "app")
    entry = event.data["entry"]
    assert (entry["logger_name"], entry["message"], entry["caller"], entry["level"]) == ("app", "careful", "app:x:3", 1)
    assert entry["time"] > 0
    assert event.data["fields"] == [
        {"key": "location", "type": "string", "string": "app:x:3", "int": 0},
        {"key": "n", "type": "int", "string": "", "int": 2},
        {"key": "ok", "type": "bool", "string": "", "int": 1},
        {"key": "deep", "type": "json", "string": '{"a": 1}', "int": 0},
    ]
