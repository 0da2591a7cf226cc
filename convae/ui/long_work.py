"""Long work with a progress bar, done once for all sessions and cached, one at a time.

A cached function must not draw. So the cache holds an empty slot for each key, and the work is done
outside it, under the lock of the slot. Leaving the page or pressing Stop ends the work at the next
report; the slot then stays empty.

Work that has taken GRACE_S waits at its next report until no other long work runs: visitors who
encode large sets at the same time do not slow each other, or the pages of all others, down. Short
work never waits. There is no time limit: every set of images has a largest size.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from convae.process_state import give_memory_back
from convae.ui import frame

Report = Callable[[int, int | None, str], None]  # (done, total, what)
GRACE_S = 1.0
POLL_S = 0.2  # between two looks whether the visitor has left
WAITING = "Waiting for another visitor's computation"


class Slot:
    """Holds one value; what a `cache_resource` function returns."""

    def __init__(self) -> None:
        self.lock, self.value = threading.Lock(), None


def fill(slot: Slot, make: Callable[[Report], Any]) -> Any:
    """The value of the slot. If it is empty, `make` is called to compute it, with a
    `report(done, total, what)` that draws a progress bar; it may fill other slots."""
    # the bar's container exists in every run, so that the widgets below keep their position
    with frame.progress() as report:
        if slot.value is None:
            with _held(slot, report):
                if slot.value is None:
                    slot.value = _in_turn(make, report)
                    give_memory_back()
    return slot.value


class _Work(threading.local):
    """The work of this thread, that is of one visitor. depth: slots being filled, one within the
    other; began: `time.monotonic()` of the outermost."""

    depth, began, has_turn = 0, 0.0, False


_turn, _work = threading.Lock(), _Work()


@contextmanager
def _held(slot: Slot, report: Report) -> Iterator[None]:
    if not slot.lock.acquire(blocking=False):
        _give_turn_back()  # the one who fills this slot may be waiting for it
        _wait_for(slot.lock, report)
    try:
        yield
    finally:
        slot.lock.release()


def _in_turn(make: Callable[[Report], Any], report: Report) -> Any:
    def report_in_turn(done: int, total: int | None = None, what: str = "") -> None:
        if not _work.has_turn and time.monotonic() - _work.began > GRACE_S:
            _wait_for(_turn, report)
            _work.has_turn = True
        report(done, total, what)

    if not _work.depth:
        _work.began = time.monotonic()
    _work.depth += 1
    try:
        return make(report_in_turn)
    finally:
        _work.depth -= 1
        if not _work.depth:
            _give_turn_back()


def _wait_for(lock: threading.Lock, report: Report) -> None:
    while not lock.acquire(timeout=POLL_S):
        report(0, None, WAITING)  # ends the script here if the visitor has left


def _give_turn_back() -> None:
    if _work.has_turn:
        _work.has_turn = False
        _turn.release()
