"""One run folder: its settings, state and records; stop, resume, delete. Imports no torch.

    runs/<id>/  config.json     settings, see `settings_file`
                lock            held (flock) by the process that trains, as long as it lives
                launcher        id of the torchrun that claimed it, if one did
                status.json     the latest state, see `status`
                control.json    the latest requests of the user
                history.jsonl   one EpochRecord a line
                events.jsonl    one Event a line
                snapshots/      reconstructions and a small map, one file an epoch
                log.txt         output of the process
                state.pt        the state that resume needs
                model.safetensors, card.json: the model, best epoch so far

Whether a run is alive is decided by its lock, not by a process id: ids are reused.
"""

import json
import math
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
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

UNEXPECTED_END = (
    "The training process ended unexpectedly (killed, or the machine restarted). Resume continues "
    "from the last saved epoch."
)
UNRESPONSIVE = (
    "Stopped: the training process did not respond and was ended. The last saved epoch is kept."
)
UPLOADED = "uploaded"  # a file of this name marks a model that was trained elsewhere


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

    def write_status(self, *, in_place: bool = False, **values: Any) -> None:
        """Replace status.json by these fields of a `RunStatus`, see `status.write`."""
        status_file.write(self.job, in_place=in_place, **values)

    def history(self) -> list[dict[str, Any]]:
        return records.history(files.read_lines(self.path / "history.jsonl")[0])

    def events(self) -> list[dict[str, Any]]:
        return records.events(files.read_lines(self.path / "events.jsonl")[0])

    @property
    def uploaded(self) -> bool:
        """Whether it was trained elsewhere: it cannot be resumed, and its history is what the
        uploaded file held."""
        return (self.path / UPLOADED).exists()

    def check_resumable(self) -> None:
        """RunError where this run cannot be resumed."""
        if self.uploaded:
            raise RunError(
                f"`{self.id}` is an uploaded model: it has no training to resume. Start a new run "
                "with it as initial weights instead.",
                f"That is `python -m convae train --init-from {self.id}`.",
            )
        self.config()

    def locked(self) -> bool:
        """Whether a process works on this run."""
        return self.job.running()

    def ask(self, **request: bool | float) -> None:
        """Request ``stop``, ``pause`` (booleans) or ``learning_rate``: the rate from now on, which
        decays with the rest of the schedule; 0: as scheduled."""
        if "learning_rate" in request:
            request["learning_rate_asked_at"] = time.time()
        control = self.path / "control.json"
        files.write_atomically(control, json.dumps(files.read_json(control) | request).encode())

    def stop(self, wait_s: float = 9.5) -> None:
        """Request a stop that keeps the model; returns within ``wait_s`` seconds.

        After the model is saved its test figures may still be measured; a second stop ends that.
        SIGTERM follows after a tenth of ``wait_s``. A process whose heartbeat (the modification
        time of status.json) continues is left to finish; one without a heartbeat for half of
        ``wait_s`` is killed, its process group included, and the run counts as stopped.
        """
        if not self.locked():
            return
        with suppress(OSError):  # a full disk: SIGTERM requests the same
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
            status = self.status()
            _signal(status.pid, signal.SIGKILL)
            if status.alive:
                message = UNRESPONSIVE if self.history() else "Stopped before the first epoch."
                with suppress(OSError):
                    self.write_status(**asdict(status) | dict(state="stopped", message=message))

    def _beat(self) -> int:
        try:
            return (self.path / "status.json").stat().st_mtime_ns
        except OSError:
            return 0

    def end_measuring(self) -> None:
        """Stop the process if the model is saved and only test figures are still measured."""
        if self.locked() and not self.status().alive:
            self.stop()

    def delete(self) -> None:
        """Remove the folder; RunError while a process works on it."""
        self.end_measuring()
        if self.locked():
            raise RunError(f"Run {self.id} is still training: stop it first.")
        shutil.rmtree(self.path, ignore_errors=True)


def _signal(pid: int, number: int) -> None:
    """Signal its process group if it leads one (as when the app started it), else the process."""
    if pid <= 1:
        return
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


@contextmanager
def working_on(run: Run) -> Iterator[None]:
    """Hold the lock of a run; RunError if another process has it. It may be inherited from the
    process that started this one; under torchrun the launcher keeps the inherited lock."""
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
