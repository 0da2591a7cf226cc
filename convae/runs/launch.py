"""Start a training process that outlives its starter."""

import json
import os
from dataclasses import replace

from convae import files, limits
from convae import processes as process_control
from convae.config import TrainConfig
from convae.errors import ConvaeError, RunError
from convae.runs import resuming
from convae.runs.run import Run, active, claim, get, listing, root


def start(
    config: TrainConfig | None,
    name: str = "",
    *,
    resume: str = "",
    epochs: int = 0,
    learning_rate: float | None = None,
    processes: int = 1,
) -> Run:
    """Start a trainer that outlives this process and return its run at once.

    One at a time: RunError names the run that is at work. The locks are taken here and handed down,
    so a run is alive from the first moment on. ``resume`` goes on with a run instead of claiming
    one, to ``epochs`` in all and at ``learning_rate`` where they are given; a diverged run needs a
    smaller one (RunError). What the host allows is kept to."""
    limits.check_allowed()
    root().mkdir(parents=True, exist_ok=True)
    for run in listing():
        run.end_measuring()
    slot = process_control.take_lock(root() / ".slot")
    if slot is None or (busy := active()):
        if slot is not None:
            os.close(slot)
        at_work = busy.id if slot is not None and busy else "another run"
        raise RunError(
            f"One training at a time: {at_work} is at work. Stop it or wait for its end."
        )
    lock = None
    try:
        if not resume:
            limits.check_room(len(listing()))
        run = get(resume) if resume else claim(limits.capped(config)[0], name)
        run.check_resumable()
        lock = process_control.take_lock(run.path / "lock")
        if lock is None:
            raise RunError(f"Another trainer is at work on `{run.id}`.")
        if resume:
            longer = limits.capped(replace(run.config(), epochs=epochs))[0] if epochs else None
            resuming.prepare(run, longer, learning_rate)
        told = {"state": "starting", "message": "", "pid": 0}
        files.write_atomically(run.path / "status.json", json.dumps(told).encode())
        _spawn(run, "resume" if resume else "train", (lock, slot), processes)
        return run
    except OSError as error:
        raise ConvaeError(f"The trainer could not be started: {error.strerror}.") from None
    finally:
        for handle in (lock, slot):
            if handle is not None:
                os.close(handle)


def _spawn(run: Run, verb: str, locks: tuple[int, int], count: int) -> None:
    program = ["convae", verb, *(["--run", str(run.path)] if verb == "train" else [run.id])]
    if count > 1:
        launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m"]
        program = launcher + program
    process_control.spawn([*program, "--quiet", "--nice", "10"], run.path / "log.txt", locks)
