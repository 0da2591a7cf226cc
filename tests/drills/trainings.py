"""Tiny trainings in child processes, for drills that kill them or take their disk away.

A child is forked after torch is imported, which saves the seconds that the import takes; it trains
as `python -m convae train` does, and holds the lock of its run.
"""

import mmap
import os
import shutil
import struct
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch._dynamo  # noqa: F401  the first optimizer of a process imports it, which takes seconds
import torch.utils.tensorboard  # noqa: F401

from convae import files, runs
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.training.session import TrainingSession

EPOCHS = 6
CARD = struct.Struct("=bI")  # is a save going on?, number of saves that have returned


def sandbox(home: Path) -> None:
    """All folders of the app below this one, and a file of 96 + 16 images to train on."""
    for name in ("RUNS", "CHECKPOINTS", "DATA", "CACHE"):
        os.environ[f"CONVAE_{name}_DIR"] = str(home / name.lower())
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (112, 32, 32, 3), np.uint8)
    np.savez(
        home / "tiny.npz", train_images=images[:96], train_labels=np.zeros(96, int),
        test_images=images[96:], test_labels=np.zeros(16, int), class_names=np.array(["noise"]),
    )  # fmt: skip


def claim(home: Path, name: str, epochs: int = EPOCHS) -> runs.Run:
    """A new run of so many short epochs, each of which is the best so far."""
    shutil.rmtree(home / "runs" / name, ignore_errors=True)
    settings = {"spec": f"npz:{home}/tiny.npz", "architecture": "strided", "latent_dim": 4,
                "base_channels": 8, "epochs": epochs, "batch_size": 16, "device": "cpu",
                "precision": "float32", "ema_decay": 0.5}  # fmt: skip
    return runs.claim(from_flat(settings), name)


@dataclass
class Watched:
    """What a child reports through shared memory, also after it was killed."""

    memory: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, CARD.size))

    def report(self, saving: bool, saved: int) -> None:
        CARD.pack_into(self.memory, 0, saving, saved)

    @property
    def saving(self) -> bool:
        return bool(CARD.unpack_from(self.memory)[0])

    @property
    def saved(self) -> int:
        return CARD.unpack_from(self.memory)[1]

    def around_saves(self, replace: Callable = files.replace_together) -> None:
        """In the child: report when the files of an epoch are being written."""

        def watched(parts: list[tuple[Path, bytes]]) -> None:
            is_save = any(path.name == "state.pt" for path, _ in parts)
            if is_save:
                self.report(True, self.saved)
            replace(parts)
            if is_save:
                self.report(False, self.saved + 1)

        files.replace_together = watched


def fork(run: runs.Run, prepare: Callable[[], object] = lambda: None) -> int:
    """Train this run in a child process, to its end; returns the process id. prepare: called in the
    child first."""
    with warnings.catch_warnings(action="ignore"):  # the other threads of a test runner are idle
        pid = os.fork()
    if pid:
        return pid
    code = 1
    with suppress(BaseException):
        log = os.open(run.path / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        prepare()
        with runs.working_on(run):
            state = TrainingSession(run).execute().state
        code = 0 if state == "done" else 2
    os._exit(code)


def ended(pid: int) -> int:
    """Wait for a child: its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def weights(run: runs.Run) -> dict[str, torch.Tensor]:
    """All tensors that a finished run leaves: of its checkpoint, and of the state for resume."""
    state = checkpoints.load_state(run.path) or {}
    model = checkpoints.load(str(run.path)).model.state_dict()
    return model | {f"state {key}": tensor for key, tensor in state.get("model", {}).items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Whether the tensors are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
