"""The process behind `convae.runs.queue`: starts the waiting runs, one after the other.

Run as `python -m convae.runs.queue_process`. It waits for locks, never for a process id: a run that
finished, was stopped, failed or was killed has released its lock. The figures on the test images
are part of a run, so it waits for these, too.
"""

import os
import time

from convae import processes
from convae.errors import ConvaeError
from convae.runs import launch, queue, registry

POLL_S = 0.5


def busy() -> bool:
    """Whether a run trains or measures, or a training process is being started."""
    slot = registry.root() / ".slot"
    return processes.is_locked(slot) or any(run.locked() for run in registry.listing())


def work(poll_s: float = POLL_S) -> None:
    """Start the entries until none waits.

    No entry is lost when it ends: whoever adds one while the lock is held has written it before
    the lock is released, and after that this process checks once more.
    """
    locks, job = processes.keep_locks(), queue.job()
    while True:
        job.write_status(state="waiting", pid=os.getpid())
        queue.recover()
        while _waits():
            if busy() or not start_next():
                time.sleep(poll_s)
        job.write_status(state="none")
        while locks:
            processes.release_lock(locks.pop())
        if not _waits() or (lock := job.take_lock()) is None:
            return
        locks.append(lock)


def _waits() -> bool:
    return any(not entry.problem for entry in queue.entries())


def start_next() -> bool:
    """Start the first entry; False where another run was faster. What cannot be started stays in
    the queue with the reason."""
    entry = queue.take()
    if entry is None:
        return False
    try:
        launch.start(entry.config, entry.name, processes=entry.processes)
    except launch.BusyError:
        queue.put_back(entry)
        return False
    except ConvaeError as error:
        queue.drop(entry, str(error))
        return False
    queue.drop(entry)
    return True


if __name__ == "__main__":
    work()
