"""Processes that outlive whoever starts them, and the locks that tell whether they live.

A lock (flock) ends with the last process that holds it open, however that process ends; numbers of
processes are given out again and tell nothing. The starter takes the locks and hands them down, so
that a worker is alive from the first moment on.
"""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

HANDED = "CONVAE_LOCK_FDS"  # file descriptors of the locks that a starter hands down


def take_lock(path: Path, wait_s: float = 0.0) -> int | None:
    """An open file descriptor that holds this lock, or None if another has it all that time."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(handle)
                return None
        time.sleep(0.05)


def is_locked(path: Path) -> bool:
    """Does anybody hold this lock?"""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def keep_locks() -> list[int]:
    """The locks we were handed: from now on they end with us, no child of ours keeps them."""
    handles = [int(each) for each in os.environ.pop(HANDED, "").split(",") if each]
    for handle in handles:
        os.set_inheritable(handle, False)
    return handles


def spawn(arguments: Sequence[str], log: Path, locks: Sequence[int]) -> None:
    """Start `python -m ARGUMENTS...` in a session of its own, its output appended to `log`.

    locks: open file descriptors that it holds as long as it lives. OSError if it cannot be made.
    """
    package = str(Path(__file__).resolve().parent.parent)
    places = [package, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        HANDED: ",".join(map(str, locks)),
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
    }
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, pass_fds=locks, env=environment,
        )  # fmt: skip
    # reaped when it ends, so that no zombie is left; it does not end with us
    threading.Thread(target=process.wait, daemon=True).start()
