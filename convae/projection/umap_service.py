"""UMAP asked for more than a map: where would this code lie, what code lies at this place?

umap-learn answers both (`transform`, `inverse_transform`), but only as the fitted object, which no
map keeps. A worker process makes it again from codes and points, then waits for questions:

    CONVAE_CACHE_DIR/maps/guests/<key>/  map.npz         codes, points
                                         settings.json   how the map was made
                                         ask-<id>.npz    a question: kind, values
                                         answer-<id>.npy what UMAP says
                                         status.json, lock, log.txt   as in `umap_job`
                                   durations.json       what each step took, for the next forecast

The worker is `python -m convae.projection.umap_service FOLDER`. One at a time: it needs some
hundred megabytes. It ends after IDLE_S without a question, or when a question about another map
comes while it has nothing to do.
"""

import hashlib
import io
import json
import os
import shutil
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from convae import config, files, processes
from convae.errors import ConvaeError
from convae.projection import durations, maps, umap_job
from convae.projection.maps import Settings
from convae.projection.umap_job import Status

IDLE_S = 180
KINDS = ("transform", "inverse_transform")


def _folder() -> Path:
    return maps.folder() / "guests"


def question(kind: str, values: np.ndarray) -> str:
    """The id of a question: values (M, d) for transform, (M, 2) for inverse_transform."""
    if kind not in KINDS:
        raise ValueError(f"kind (={kind!r}) must be one of {', '.join(KINDS)}")
    values = np.ascontiguousarray(values, np.float32)
    return hashlib.sha256(kind.encode() + values.tobytes()).hexdigest()[:24]


def answer(key: str, asked: str) -> np.ndarray | None:
    """What UMAP says to a question, float32 (M, 2 or 3) or (M, d); None while it is not known.

    nan where it has no answer: outside the outline of the map no code lies anywhere.
    """
    try:
        return np.load(_folder() / key / f"answer-{asked}.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


def status(key: str) -> Status:
    """What the worker of this map is doing: `none` without one, `working` until it answers."""
    job = _folder() / key
    told = files.read_json(job / "status.json")
    found = Status(**{k: v for k, v in told.items() if k in Status.__dataclass_fields__})
    if found.state in ("working", "ready") and not processes.is_locked(job / "lock"):
        if found.state == "ready":  # it has left, as it should
            return Status()
        return Status("failed", message="UMAP gave no answer: its worker is gone.")
    return found


def ask(
    key: str, codes: np.ndarray, points: np.ndarray, settings: Settings,
    kind: str, values: np.ndarray,
) -> str:  # fmt: skip
    """Put a question about the map of this key, made of codes (N, d) and points (N, 2 or 3); gives
    its id, at once.

    ConvaeError where the worker is busy with another map, or nothing can be written.
    """
    asked, job = question(kind, values), _folder() / key
    if answer(key, asked) is not None:
        return asked
    try:
        job.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, kind=np.array(kind), values=np.asarray(values, np.float32))
        files.write_atomically(job / f"ask-{asked}.npz", buffer.getvalue())
        if not processes.is_locked(job / "lock"):
            _start(job, codes, points, settings)
    except OSError as error:
        raise ConvaeError(
            f"UMAP cannot be asked, {maps.folder()} cannot be written to "
            f"({error.strerror}): set CONVAE_CACHE_DIR to a folder of yours."
        ) from None
    return asked


def _start(job: Path, codes: np.ndarray, points: np.ndarray, settings: Settings) -> None:
    slot = processes.take_lock(_folder() / ".slot") or _make_room()
    if slot is None:
        raise ConvaeError("UMAP is busy with another map: ask again in a minute.")
    lock = processes.take_lock(job / "lock")
    if lock is None:  # somebody else was quicker
        os.close(slot)
        return
    try:
        for other in _folder().iterdir():  # answers are kept for the map that was asked last
            if other.is_dir() and other != job and not processes.is_locked(other / "lock"):
                shutil.rmtree(other, ignore_errors=True)
        np.savez(job / "map.npz", codes=codes, points=points)
        (job / "settings.json").write_text(json.dumps(asdict(settings)))
        umap_job.tell(job, state="working", stage="Starting", started=time.time())
        processes.spawn(["convae.projection.umap_service", str(job)], job / "log.txt", (lock, slot))
    finally:
        os.close(lock)
        os.close(slot)


def _make_room() -> int | None:
    """The slot of a worker that has nothing to do, which is sent away; None if all are busy."""
    for job in _folder().iterdir():
        told = files.read_json(job / "status.json") if job.is_dir() else {}
        if told.get("state") == "ready" and not list(job.glob("ask-*.npz")):
            try:
                os.kill(int(told["pid"]), signal.SIGTERM)
            except (KeyError, ValueError, ProcessLookupError):
                continue
    return processes.take_lock(_folder() / ".slot", wait_s=2)


def _start_step(count: int) -> str:
    return f"start {count}"


def _answer_step(kind: str, first: bool) -> str:
    return f"first {kind}" if first else kind  # the first one compiles


def forecast(key: str, kind: str, count: int) -> tuple[float, float | None]:
    """(seconds since the current step began, seconds until a question of this kind is answered).

    count: codes on the map. The second is None where this machine has not measured it yet.
    """
    told = files.read_json(_folder() / key / "status.json")
    step = told.get("step") or _start_step(count)
    began = told.get("step_started") or told.get("started") or time.time()
    elapsed = max(time.time() - began, 0.0)
    steps = [step, _answer_step(kind, first=True)] if step.startswith("start ") else [step]
    known = durations.read(_folder() / "durations.json")
    return elapsed, durations.left(known, steps, elapsed, told.get("pace") or 1.0)


def cancel(key: str, asked: str) -> None:
    """Withdraw a question. The worker ends with it, unless others still wait for it."""
    job = _folder() / key
    waiting = job / f"ask-{asked}.npz"
    if not waiting.exists():  # answered already
        return
    waiting.unlink(missing_ok=True)
    if list(job.glob("ask-*.npz")):
        return
    deadline = time.monotonic() + 10
    while processes.is_locked(job / "lock") and time.monotonic() < deadline:
        if (pid := status(key).pid) > 1:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    umap_job.tell(job, state="none")


def work(job: Path, idle_s: float = IDLE_S) -> None:
    """What the worker does: make the UMAP again, answer, leave.

    No question is lost when it leaves idle: whoever finds the lock held has put the question there
    before the lock was given back, and after that the worker looks once more.
    """
    locks = processes.keep_locks()
    started = files.read_json(job / "status.json").get("started") or time.time()
    watch, answered = durations.Stopwatch(job.parent / "durations.json"), set()

    def progress(share: float, stage: str) -> None:
        told = dict(state="working", share=share, stage=stage) | watch.status()
        umap_job.tell(job, **told, started=started, pid=os.getpid())

    def begin(kind: str) -> None:
        watch.begin(_answer_step(kind, kind not in answered))
        answered.add(kind)
        progress(0.9, "Computing the answer")

    try:
        settings = config.from_dict(Settings, json.loads((job / "settings.json").read_text()))
        with np.load(job / "map.npz", allow_pickle=False) as file:
            watch.begin(_start_step(len(file["codes"])), started)
            mapper = maps.umap_of_map(file["codes"], file["points"], settings, progress)
        watch.end()
        while True:
            _answer_all(mapper, job, idle_s, begin, watch)
            umap_job.tell(job, state="none")
            while locks:
                processes.release_lock(locks.pop())
            if not list(job.glob("ask-*.npz")):
                return
            for path in (_folder() / ".slot", job / "lock"):
                if (handle := processes.take_lock(path)) is None:
                    return  # another worker is at it
                locks.append(handle)
    except Exception as error:
        for path in job.glob("ask-*.npz"):
            path.unlink(missing_ok=True)
        umap_job.tell(job, state="failed", message=f"UMAP gave no answer: {error}"[:300])
        raise


def _answer_all(mapper, job: Path, idle_s: float, begin, watch) -> None:
    """Answer questions until none came for `idle_s`."""
    last = time.monotonic()
    while True:
        for path in sorted(job.glob("ask-*.npz")):
            if _answer(mapper, path, begin):
                watch.end()
            last = time.monotonic()
        umap_job.tell(job, state="ready", pid=os.getpid())
        while not list(job.glob("ask-*.npz")):
            if time.monotonic() - last >= idle_s:
                return
            time.sleep(0.1)


def _answer(mapper, path: Path, begin: Callable[[str], None]) -> bool:
    """Answer the question in a file; False where it is none. begin(kind) is called before."""
    try:
        with np.load(path, allow_pickle=False) as file:
            kind, values = str(file["kind"]), file["values"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # or withdrawn
        path.unlink(missing_ok=True)
        return False
    begin(kind)
    if kind == "inverse_transform":
        found = np.full((len(values), mapper._raw_data.shape[1]), np.nan, np.float32)
        inside = _inside(mapper.embedding_, values)
        if inside.any():
            found[inside] = mapper.inverse_transform(values[inside])
    else:
        found = np.asarray(mapper.transform(values), np.float32)
    buffer = io.BytesIO()
    np.save(buffer, found)
    name = path.stem.removeprefix("ask-")
    files.write_atomically(path.with_name(f"answer-{name}.npy"), buffer.getvalue())
    path.unlink(missing_ok=True)
    return True


def _inside(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which places lie within the outline of the map; outside umap-learn would guess blindly."""
    from scipy.spatial import Delaunay

    return Delaunay(points, qhull_options="QJ").find_simplex(places) >= 0


if __name__ == "__main__":
    os.nice(umap_job.NICE)
    work(Path(sys.argv[1]))
    os._exit(0)  # as in mapjobs
