"""Every write, fsync and rename of a training and of the app fails in turn, as on a full disk
(ENOSPC) and on a broken one (EIO).

    python -m tests.drills.disk_errors --count 1     every operation; N: every N-th

A training must end with a state that names the reason, leave the checkpoint before it whole, and be
resumed to the weights of an undisturbed one; pages that show it must open. An upload, a kept set or
a new run must be there whole, or not at all.
"""

import argparse
import builtins
import errno
import io
import mmap
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from convae import files, runs
from convae.data import own_sets
from convae.errors import ConvaeError
from convae.flat_config import from_flat
from convae.models import bundle, checkpoints
from tests.drills import sigkill, trainings
from tests.support.visiting import visit

EPOCHS = 2
STATES = {errno.ENOSPC: "disk full", errno.EIO: "failed"}
CALLS = ("fsync", "replace", "rename", "mkdir")


class Disk:
    """Counts operations and lets one of them fail, or that one and all later ones.

    fail_at: number of the operation, from 1. begun: operations before this is true do not count.
    """

    def __init__(self, fail_at: int, number: int, lasting: bool, begun: Callable[[], bool]):
        self.fail_at, self.number, self.lasting, self.begun = fail_at, number, lasting, begun
        self.count = 0
        self.memory = mmap.mmap(-1, 1)

    @property
    def failed(self) -> bool:
        """Whether any operation has failed, in this process or a child."""
        return bool(self.memory[0])

    def operate(self) -> None:
        if not self.begun():
            return
        self.count += 1
        if self.count == self.fail_at or (self.lasting and self.count > self.fail_at):
            self.memory[0] = 1
            raise OSError(self.number, os.strerror(self.number), "a file")

    def call(self, function: Callable) -> Callable:
        def operated(*args, **kwargs):
            self.operate()
            return function(*args, **kwargs)

        return operated

    def open(self, path, mode="r", *args, **kwargs) -> object:
        """As the built-in one; a file that is written to fails in the middle of a write."""
        file = OPEN(path, mode, *args, **kwargs)
        if set(mode) & set("wax"):
            write = file.write

            def failing(data):
                try:
                    self.operate()
                except OSError:
                    write(data[: len(data) // 2])
                    file.flush()
                    raise
                return write(data)

            file = mock.Mock(wraps=file)
            file.write = failing
            file.__enter__ = lambda file: file
            file.__exit__ = lambda file, *reason: file.close()
        return file

    @contextmanager
    def in_force(self) -> Iterator[None]:
        with ExitStack() as patches:
            for name in CALLS:
                patches.enter_context(mock.patch.object(os, name, self.call(getattr(os, name))))
            for module in (builtins, io):
                patches.enter_context(mock.patch.object(module, "open", self.open))
            yield


OPEN = open


class Drill:
    """Counts of what was done and found."""

    def __init__(self, home: Path, step: int):
        trainings.sandbox(home)
        self.home, self.step = home, step
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        calm = trainings.claim(home, "calm", EPOCHS)
        if trainings.ended(trainings.fork(calm)):
            raise RuntimeError((calm.path / "log.txt").read_text()[-500:])
        self.expected = trainings.weights(calm)
        self.shown: dict[str, runs.Run] = {}
        """One run of each state and message"""

    def check(self, good: bool, what: str) -> None:
        if not good:
            self.problems.append(what)

    def trainings(self) -> None:
        for number, state in STATES.items():
            for lasting in (False, True):
                for fail_at in range(1, 10_000, self.step):
                    if not self.train(fail_at, number, state, lasting):
                        break

    def train(self, fail_at: int, number: int, state: str, lasting: bool) -> bool:
        """One training whose operation fails after its first save; whether there were so many."""
        run, watched = trainings.claim(self.home, "victim", EPOCHS), trainings.Watched()
        disk = Disk(fail_at, number, lasting, lambda: watched.saved > 0)

        fault = ExitStack()  # in force until the child ends

        def prepare() -> None:
            watched.around_saves()
            fault.enter_context(disk.in_force())

        code = trainings.ended(trainings.fork(run, prepare))
        if not disk.failed:
            return False
        status = run.status()
        what = f"training, operation {fail_at}, {errno.errorcode[number]}, lasting {lasting}"
        self.done["trainings"] += 1
        self.done[f"ended as {status.state}"] += 1
        self.check(not sigkill.damage(run, watched.saved), sigkill.damage(run, watched.saved))
        # What is not needed for the result, such as the time of a file, may fail without a word;
        # the last status is then written in place.
        done = status.state == "done" and not code
        whole = done and trainings.equal(trainings.weights(run), self.expected)
        named = status.state == state or whole
        self.check(named, f"{what}: {status.state}, {status.message}")
        if status.message not in self.shown:
            kept = self.home / "runs" / f"shown-{len(self.shown)}"
            self.shown[status.message] = runs.Run(shutil.copytree(run.path, kept))
        code = trainings.ended(trainings.fork(run))
        same = trainings.equal(trainings.weights(run), self.expected)
        self.check(not code and same, f"{what}: resumed with {code}, equal weights: {same}")
        return True

    def pages(self) -> None:
        """The page of each run that has ended in another way."""
        for message, run in self.shown.items():
            app = visit("pages/train.py", **{"train-view": "Watch", "train-run": run.id})
            self.done["pages"] += 1
            self.check(not app.exception, f"the page of a run with {message!r} fails")

    def writes_of_the_app(self) -> None:
        """An upload, a kept set and a new run."""
        packed = bundle.export("calm")
        images = own_sets.arranged(np.zeros((5, 32, 32, 3), np.uint8), [f"a/{n}" for n in range(5)])
        config = from_flat({"spec": "shapes"})
        acts = {
            "upload": lambda: bundle.accept(packed).delete(),
            "kept set": lambda: own_sets.delete(own_sets.keep("own", images).partition(":")[2]),
            "new run": lambda: runs.claim(config, "new").delete(),
            "request": lambda: runs.get("calm").ask(pause=True),
        }
        for name, act in acts.items():
            for number in STATES:
                for lasting in (False, True):
                    for fail_at in range(1, 1000, self.step):
                        if not self.act(name, act, Disk(fail_at, number, lasting, lambda: True)):
                            break

    def act(self, name: str, act: Callable[[], object], disk: Disk) -> bool:
        what = f"{name}, operation {disk.fail_at}, {errno.errorcode[disk.number]}"
        try:
            with disk.in_force():
                act()
        except (ConvaeError, OSError) as error:  # pages show both as one sentence
            self.check(isinstance(error, ConvaeError) or bool(error.strerror), what)
        except Exception as error:
            self.problems.append(f"{what}: {type(error).__name__}: {error}")
        self.done[name] += disk.failed
        for run in runs.listing():
            whole = not run.damage() and (run.id == "new" or (run.path / "card.json").is_file())
            self.check(whole, f"{what}: run {run.id} is left in parts")
            if run.id not in ("calm", *(shown.id for shown in self.shown.values())):
                run.delete()
        for kept in own_sets.names():
            self.check(own_sets.training_count(f"own:{kept}") == 4, f"{what}: set {kept}")
            own_sets.delete(kept)
        self.check(bool(files.folder("RUNS").is_dir()), what)
        checkpoints.load("calm")
        return disk.failed


def drill(step: int = 1) -> Drill:
    """The result where every `step`-th operation fails."""
    with tempfile.TemporaryDirectory() as home, mock.patch.dict(os.environ):
        result = Drill(Path(home), step)
        result.trainings()
        result.writes_of_the_app()
        result.pages()
        return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=0, help="every N-th operation; 0: all")
    result = drill(max(parser.parse_args().count, 1))
    print(dict(result.done), f"problems: {len(result.problems)}")
    print(*result.problems[:20], sep="\n")
    return int(bool(result.problems))


if __name__ == "__main__":
    sys.exit(main())
