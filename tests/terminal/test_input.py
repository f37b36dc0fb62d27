"""Standard input and the terminal's state, without a program."""

import os
import pty
import termios
import threading

import pytest

from wippy.errors import WippyError
from wippy.modules.io.terminal import Input, Terminal, Waker


@pytest.fixture
def pipe(monkeypatch):
    """Standard input is a pipe; the other end."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as stdin, open(writing, "wb", buffering=0) as other:
        monkeypatch.setattr("sys.stdin", stdin)
        yield other


@pytest.fixture
def screen(monkeypatch):
    """Standard input is a terminal; its descriptor and the one of the keyboard."""
    master, slave = pty.openpty()
    with open(slave, closefd=False) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield slave, master
    os.close(master)
    os.close(slave)


def begin(work):
    """Runs `work(waker)` in a thread; the waker, and how to get the result."""
    waker, found = Waker(), []
    thread = threading.Thread(target=lambda: found.append(work(waker)), daemon=True)
    thread.start()

    def result():
        thread.join(10)
        waker.close()
        return found[0]

    return waker, result


@pytest.mark.parametrize("method", ["read", "read_line"])
def test_a_wait_that_is_given_up_takes_nothing(pipe, method):
    source = Input()

    def work(waker):
        return source.read(10, waker) if method == "read" else source.read_line(waker)

    pipe.write(b"begun")
    if method == "read":
        assert begin(work)[1]() == b"begun"
    waker, result = begin(work)
    waker.stop()
    assert result() is None
    pipe.write(b" and ended\n")
    assert begin(source.read_line)[1]() == (b" and ended\n" if method == "read" else b"begun and ended\n")


def test_one_that_waits_behind_another_can_be_given_up_too(pipe):
    source = Input()
    first, first_result = begin(source.read_line)
    second, second_result = begin(source.read_line)
    second.stop()
    pipe.write(b"for the first\n")
    assert {first_result(), second_result()} == {b"for the first\n", None}
    assert first.stopped is False


def test_the_end_is_told_again_and_again(pipe):
    source = Input()
    pipe.write(b"last")
    pipe.close()
    assert [begin(source.read_line)[1]() for _ in range(3)] == [b"last", b"", b""]


def test_lines_longer_than_a_block(pipe):
    source = Input()
    line = b"x" * 200_000 + b"\n"
    threading.Thread(target=lambda: [pipe.write(line[at : at + 5000]) for at in range(0, len(line), 5000)]).start()
    assert begin(source.read_line)[1]() == line


def test_raw_mode_lasts_while_anybody_holds_it(screen):
    slave, _ = screen
    before = termios.tcgetattr(slave)
    terminal = Terminal()
    terminal.hold_raw()
    terminal.hold_raw()
    raw = termios.tcgetattr(slave)
    assert not raw[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    assert raw[1] & termios.OPOST
    terminal.drop_raw()
    assert termios.tcgetattr(slave) == raw
    terminal.drop_raw()
    assert termios.tcgetattr(slave) == before
    terminal.drop_raw()
    terminal.hold_raw()
    terminal.restore()
    assert termios.tcgetattr(slave) == before


def test_modes_are_put_back_the_last_first(screen, monkeypatch):
    slave, master = screen
    terminal = Terminal()
    with open(slave, "w", closefd=False) as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        terminal.switch("mouse", "<on>", "<off>")
        assert terminal.note(b"\x1b[?1049h text \x1b[?25l\x1b[?2004;1004h\x1b[?12h")
        assert terminal.note(b"\x1b[?1004l")
        terminal.restore()
        terminal.restore()
    seen = b""
    while not seen.endswith(b"<off>"):
        seen += os.read(master, 1000)
    assert seen == b"<on>\x1b[?2004l\x1b[?25h\x1b[?1049l<off>"


def test_nothing_is_put_back_that_the_program_has_put_back(screen):
    terminal = Terminal()
    assert terminal.note(b"\x1b[?1049h")
    assert not terminal.note(b"bye\x1b[?1049l")
    assert not terminal.note(b"\x1b[?25h\x1b[?7h plain")


def test_without_a_terminal(pipe):
    terminal = Terminal()
    with pytest.raises(WippyError, match="stdin is not a terminal") as caught:
        terminal.hold_raw()
    assert caught.value.kind == "Internal"
    terminal.restore()
