"""A map being made: one folder, one worker process that does nothing else.

    CONVAE_CACHE_DIR/maps/jobs/<key>/  codes.npy      what is to be drawn
                                       settings.json  how
                                       status.json    the worker's latest word
                                       lock           held by the worker as long as it lives
                                       log.txt        its output

The worker is `python -m convae.projection.umap_job FOLDER`. It loads umap and no torch, runs at a
lower priority than the pages, and outlives the visitor who asked; two visitors who ask for the same
map wait for the same worker.
One worker at a time: it needs a core and some hundred megabytes.
"""

import json
import os
import shutil
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from convae import config, files, processes
from convae.errors import ConvaeError
from convae.projection import maps
from convae.projection.maps import Settings

NICE = 5


@dataclass(frozen=True)
class Status:
    """Where a map stands. state: none, working, done or failed; share in [0, 1]; times in s."""

    state: str = "none"
    share: float = 0.0
    stage: str = ""
    message: str = ""
    started: float = 0.0
    pid: int = 0

    @property
    def remaining_s(self) -> float | None:
        """How long it takes still, once enough is done to tell."""
        if self.share < 0.15:
            return None
        return (time.time() - self.started) * (1 - self.share) / self.share


def _jobs() -> Path:
    return maps.folder() / "jobs"


def start(key: str, codes: np.ndarray, settings: Settings) -> None:
    """Have the map of these codes (N, d) made and kept under this key; returns at once.

    Does nothing where it is being made already. ConvaeError where UMAP cannot do it, or another map
    is being made.
    """
    maps.check_umap(len(codes), settings)
    job = _jobs() / key
    try:
        job.mkdir(parents=True, exist_ok=True)
        if status(key).state == "working":
            return
        # a worker that has told its end may still be about to leave
        slot = processes.take_lock(_jobs() / ".slot", wait_s=1)
        if slot is None:
            if status(key).state == "working":
                return
            raise ConvaeError("Another map is being made: wait for it, one at a time is made.")
        lock = processes.take_lock(job / "lock", wait_s=1)
        if lock is None:
            os.close(slot)
            raise ConvaeError("This map is being made already: wait for it.")
    except OSError as error:
        raise ConvaeError(
            f"The map cannot be kept in {maps.folder()} ({error.strerror}): set "
            "CONVAE_CACHE_DIR to a folder of yours."
        ) from None
    try:
        np.save(job / "codes.npy", codes)
        (job / "settings.json").write_text(json.dumps(asdict(settings)))
        tell(job, state="working", stage="Starting", started=time.time())
        processes.spawn(["convae.projection.umap_job", str(job)], job / "log.txt", (lock, slot))
    except OSError as error:
        raise ConvaeError(f"The map could not be started: {error.strerror}.") from None
    finally:
        os.close(lock)
        os.close(slot)


def tell(job: Path, **said) -> None:
    """The worker's latest word, for `Status`."""
    files.write_atomically(job / "status.json", json.dumps(said).encode())


def status(key: str) -> Status:
    """Where the map of this key stands; a worker that is gone without a word has failed."""
    if (maps.folder() / f"{key}.npz").is_file():
        return Status("done", 1.0)
    job = _jobs() / key
    told = files.read_json(job / "status.json")
    found = Status(**{k: v for k, v in told.items() if k in Status.__dataclass_fields__})
    if found.state == "working" and not processes.is_locked(job / "lock"):
        if (maps.folder() / f"{key}.npz").is_file():
            return Status("done", 1.0)
        return Status("failed", message="The map was not finished: its worker is gone.")
    return found


def cancel(key: str) -> None:
    """End the worker of this key, if there is one, and forget what it did."""
    job = _jobs() / key
    deadline = time.monotonic() + 10
    while processes.is_locked(job / "lock") and time.monotonic() < deadline:
        if (pid := status(key).pid) > 1:  # it tells its number as soon as it is up
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    shutil.rmtree(job, ignore_errors=True)


def work(job: Path) -> None:
    """What the worker does: draw the map, keep it, tidy up. Its locks end with the process."""
    processes.keep_locks()
    started, last = time.time(), 0.0

    def progress(share: float, stage: str) -> None:
        nonlocal last
        if time.monotonic() - last > 0.3 or share in (0.0, 1.0):
            last = time.monotonic()
            told = dict(state="working", share=share, stage=stage)
            tell(job, **told, started=started, pid=os.getpid())

    try:
        settings = config.from_dict(Settings, json.loads((job / "settings.json").read_text()))
        progress(0.0, "Loading UMAP")
        points = maps.fit_umap(np.load(job / "codes.npy"), settings, progress).embedding_
        maps.save(maps.folder(), job.name, points)
        shutil.rmtree(job, ignore_errors=True)
    except Exception as error:
        tell(job, state="failed", message=f"UMAP could not draw this map: {error}"[:300])
        raise


if __name__ == "__main__":
    os.nice(NICE)
    work(Path(sys.argv[1]))
    os._exit(0)  # all is written; umap's libraries take seconds to leave, and the locks with them
