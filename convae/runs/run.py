"""One run folder: claim, start, follow, stop, delete. No torch here: pages may import this for
free.

    runs/<id>/  config.json     what was asked for
                lock            held (flock) by whoever works on this run, as long as they live
                launcher        the torchrun that claimed it, if one did: its restarts go on with it
                status.json     the trainer's latest word
                control.json    the user's latest wish
                history.jsonl   one EpochRecord a line
                events.jsonl    one Event a line
                snapshots/      the pinned images and the small map, one file an epoch
                log.txt         the trainer's output
                state.pt        what resume needs
                model.safetensors, card.json: the model, best epoch so far

Whether a run is alive is asked of its lock, never of a process number: numbers are given out again.
"""

import json
import math
import os
import re
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convae import files, records, torchrun
from convae import processes as process_control
from convae.config import TrainConfig
from convae.errors import RunError
from convae.jobs import Job
from convae.runs import settings_file
from convae.runs import status as status_file
from convae.runs.status import RunStatus

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

UNEXPECTED_END = (
    "The training process ended unexpectedly (killed, or the machine restarted). Resume continues "
    "from the last saved epoch."
)
UPLOADED = "uploaded"  # a file of this name in the folder: the model was brought along


def shipped_root() -> Path:
    """Where the shipped checkpoints lie: beside the package, or what CONVAE_CHECKPOINTS_DIR
    names."""
    return files.folder("CHECKPOINTS")


def root() -> Path:
    """Where runs live: ``runs/``, or what CONVAE_RUNS_DIR names."""
    return files.folder("RUNS")


@dataclass(frozen=True)
class Run:
    """A run by its folder; cheap to make, reads the disk when asked."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def job(self) -> Job:
        """Its lock, status file and training process."""
        return Job(self.path)

    def config(self) -> TrainConfig:
        """The settings of this run; RunError where they are damaged, deleted or newer."""
        return settings_file.read(self.path)

    def damage(self) -> str:
        """Why this run cannot be used, in a sentence; "" for a run that can be."""
        try:
            self.config()
            RunStatus.read(self.job)
        except RunError as error:
            return str(error)
        return ""

    def status(self) -> RunStatus:
        """The state of this run; "killed" where its process ended without a last status, "failed"
        where a newer convae wrote the file."""
        if not self.path.is_dir():
            return RunStatus("killed", "This run was deleted.")
        try:
            status = RunStatus.read(self.job)
            if status.alive and not self.locked():
                status = RunStatus.read(self.job)  # it may have ended between the two checks
                if status.alive:
                    return replace(status, state="killed", message=UNEXPECTED_END)
        except RunError as error:
            return RunStatus("failed", str(error))
        return status

    def write_status(self, **values: Any) -> None:
        """Replace status.json by these fields of a `RunStatus`. OSError on a full disk."""
        status_file.write(self.job, **values)

    def history(self) -> list[dict[str, Any]]:
        return records.history(files.read_lines(self.path / "history.jsonl")[0])

    def events(self) -> list[dict[str, Any]]:
        return records.events(files.read_lines(self.path / "events.jsonl")[0])

    @property
    def uploaded(self) -> bool:
        """Whether it was trained elsewhere: it has no history, and nothing to resume from."""
        return (self.path / UPLOADED).exists()

    def check_resumable(self) -> None:
        """RunError in a sentence where a training cannot go on with this run."""
        if self.uploaded:
            raise RunError(
                f"`{self.id}` is an uploaded model: it has no training to resume. Start a new run "
                f"from its weights instead: --init-from {self.id}, or Start from under New."
            )
        self.config()

    def locked(self) -> bool:
        """Is somebody working on this run?"""
        return self.job.running()

    def ask(self, **wish: bool | float) -> None:
        """Tell the trainer ``stop``, ``pause`` (booleans) or ``learning_rate``: the rate from now
        on, which decays with the rest of the schedule; 0: as scheduled."""
        if "learning_rate" in wish:
            wish["learning_rate_asked_at"] = time.time()
        control = self.path / "control.json"
        files.write_atomically(control, json.dumps(files.read_json(control) | wish).encode())

    def stop(self, wait_s: float = 9.5) -> None:
        """Ask the trainer to stop and keep the model; returns within ``wait_s`` seconds.

        Once the model is delivered its test figures may still be measured, which a second stop
        ends. SIGTERM follows after a tenth of ``wait_s``. A trainer that is busy, which its
        heartbeat (the time of status.json) shows, is left to finish; one that has been silent for
        half of ``wait_s`` at the end of it is killed, its process group included.
        """
        if not self.locked():
            return
        with suppress(OSError):  # a full disk: SIGTERM says the same
            self.ask(stop=True)
        measuring = not self.status().alive
        began = seen = now = time.monotonic()
        beat, signaled, delivered_at = self._beat(), False, math.inf
        while self.locked() and now - began < wait_s:
            status = self.status()
            if not measuring and not status.alive:
                delivered_at = min(delivered_at, now)
                if now - delivered_at >= wait_s / 10:
                    return
            elif not signaled and now - began >= wait_s / 10:
                signaled = True
                _signal(status.pid, signal.SIGTERM)
            time.sleep(0.05)
            now = time.monotonic()
            if (latest := self._beat()) != beat:
                beat, seen = latest, now
        if self.locked() and now - seen >= wait_s / 2:
            _signal(self.status().pid, signal.SIGKILL)

    def _beat(self) -> int:
        try:
            return (self.path / "status.json").stat().st_mtime_ns
        except OSError:
            return 0

    def end_measuring(self) -> None:
        """Give the run free if its model is delivered and only test figures are still measured."""
        if self.locked() and not self.status().alive:
            self.stop()

    def delete(self) -> None:
        """Remove the folder; RunError while somebody works on it."""
        self.end_measuring()
        if self.locked():
            raise RunError(f"Run {self.id} is still at work: stop it first.")
        shutil.rmtree(self.path, ignore_errors=True)


def _signal(pid: int, number: int) -> None:
    """To its process group if the trainer leads one (as when the app started it), else to it."""
    if pid <= 1:
        return
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def get(name: str) -> Run:
    """The run of this id; RunError if there is none. No path can be smuggled in."""
    if not ID.fullmatch(name):
        raise RunError(f"`{name[:80]}` is no run id: use a-z, 0-9, - and _, at most 64 characters.")
    path = root() / name
    if path.is_symlink() or not (path / "config.json").is_file():
        raise RunError(f"There is no run `{name}`; `python -m convae list` shows those at hand.")
    return Run(path)


def listing() -> list[Run]:
    """All runs, newest first; damaged ones, too: `Run.damage` tells."""
    try:
        folders = list(root().iterdir())
    except OSError:
        return []
    found = [
        p for p in folders
        if ID.fullmatch(p.name) and not p.is_symlink() and os.path.lexists(p / "config.json")
    ]  # fmt: skip
    return [Run(p) for p in sorted(found, key=lambda p: (_made(p), p.name), reverse=True)]


def _made(path: Path) -> float:
    try:
        return (path / "config.json").lstat().st_mtime
    except OSError:
        return 0.0


def is_shipped(name: str) -> bool:
    """Is this the name of a shipped model?"""
    return (shipped_root() / name / "card.json").is_file()


def check_name(name: str) -> None:
    """RunError where this cannot name a new run: it is no id, or a shipped model has it."""
    if not ID.fullmatch(name):
        raise RunError(
            f"`{name[:80]}` cannot name a run: use a-z, 0-9, - and _, at most 64 characters, "
            "beginning with a letter or a digit."
        )
    if is_shipped(name):
        raise RunError(f"`{name}` is the name of a shipped checkpoint: take another name.")


def claim(config: TrainConfig, name: str = "") -> Run:
    """Make the folder of a new run and write its settings; mkdir is the claim: of 50 racers one
    wins.

    Without a name one is made from architecture, latent_dim and a free number.
    """
    if name:
        check_name(name)
    root().mkdir(parents=True, exist_ok=True)
    base = f"{config.model.architecture}-{config.model.latent_dim}"
    numbers = iter(range(1, 100_000))
    while True:
        run_id = name or f"{base}-{next(numbers)}"
        path = root() / run_id
        if not name and is_shipped(run_id):
            continue
        try:
            os.mkdir(path)
            break
        except FileExistsError:
            if name:
                raise RunError(
                    f"A run `{name}` exists: take another name, "
                    f"or `python -m convae resume {name}`."
                ) from None
    try:
        if launcher():
            (path / "launcher").write_text(launcher())
        settings_file.write(path, config)
        (path / "lock").touch()
    except OSError:  # such as a full disk: no folder without settings is left
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Run(path)


def launcher() -> str:
    """What torchrun calls itself, the same after each of its restarts; "" without it."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "")


def claimed_by_launcher(config: TrainConfig, name: str) -> bool:
    """Has a process that the same launcher started claimed this run, for the same experiment?"""
    path = root() / name
    try:
        by = (path / "launcher").read_text() if launcher() else ""
        return by == launcher() and get(name).config() == config
    except (OSError, RunError):
        return False


@contextmanager
def working_on(run: Run):
    """Hold the run's lock; RunError if another trainer has it. A starter may have locked it for us,
    and under torchrun the launcher keeps what the starter handed it."""
    run.check_resumable()
    if torchrun.rank() or ("RANK" in os.environ and process_control.HANDED in os.environ):
        yield
        return
    handles = process_control.keep_locks() or [run.job.take_lock()]
    if handles[0] is None:
        raise RunError(f"Another process is already training `{run.id}`: stop it first.")
    try:
        yield
    finally:
        for handle in handles:
            os.close(handle)


def active() -> Run | None:
    """The run that is being trained, if any; one that only measures is not."""
    return next((run for run in listing() if run.locked() and run.status().alive), None)
