"""Long work of several visitors: one at a time; short work never waits."""

import threading
import time
from contextlib import contextmanager

import pytest

from convae.ui import frame, long_work

PATIENCE_S = 20


@pytest.fixture
def texts(monkeypatch):
    """What the progress bars of all visitors have shown."""
    shown = []

    @contextmanager
    def progress():
        yield lambda done, total=None, what="": shown.append(what)

    monkeypatch.setattr(frame, "progress", progress)
    monkeypatch.setattr(long_work, "GRACE_S", 0.05)
    monkeypatch.setattr(long_work, "POLL_S", 0.02)
    return shown


def visitor(work) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def ended(*threads) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    return not any(thread.is_alive() for thread in threads)


def test_long_work_of_many_visitors_is_done_one_at_a_time_and_all_of_it(texts):
    running, most, slots = [], [], [long_work.Slot() for _ in range(4)]

    def work(number):
        def make(report):
            report(0, 2, "encoding")
            time.sleep(0.1)
            report(1, 2, "encoding")
            running.append(number)
            time.sleep(0.1)
            most.append(len(running))
            running.remove(number)
            return number

        return lambda: long_work.fill(slots[number], make)

    assert ended(*[visitor(work(number)) for number in range(4)])
    assert [slot.value for slot in slots] == [0, 1, 2, 3] and most == [1, 1, 1, 1]
    assert long_work.WAITING in texts


@contextmanager
def busy():
    """A visitor whose long work runs until the end of the block."""
    has_turn, release, slot = threading.Event(), threading.Event(), long_work.Slot()

    def make(report):
        time.sleep(0.1)
        report(1, 2, "encoding")
        has_turn.set()
        return release.wait(PATIENCE_S)

    thread = visitor(lambda: long_work.fill(slot, make))
    assert has_turn.wait(PATIENCE_S)
    try:
        yield slot
    finally:
        release.set()
        assert ended(thread)


def test_short_work_does_not_wait(texts):
    with busy():
        slot = long_work.Slot()

        def make(report):
            report(0, 1, "encoding")
            return "done"

        assert ended(visitor(lambda: long_work.fill(slot, make)))
        assert slot.value == "done" and long_work.WAITING not in texts


def test_one_who_waits_for_the_same_result_is_told_and_gets_it(texts):
    with busy() as slot:
        thread = visitor(lambda: long_work.fill(slot, lambda report: pytest.fail("made twice")))
        while long_work.WAITING not in texts:
            time.sleep(0.01)
    assert ended(thread) and slot.value is True


def test_one_who_leaves_while_waiting_holds_nothing_back(texts, monkeypatch):
    class Left(BaseException):
        pass

    @contextmanager
    def progress():
        def report(done, total=None, what=""):
            if what == long_work.WAITING:
                raise Left

        yield report

    slot, left = long_work.Slot(), threading.Event()

    def make(report):
        time.sleep(0.1)
        report(1, 2, "encoding")
        return "done"

    def leave():
        with pytest.raises(Left):
            long_work.fill(slot, make)
        left.set()

    with busy():
        monkeypatch.setattr(frame, "progress", progress)
        assert ended(visitor(leave)) and left.is_set() and slot.value is None
    assert ended(visitor(lambda: long_work.fill(slot, make))) and slot.value == "done"


def test_work_within_work_that_waits_for_a_turn_does_not_block_both(texts):
    """One has the turn and needs a slot that another fills who waits for the turn."""
    inner, outer = long_work.Slot(), long_work.Slot()
    inner_begun, outer_has_turn = threading.Event(), threading.Event()

    def make_inner(report):
        inner_begun.set()
        outer_has_turn.wait(PATIENCE_S)
        time.sleep(0.1)
        report(1, 2, "encoding")
        return "inner"

    def make_outer(report):
        time.sleep(0.1)
        report(0, 2, "probing")
        outer_has_turn.set()
        value = long_work.fill(inner, lambda report: pytest.fail("made twice"))
        report(1, 2, "probing")
        return f"outer of {value}"

    one = visitor(lambda: long_work.fill(inner, make_inner))
    assert inner_begun.wait(PATIENCE_S)
    other = visitor(lambda: long_work.fill(outer, make_outer))
    assert ended(one, other) and outer.value == "outer of inner"
    assert long_work._turn.acquire(blocking=False)
    long_work._turn.release()


def test_waiting_does_not_count_for_the_time_left(monkeypatch):
    clock, drawn = [100.0], []

    class Place:
        def progress(self, share, text):
            drawn.append(text)

        def empty(self):
            pass

    monkeypatch.setattr(frame.st, "empty", Place)
    monkeypatch.setattr(frame.time, "monotonic", lambda: clock[0])
    with frame.progress() as report:
        for seconds, given in [
            (10, (1, 10, "encoding")),
            (500, (0, None, long_work.WAITING)),
            (10, (2, 10, "encoding")),
        ]:
            clock[0] += seconds
            report(*given)
    assert drawn == [
        "Encoding: 10%, 90 s left", "Waiting for another visitor's computation",
        "Encoding: 20%, 80 s left",
    ]  # fmt: skip
