"""The process behind `convae.projection.umap_service`: fits the UMAP of a map again, then answers.

Run as `python -m convae.projection.umap_server FOLDER`. It ends after IDLE_S without a question, or
when a question about another map comes while it is idle.
"""

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from convae import config, files, processes
from convae.jobs import Job
from convae.projection import durations, maps, time_limit, umap_job
from convae.projection import umap_service as service
from convae.projection.maps import Settings

IDLE_S = 180


def work(path: Path, idle_s: float = IDLE_S) -> None:
    """Fit the UMAP of this folder, answer its questions, end.

    No question is lost when it ends while idle: a session that finds the lock held has written its
    question before the lock was released, and after that this process checks once more.
    """
    locks, job = processes.keep_locks(), Job(path)
    started = job.read_status().get("started") or time.time()
    watch, answered = durations.Stopwatch(path.parent / "durations.json"), set()
    limit = time_limit.TimeLimit(path)
    limit.start()

    def progress(share: float, stage: str) -> None:
        values = dict(state="working", share=share, stage=stage) | watch.status()
        job.write_status(**values, started=started, pid=os.getpid())

    def begin(kind: str) -> None:
        limit.start()
        watch.begin(service.answer_step(kind, kind not in answered))
        answered.add(kind)
        progress(0.9, "Computing the answer")

    def end() -> None:
        limit.stop()
        watch.end()

    try:
        settings = config.from_dict(Settings, json.loads((path / "settings.json").read_text()))
        with np.load(path / "map.npz", allow_pickle=False) as file:
            watch.begin(service.start_step(len(file["codes"])), started)
            mapper = maps.umap_of_map(file["codes"], file["points"], settings, progress)
        end()
        while True:
            _answer_all(mapper, job, idle_s, begin, end)
            service.forget_unread(path, IDLE_S)
            job.write_status(state="none")
            while locks:
                processes.release_lock(locks.pop())
            if not service.waiting(job):
                return
            for lock_path in (service.slot(), path / "lock"):
                if (handle := processes.take_lock(lock_path)) is None:
                    return  # another process answers now
                locks.append(handle)
    except Exception as error:
        for request in service.waiting(job):
            request.unlink(missing_ok=True)
        job.write_status(state="failed", message=f"UMAP could not answer: {error}"[:300])
        raise
    finally:
        limit.stop()


def _answer_all(
    mapper: Any, job: Job, idle_s: float, begin: Callable[[str], None], end: Callable[[], None]
) -> None:
    """Answer questions until none came for `idle_s`; begin(kind) and end() around each."""
    last = time.monotonic()
    while True:
        for path in service.waiting(job):
            if answer(mapper, path, begin):
                end()
            service.forget_unread(job.path, IDLE_S)
            last = time.monotonic()
        job.write_status(state="ready", pid=os.getpid())
        while not service.waiting(job):
            if time.monotonic() - last >= idle_s:
                return
            time.sleep(0.1)


def answer(mapper: Any, path: Path, begin: Callable[[str], None]) -> bool:
    """Answer the question in a file; False where it holds none or was withdrawn. begin(kind) is
    called before the computation."""
    arrays = files.read_npz(path, "kind", "values")
    if arrays is None:
        path.unlink(missing_ok=True)
        return False
    kind, values = str(arrays[0]), arrays[1]
    begin(kind)
    if kind == "inverse_transform":
        result = np.full((len(values), mapper._raw_data.shape[1]), np.nan, np.float32)
        inside = _inside(mapper.embedding_, values)
        if inside.any():
            result[inside] = mapper.inverse_transform(values[inside])
    else:
        result = np.asarray(mapper.transform(values), np.float32)
    buffer = io.BytesIO()
    np.save(buffer, result)
    name = path.stem.removeprefix("ask-")
    files.write_atomically(path.with_name(f"answer-{name}.npy"), buffer.getvalue())
    path.unlink(missing_ok=True)
    return True


def _inside(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which places lie within the outline of the map; outside umap-learn would extrapolate."""
    from scipy.spatial import Delaunay

    return Delaunay(points, qhull_options="QJ").find_simplex(places) >= 0


if __name__ == "__main__":
    os.nice(umap_job.NICE)
    work(Path(sys.argv[1]))
    os._exit(0)  # as in umap_job
