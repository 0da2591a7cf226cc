"""Long work with a progress bar, done once for all sessions and kept.

A cached function must not draw. So what is cached is a slot, by the key of the work, and the work
is done outside, under the slot's lock. A visitor who leaves or presses Stop ends it at the next
report; the slot stays empty.
"""

import threading
from collections.abc import Callable
from typing import Any

from convae.ui import frame


class Slot:
    """A place for one value: what a `cache_resource` function returns."""

    def __init__(self):
        self.lock, self.value = threading.Lock(), None


def fill(slot: Slot, make: Callable[[Callable], Any]) -> Any:
    """The value of the slot; the first time it is what `make` returns, which is given a
    `report(done, total, what)` that draws a bar."""
    # the place of the bar is there in every run, or all below would move up in the second
    with frame.progress() as report:
        if slot.value is None:
            with slot.lock:
                if slot.value is None:
                    slot.value = make(report)
    return slot.value
