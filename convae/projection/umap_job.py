"""A UMAP being computed: a job (see `convae.jobs`) with a process of its own.

    CONVAE_CACHE_DIR/maps/jobs/<key>/  codes.npy      float32 (N, latent_dim)
                                       settings.json  the settings of the map
                                       status.json, lock, log.txt, overtime.txt

The process is `python -m convae.projection.umap_job FOLDER`. It loads umap and no torch, runs at a
lower priority than the pages, and outlives the session that started it; sessions that ask for the
same map wait for the same process. Only one runs at a time: it needs a core and some hundred
megabytes. It ends after `limits.umap_minutes`.
"""

import json
import os
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from convae import config, limits, processes, records
from convae.errors import ConvaeError
from convae.jobs import Job
from convae.projection import maps, time_limit
from convae.projection.maps import Settings

NICE = 5


@dataclass(frozen=True)
class Status:
    """Progress of a map. state: none, working, ready (umap_service), done or failed; share in
    [0, 1]; started: `time.time()`."""

    state: str = "none"
    share: float = 0.0
    stage: str = ""
    message: str = ""
    started: float = 0.0
    pid: int = 0

    @classmethod
    def read(cls, job: Job) -> "Status":
        """The status.json of a job; values that are missing or of the wrong type are defaults."""
        return cls(**records.of_class(job.read_status(), cls))

    @property
    def remaining_s(self) -> float | None:
        """Estimated seconds until it is done; None during the first 15%."""
        if self.share < 0.15:
            return None
        return (time.time() - self.started) * (1 - self.share) / self.share


def _jobs() -> Path:
    return maps.folder() / "jobs"


def _kept(key: str) -> bool:
    return (maps.folder() / f"{key}.npz").is_file()


def start(key: str, codes: np.ndarray, settings: Settings) -> bool:
    """Start to compute the map of codes (N, latent_dim), saved under this key; returns at once.

    False, and nothing is started, while that map is being computed. ConvaeError where UMAP cannot
    use these settings, or another map is being computed.
    """
    maps.check_umap(len(codes), settings)
    limits.umap_minutes()  # a wrong value is an error here, not in the process
    job = Job(_jobs() / key)
    try:
        job.path.mkdir(parents=True, exist_ok=True)
        if status(key).state == "working":
            return False
        # a process that has written its last status may not have exited yet
        slot = processes.take_lock(_jobs() / ".slot", wait_s=1)
        if slot is None:
            if status(key).state == "working":
                return False
            raise ConvaeError("Another UMAP is being computed; only one runs at a time.")
        lock = job.take_lock(wait_s=1)
        if lock is None:
            os.close(slot)
            raise ConvaeError("This UMAP is being computed already: wait until it is ready.")
    except OSError as error:
        raise ConvaeError(
            f"The map cannot be kept in {maps.folder()} ({error.strerror}): set "
            "CONVAE_CACHE_DIR to a folder that you can write to."
        ) from None
    try:
        time_limit.clear(job.path)
        np.save(job.path / "codes.npy", codes)
        (job.path / "settings.json").write_text(json.dumps(asdict(settings)))
        job.write_status(state="working", stage="Starting", started=time.time())
        job.spawn(["convae.projection.umap_job", str(job.path)], (lock, slot))
        return True
    except OSError as error:
        raise ConvaeError(f"The UMAP could not be started: {error.strerror}.") from None
    finally:
        os.close(lock)
        os.close(slot)


def status(key: str) -> Status:
    """State of the map of this key; "failed" where its process ended without a result."""
    if _kept(key):
        return Status("done", 1.0)
    job = Job(_jobs() / key)
    latest = Status.read(job)
    if latest.state == "working" and not job.running():
        if _kept(key):  # saved between the two checks
            return Status("done", 1.0)
        if time_limit.exceeded(job.path):
            return Status("failed", message=time_limit.message())
        return Status("failed", message="The UMAP process ended before the map was computed.")
    return latest


def cancel(key: str) -> None:
    """End the process that computes this map, if there is one, and remove its folder."""
    job = Job(_jobs() / key)
    job.terminate()
    shutil.rmtree(job.path, ignore_errors=True)


def work(path: Path) -> None:
    """Compute the map of a job folder, save it, remove the folder. The locks end with the
    process."""
    processes.keep_locks()
    job, started, last = Job(path), time.time(), 0.0

    def progress(share: float, stage: str) -> None:
        nonlocal last
        if time.monotonic() - last > 0.3 or share in (0.0, 1.0):
            last = time.monotonic()
            job.write_status(
                state="working", share=share, stage=stage, started=started, pid=os.getpid()
            )

    try:
        time_limit.TimeLimit(path).start()
        settings = config.from_dict(Settings, json.loads((path / "settings.json").read_text()))
        progress(0.0, "Loading UMAP")
        points = maps.fit_umap(np.load(path / "codes.npy"), settings, progress).embedding_
        maps.save(maps.folder(), path.name, points)
        shutil.rmtree(path, ignore_errors=True)
    except Exception as error:
        job.write_status(state="failed", message=f"UMAP could not compute this map: {error}"[:300])
        raise


if __name__ == "__main__":
    os.nice(NICE)
    work(Path(sys.argv[1]))
    os._exit(0)  # everything is written; the exit handlers of UMAP's libraries take seconds
