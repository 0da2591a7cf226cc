"""A job: one folder, and at most one process that works on it.

<folder>/  lock         held (flock) by the process as long as it lives
           status.json  its latest status
           log.txt      its output
"""

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convae import files, processes


@dataclass(frozen=True)
class Job:
    """A job by its folder; cheap to make, reads the disk when asked."""

    path: Path

    def running(self) -> bool:
        """Whether a process holds the lock of this job."""
        return processes.is_locked(self.path / "lock")

    def take_lock(self, wait_s: float = 0.0) -> int | None:
        """A descriptor that holds the lock of this job; None if another process holds it."""
        return processes.take_lock(self.path / "lock", wait_s)

    def read_status(self) -> dict[str, Any]:
        """The content of status.json; {} where there is none or it is damaged."""
        return files.read_json(self.path / "status.json")

    def write_status(self, **values: Any) -> None:
        """Replace status.json. OSError on a full disk."""
        files.write_atomically(self.path / "status.json", json.dumps(values).encode())

    def overwrite_status(self, **values: Any) -> None:
        """As `write_status`, in the place that the file has on the disk: a full disk still takes
        it. Not atomic."""
        handle = os.open(self.path / "status.json", os.O_WRONLY)
        try:
            content = json.dumps(values).encode()
            os.pwrite(handle, content.ljust(os.fstat(handle).st_size), 0)
        finally:
            os.close(handle)

    def spawn(self, program: Sequence[str], locks: Sequence[int]) -> None:
        """Start `python -m PROGRAM...`; it inherits the locks and keeps them until it ends.

        OSError if the process cannot be started.
        """
        processes.spawn(program, self.path / "log.txt", locks)

    def terminate(self, wait_s: float = 10.0) -> None:
        """Send SIGTERM to the process that works on this job until its lock is free."""
        deadline = time.monotonic() + wait_s
        while self.running() and time.monotonic() < deadline:
            self.signal()
            time.sleep(0.05)

    def signal(self) -> bool:
        """Send SIGTERM to the process id in status.json; False where there is no such process.

        A process writes its id as its first status: right after the start there is none yet.
        """
        pid = self.read_status().get("pid")
        if not isinstance(pid, int) or pid <= 1:
            return False
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return False
        return True
