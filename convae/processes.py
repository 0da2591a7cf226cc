"""Processes that outlive whoever starts them, and the locks that tell whether they live.

A lock (flock) ends with the last process that holds it open, however that process ends; numbers of
processes are given out again and tell nothing. The starter takes the locks and hands them down, so
that a worker is alive from the first moment on.
"""

import fcntl
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

HANDED = "CONVAE_LOCK_FDS"  # file descriptors of the locks that a starter hands down


def take_lock(path: Path, wait_s: float = 0.0) -> int | None:
    """An open file descriptor that holds this lock, or None if another has it all that time.

    `is_locked` holds a shared lock for a moment: that is no holder, and taking waits for it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_s
    while not _flock(handle, fcntl.LOCK_EX):
        if _flock(handle, fcntl.LOCK_SH):  # shared with readers only: nobody holds it
            fcntl.flock(handle, fcntl.LOCK_UN)
            time.sleep(random.uniform(0.001, 0.01))
        elif time.monotonic() >= deadline:
            os.close(handle)
            return None
        else:
            time.sleep(0.05)
    return handle


def release_lock(handle: int) -> None:
    """Give a lock back, even where a child process still has the descriptor open."""
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def is_locked(path: Path) -> bool:
    """Does anybody hold this lock? Asking never makes `take_lock` fail."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        free = _flock(handle, fcntl.LOCK_SH)
        if free:
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing is not enough while a fork has it open
        return not free
    except OSError:
        return False
    finally:
        os.close(handle)


def _flock(handle: int, kind: int) -> bool:
    """Lock without waiting; False where another process is in the way."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
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
