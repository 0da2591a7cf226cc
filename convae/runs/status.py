"""status.json: the state of a run, read and written here and nowhere else."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from convae import files, records
from convae.errors import RunError
from convae.jobs import Job
from convae.parsed_files import ParsedFiles

FORMAT = 1  # of status.json; files without this key are read as format 1
ENDED = ("done", "stopped", "diverged", "out of memory", "disk full", "killed", "failed")


@dataclass(frozen=True)
class RunStatus:
    """The state of a run. state is starting, running, paused or one of ENDED; times are in
    seconds."""

    state: str
    message: str = ""
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    train_loss: float = 0.0
    learning_rate: float = 0.0
    images_per_s: float = 0.0
    elapsed_s: float = 0.0
    remaining_s: float = 0.0
    memory_mb: float = 0.0
    device: str = ""
    pid: int = 0

    @property
    def alive(self) -> bool:
        return self.state not in ENDED

    @classmethod
    def read(cls, job: Job) -> "RunStatus":
        """The status.json of a run, "starting" where there is none; values of a wrong type are left
        out. RunError for a format that a newer convae wrote."""
        return _statuses.get(job.path / "status.json")


def _parse(path: Path) -> RunStatus:
    values = files.read_json(path)
    records.check_format(values, FORMAT, f"status.json of run {path.parent.name}", RunError)
    return RunStatus(**{"state": "starting", **records.of_class(values, RunStatus)})


_statuses = ParsedFiles(_parse)


def write(job: Job, *, in_place: bool = False, **values: Any) -> None:
    """Replace status.json by these fields of a `RunStatus`. OSError on a full disk.

    in_place: overwrite the file that is there, which a full disk allows, too.
    """
    if unknown := set(values) - {f.name for f in fields(RunStatus)}:
        raise TypeError(f"a run status has no {', '.join(sorted(unknown))}")
    (job.overwrite_status if in_place else job.write_status)(**values, format=FORMAT)
