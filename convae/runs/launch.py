"""Start a training process that outlives its starter."""

import os

from convae import limits
from convae import processes as process_control
from convae.config import TrainConfig
from convae.errors import ConvaeError, RunError
from convae.runs import resuming
from convae.runs.registry import active, claim, get, listing, root
from convae.runs.run import Run


class BusyError(RunError):
    """Another run is training."""


def start(
    config: TrainConfig | None,
    name: str = "",
    *,
    resume: str = "",
    epochs: int = 0,
    learning_rate: float | None = None,
    processes: int = 1,
) -> Run:
    """Start a training process that outlives this one and return its run at once.

    Only one run trains at a time: BusyError names it, and `queue.add` waits for its end. The locks
    are taken here and inherited, so a run counts as alive from the start. ``resume``: the id of a
    run to resume instead of a new one, to ``epochs`` in all and at ``learning_rate`` where they are
    given; a diverged run needs a smaller rate (RunError). The limits of this server apply
    (`convae.limits`)."""
    limits.check_allowed()
    root().mkdir(parents=True, exist_ok=True)
    for run in listing():
        run.end_measuring()
    slot = process_control.take_lock(root() / ".slot")
    if slot is None or (busy := active()):
        if slot is not None:
            os.close(slot)
        at_work = busy.id if slot is not None and busy else "Another run"
        advice = "Stop it or wait until it finishes"
        if not resume:  # which the queue does not take
            advice = "Stop it, wait until it finishes, or add this one to the queue"
        raise BusyError(f"{at_work} is already training; only one run at a time. {advice}.")
    lock = None
    try:
        if not resume:
            limits.check_room(len(listing()))
        run = get(resume) if resume else claim(limits.capped(config)[0], name)
        run.check_resumable()
        lock = run.job.take_lock()
        if lock is None:
            raise RunError(f"Another process is already training `{run.id}`.")
        if resume:
            longer = limits.longer(run.config(), epochs, run.status().epoch) if epochs else None
            resuming.prepare(run, longer, learning_rate)
        run.write_status(state="starting")
        _spawn(run, "resume" if resume else "train", (lock, slot), processes)
        return run
    except OSError as error:
        raise ConvaeError(f"The training process could not be started: {error.strerror}.") from None
    finally:
        for handle in (lock, slot):
            if handle is not None:
                os.close(handle)


def _spawn(run: Run, verb: str, locks: tuple[int, int], count: int) -> None:
    program = ["convae", verb, *(["--run", str(run.path)] if verb == "train" else [run.id])]
    if count > 1:
        launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m"]
        program = launcher + program
    run.job.spawn([*program, "--quiet", "--nice", "10"], locks)
