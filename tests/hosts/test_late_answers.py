"""What comes for a VM that has ended."""

from wippy.kernel import codec
from wippy.units.router import PYTHON, Router


def test_answers_that_come_too_late_answer_nobody_else():
    """Each VM counts its requests for itself, and so does Python."""
    router, answers, aborted = Router("node"), [], []
    router.abort = aborted.append
    number = router.ask(lambda ok, values: answers.append((ok, values)), "spawn", "nowhere", "", "", "", b"")
    assert len(answers) == 1  # there is no such host
    router._requests[number] = lambda ok, values: answers.append((ok, values))
    packed = codec.pack([0, codec.pack([None])])
    router.gone(["reply", 7, PYTHON, number, True, codec.pack([1])])
    router.gone(["done", 7, PYTHON, number, packed])
    assert len(answers) == 1
    assert aborted == [["abort", "", PYTHON, 0, number, packed]]
