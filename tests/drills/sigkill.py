"""SIGKILL at random moments of trainings: no finished epoch is lost, every run can be resumed, and
the final weights are those of a training that was never disturbed.

    python -m tests.drills.sigkill --count 300
    python -m tests.drills.sigkill --count 60 --plain    must find losses: each file is written in
                                                         place, as a plain save does
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

from convae import files, runs
from convae.errors import ConvaeError
from convae.models import checkpoints
from tests.drills import trainings

AIMED = 0.4  # share of the kills that wait for a save to begin; all of the negative control
SAVE_S = 0.004  # part of the time that a save takes
KILLS_OF_A_RUN = 6  # before it may finish


def plain_save(parts: list[tuple[Path, bytes]]) -> None:
    """The negative control: each file is written in place, on the disk when this returns."""
    for path, data in parts:
        with open(path, "wb") as file:
            for start in range(0, len(data), 1 << 14):
                file.write(data[start : start + (1 << 14)])
                file.flush()
            os.fsync(file.fileno())


def damage(run: runs.Run, saved: int) -> str:
    """What is wrong with a run whose training was killed after so many saves; "" if nothing is."""
    try:
        state = checkpoints.load_state(run.path)
        if (state or {"epoch": 0})["epoch"] < saved:
            return f"epoch {saved} was saved, resume would begin at {state and state['epoch']}"
        if saved or (run.path / "card.json").exists():
            checkpoints.load(str(run.path))
        if run.status().alive:
            return "the status says that it runs"
        run.history(), run.events()
    except ConvaeError as error:
        return str(error)
    return ""


class Drill:
    """Counts of what was done and found."""

    def __init__(self, home: Path, seed: int, plain: bool):
        trainings.sandbox(home)
        self.home, self.plain, self.random = home, plain, random.Random(seed)
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        calm, watched = trainings.claim(home, "calm"), trainings.Watched()
        began = time.monotonic()
        if trainings.ended(trainings.fork(calm, watched.around_saves)):
            raise RuntimeError((calm.path / "log.txt").read_text()[-500:])
        self.duration_s = time.monotonic() - began
        self.expected = trainings.weights(calm)

    def kill(self, count: int) -> None:
        """Train runs and kill them, until there were so many kills."""
        while self.done["kills"] < count:
            run, watched = trainings.claim(self.home, "victim"), trainings.Watched()
            for _ in range(min(KILLS_OF_A_RUN, count - self.done["kills"])):
                if not self.kill_once(run, watched):
                    break
            self.finish(run, watched)

    def kill_once(self, run: runs.Run, watched: trainings.Watched) -> bool:
        """Train on and kill; whether the run is still sound and unfinished."""
        watched.report(False, watched.saved)
        replace = plain_save if self.plain else files.replace_together
        pid = trainings.fork(run, lambda: watched.around_saves(replace))
        if self.plain or self.random.random() < AIMED:
            self.await_save(pid, watched)
            time.sleep(self.random.uniform(0, SAVE_S))
        else:
            time.sleep(self.random.uniform(0, self.duration_s / 2))
        os.kill(pid, signal.SIGKILL)
        if trainings.ended(pid) != -signal.SIGKILL:
            return False  # it had ended before
        self.done["kills"] += 1
        self.done["inside a save"] += watched.saving
        self.done["before the first save"] += not watched.saved
        reason = damage(run, watched.saved)
        if reason:
            self.problems.append(f"kill {self.done['kills']}: {reason}")
        return not reason

    def await_save(self, pid: int, watched: trainings.Watched) -> None:
        deadline = time.monotonic() + self.random.uniform(0.5, 1) * self.duration_s + 1
        seen = watched.saved + self.random.randrange(2)
        while not (watched.saving and watched.saved >= seen) and time.monotonic() < deadline:
            time.sleep(0.0002)

    def finish(self, run: runs.Run, watched: trainings.Watched) -> None:
        """Resume to the end, and compare."""
        self.done["runs"] += 1
        code = trainings.ended(trainings.fork(run, watched.around_saves))
        try:
            same = trainings.equal(trainings.weights(run), self.expected)
        except ConvaeError as error:
            self.problems.append(f"run {self.done['runs']} at its end: {error}")
            return
        if code or not same or len(run.history()) != trainings.EPOCHS:
            self.problems.append(
                f"run {self.done['runs']}: {run.status().state}, equal weights: {same}, "
                f"{len(run.history())} epochs in its history; {run.status().message}"
            )


def drill(count: int, seed: int = 0, plain: bool = False) -> Drill:
    """The result of so many kills."""
    with tempfile.TemporaryDirectory() as home, mock.patch.dict(os.environ):
        result = Drill(Path(home), seed, plain)
        result.kill(count)
        return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=300, help="number of kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="negative control")
    asked = parser.parse_args()
    result = drill(asked.count, asked.seed, asked.plain)
    print(dict(result.done), f"problems: {len(result.problems)}")
    print(*result.problems[:20], sep="\n")
    return int(bool(result.problems) != asked.plain)


if __name__ == "__main__":
    sys.exit(main())
