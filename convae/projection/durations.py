"""Measured durations of the steps of a job on this machine, used for the next forecast.

The file is a JSON object, step -> seconds. A step whose time depends on a count is named
`<step> <count>`; a measurement counts for up to twice or half as many.
"""

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

from convae import files


def read(path: Path) -> dict[str, float]:
    """The measured seconds of each step; what is damaged is left out."""
    return {
        name: float(value)
        for name, value in files.read_json(path).items()
        if isinstance(value, int | float) and math.isfinite(value) and value > 0
    }


def expected(known: dict[str, float], step: str) -> float | None:
    """The seconds a step should take, from the nearest measurement; None without any."""
    if step in known:
        return known[step]
    name, _, count = step.rpartition(" ")
    if not name or not count.isdecimal():
        return None
    near = {}
    for other, seconds in known.items():
        same, _, number = other.rpartition(" ")
        if same == name and number.isdecimal() and int(number) and int(count):
            near[abs(math.log2(int(number) / int(count)))] = seconds
    return near[min(near)] if near and min(near) <= 1 else None


def left(
    known: dict[str, float], steps: Sequence[str], elapsed_s: float, pace: float = 1.0
) -> float | None:
    """Seconds until the last of these steps ends, elapsed_s into the first; None where one of them
    was never measured. pace: how much slower than measured the job is; a step that overruns its
    measurement slows the forecast of those after it as much."""
    times = [expected(known, step) for step in steps]
    if not times or None in times:
        return None
    slower = max(pace, elapsed_s / times[0])
    return max(times[0] * pace - elapsed_s, 0.0) + sum(times[1:]) * slower


class Stopwatch:
    """Measures one step after the other and keeps what it has measured in a file."""

    def __init__(self, path: Path):
        self.path, self.step, self.began, self.pace = path, "", time.time(), 1.0

    def begin(self, step: str, began: float | None = None) -> None:
        """began: when it did, as `time.time()`; by default now."""
        self.step, self.began = step, began or time.time()

    def end(self) -> None:
        seconds, known = time.time() - self.began, read(self.path)
        if (before := expected(known, self.step)) is not None:
            self.pace = min(max(seconds / before, 0.2), 5.0)
        try:
            content = json.dumps(known | {self.step: round(max(seconds, 0.01), 2)})
            files.write_atomically(self.path, content.encode())
        except OSError:  # without it there is no forecast, and nothing else is missing
            pass

    def status(self) -> dict[str, str | float]:
        return {"step": self.step, "step_started": self.began, "pace": self.pace}
