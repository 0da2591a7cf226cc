"""Long work with a progress bar, done once for all sessions and cached.

A cached function must not draw. So the cache holds an empty slot for each key, and the work is done
outside it, under the lock of the slot. Leaving the page or pressing Stop ends the work at the next
report; the slot then stays empty.
"""

import threading
from collections.abc import Callable
from typing import Any

from convae.process_state import give_memory_back
from convae.ui import frame

Report = Callable[[int, int | None, str], None]  # (done, total, what)


class Slot:
    """Holds one value; what a `cache_resource` function returns."""

    def __init__(self) -> None:
        self.lock, self.value = threading.Lock(), None


def fill(slot: Slot, make: Callable[[Report], Any]) -> Any:
    """The value of the slot. If it is empty, `make` is called to compute it, with a
    `report(done, total, what)` that draws a progress bar."""
    # the bar's container exists in every run, so that the widgets below keep their position
    with frame.progress() as report:
        if slot.value is None:
            with slot.lock:
                if slot.value is None:
                    slot.value = make(report)
                    give_memory_back()
    return slot.value
