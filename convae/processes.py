"""Processes that outlive the one that starts them, and the locks that show whether they run.

A lock (flock) is released when the last process that has it open ends, however it ends; process ids
are reused and prove nothing. The locks are taken before the start and inherited, so that a process
counts as running from the start.
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

HANDED = "CONVAE_LOCK_FDS"  # file descriptors of the inherited locks


def take_lock(path: Path, wait_s: float = 0.0) -> int | None:
    """An open file descriptor that holds this lock, or None if another process holds it
    during `wait_s`.

    `is_locked` takes a shared lock for a moment; that does not count, it is waited for.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_s
    while not _flock(handle, fcntl.LOCK_EX):
        if _flock(handle, fcntl.LOCK_SH):  # shared by calls of is_locked: no process holds it
            fcntl.flock(handle, fcntl.LOCK_UN)
            time.sleep(random.uniform(0.001, 0.01))
        elif time.monotonic() >= deadline:
            os.close(handle)
            return None
        else:
            time.sleep(0.05)
    return handle


def release_lock(handle: int) -> None:
    """Release a lock, even where a child process still has the descriptor open."""
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether a process holds this lock. This call never makes `take_lock` fail."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        free = _flock(handle, fcntl.LOCK_SH)
        if free:
            # closing is not enough while a forked child has it open
            fcntl.flock(handle, fcntl.LOCK_UN)
        return not free
    except OSError:
        return False
    finally:
        os.close(handle)


def _flock(handle: int, kind: int) -> bool:
    """Lock without waiting; False where another process holds it."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def keep_locks() -> list[int]:
    """Takes ownership of the inherited locks; children do not inherit them."""
    handles = [int(text) for text in os.environ.pop(HANDED, "").split(",") if text]
    for handle in handles:
        os.set_inheritable(handle, False)
    return handles


def spawn(arguments: Sequence[str], log: Path, locks: Sequence[int]) -> None:
    """Start `python -m ARGUMENTS...` in a session of its own, its output appended to `log`.

    locks: open file descriptors that it holds as long as it lives. OSError if it cannot be started.
    """
    package = str(Path(__file__).resolve().parent.parent)
    paths = [package, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        HANDED: ",".join(map(str, locks)),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, pass_fds=locks, env=environment,
        )  # fmt: skip
    # reaped when it ends, so that it does not become a zombie
    threading.Thread(target=process.wait, daemon=True).start()
