"""The download of CIFAR-10 as a job (see `convae.jobs`): one process for all visitors. It goes on
when the session that started it ends.

    CONVAE_DATA_DIR/cifar10-job/  status.json, lock, log.txt
"""

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from convae import processes, records
from convae.data import cifar10, disk_cache
from convae.errors import DataError
from convae.jobs import Job

REPORT_S = 0.3  # between two writes of the status


@dataclass(frozen=True)
class Status:
    """State of the download: none, working, done or failed. done of total in bytes (total 0: not
    known); what: the stage; message: why it failed."""

    state: str = "none"
    done: int = 0
    total: int = 0
    what: str = ""
    message: str = ""
    pid: int = 0

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0


def _job() -> Job:
    return Job(disk_cache.data_dir() / "cifar10-job")


def status() -> Status:
    """State of the download; done as soon as CIFAR-10 can be loaded."""
    if cifar10.present():
        return Status("done")
    job = _job()
    latest = Status(**records.of_class(job.read_status(), Status))
    if latest.state == "working" and not job.running():
        if cifar10.present():  # finished between the two checks
            return Status("done")
        return Status("failed", message="The download process ended unexpectedly; try again.")
    return Status() if latest.state == "done" else latest


def start() -> None:
    """Start the download, unless it is running or done; returns at once. DataError where nothing
    can be written to CONVAE_DATA_DIR or the process cannot be started."""
    job = _job()
    with disk_cache.writing_to(disk_cache.data_dir()):
        job.path.mkdir(parents=True, exist_ok=True)
        if status().state in ("working", "done"):
            return
        lock = job.take_lock(wait_s=1)
        if lock is None:  # another session was faster
            return
        try:
            job.write_status(state="working", what="Starting")
            job.spawn(["convae.data.cifar10_job", str(job.path)], (lock,))
        finally:
            os.close(lock)


def start_if_configured() -> None:
    """Start the download if CONVAE_CIFAR10=auto; an error is left for the page that needs it."""
    if os.environ.get("CONVAE_CIFAR10", "").strip().lower() == "auto":
        with suppress(DataError):
            start()


def cancel() -> None:
    """End the download; the partial file is kept and the next start resumes it."""
    job = _job()
    job.terminate()
    if status().state in ("working", "failed"):
        job.write_status(state="none")


def work(path: Path) -> None:
    """Download CIFAR-10 for a job folder. The lock ends with the process."""
    processes.keep_locks()
    job, last = Job(path), float("-inf")

    def report(done: int, total: int | None, what: str) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_S:
            last = time.monotonic()
            job.write_status(
                state="working", done=done, total=total or 0, what=what, pid=os.getpid()
            )

    try:
        report(0, None, "connecting")
        cifar10.fetch(report)
        cifar10.open_set(report)  # the memory map, so that the first page need not make it
        job.write_status(state="done")
    except DataError as error:
        job.write_status(state="failed", message=str(error))
    except Exception as error:
        job.write_status(state="failed", message=f"The download failed: {error}"[:300])
        raise


if __name__ == "__main__":
    work(Path(sys.argv[1]))
