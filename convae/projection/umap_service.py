"""Questions to a fitted UMAP: where does a code lie on the map, which code lies at a place?

umap-learn answers both (`transform`, `inverse_transform`), but only as the fitted object, which is
not saved with the map. A process (`convae.projection.umap_server`) fits it again from codes and
points, then waits for questions in its folder, a job (see `convae.jobs`):

    CONVAE_CACHE_DIR/maps/guests/<key>/  map.npz         codes, points
                                         settings.json   the settings of the map
                                         ask-<id>.npz    a question: kind, values
                                         answer-<id>.npy its answer
                                         status.json, lock, log.txt, overtime.txt
                                   durations.json        measured seconds of each step

Only one runs at a time: it needs some hundred megabytes. It ends where a step takes longer than
`limits.umap_minutes`.
"""

import hashlib
import io
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from convae import files, limits, processes
from convae.errors import ConvaeError
from convae.jobs import Job
from convae.projection import durations, maps, time_limit
from convae.projection.maps import Settings
from convae.projection.umap_job import Status

KINDS = ("transform", "inverse_transform")


def folder() -> Path:
    return maps.folder() / "guests"


def slot() -> Path:
    """The lock that the one process which answers questions holds."""
    return folder() / ".slot"


def question(kind: str, values: np.ndarray) -> str:
    """The id of a question: values (M, d) for transform, (M, 2) for inverse_transform."""
    if kind not in KINDS:
        raise ValueError(f"kind (={kind!r}) must be one of {', '.join(KINDS)}")
    values = np.ascontiguousarray(values, np.float32)
    return f"{kind}-{hashlib.sha256(values.tobytes()).hexdigest()[:24]}"


def answer(key: str, question_id: str) -> np.ndarray | None:
    """The answer to a question, float32 (M, 2 or 3) or (M, d); None until there is one.

    nan for places outside the outline of the map, where umap-learn cannot invert.
    """
    try:
        return np.load(folder() / key / f"answer-{question_id}.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


def is_asked(key: str, question_id: str) -> bool:
    """Whether a session has asked this question and waits for the answer."""
    return (folder() / key / f"ask-{question_id}.npz").is_file()


def forget(key: str, question_id: str) -> None:
    """Remove the answer to a question, for codes that may not stay in the shared cache."""
    (folder() / key / f"answer-{question_id}.npy").unlink(missing_ok=True)


def forget_unread(path: Path, seconds: float) -> None:
    """Remove the places of uploads that a folder has held for so long: nobody waits for them."""
    for file in path.glob("answer-transform-*.npy"):
        with suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime >= seconds:
                file.unlink()


def status(key: str) -> Status:
    """State of the process of this map: `none` without one, `working` until it answers."""
    job = Job(folder() / key)
    latest = Status.read(job)
    if latest.state in ("working", "ready") and not job.running():
        if latest.state == "ready":  # it ended after a while without questions
            return Status()
        if time_limit.exceeded(job.path):
            return Status("failed", message=time_limit.message())
        return Status("failed", message="The UMAP process ended before it answered.")
    return latest


def ask(
    key: str, codes: np.ndarray, points: np.ndarray, settings: Settings,
    kind: str, values: np.ndarray,
) -> str:  # fmt: skip
    """Ask a question about the map of this key, made of codes (N, d) and points (N, 2 or 3).

    Returns the id of the question at once. ConvaeError where the process is busy with another map,
    or the folder cannot be written to.
    """
    question_id, job = question(kind, values), Job(folder() / key)
    limits.umap_minutes()  # a wrong value is an error here, not in the process
    if answer(key, question_id) is not None:
        return question_id
    try:
        job.path.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, kind=np.array(kind), values=np.asarray(values, np.float32))
        files.write_atomically(job.path / f"ask-{question_id}.npz", buffer.getvalue())
        if not job.running():
            try:
                _start(job, codes, points, settings, question_id)
            except ConvaeError:
                (job.path / f"ask-{question_id}.npz").unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ConvaeError(
            f"UMAP cannot be asked, {maps.folder()} cannot be written to "
            f"({error.strerror}): set CONVAE_CACHE_DIR to a folder that you can write to."
        ) from None
    return question_id


def _start(
    job: Job, codes: np.ndarray, points: np.ndarray, settings: Settings, question_id: str
) -> None:
    slot_lock = processes.take_lock(slot()) or _end_idle_process()
    if slot_lock is None:
        raise ConvaeError("UMAP is busy with another map: try again in a minute.")
    lock = job.take_lock()
    if lock is None:  # another session started it just now
        os.close(slot_lock)
        return
    try:
        for other in _jobs():  # only the answers for the latest map are kept
            if other != job and not other.running():
                shutil.rmtree(other.path, ignore_errors=True)
        if time_limit.exceeded(job.path):  # by a question that nobody asked again
            for path in waiting(job):
                if path.stem != f"ask-{question_id}":
                    path.unlink(missing_ok=True)
            time_limit.clear(job.path)
        np.savez(job.path / "map.npz", codes=codes, points=points)
        (job.path / "settings.json").write_text(json.dumps(asdict(settings)))
        job.write_status(state="working", stage="Starting", started=time.time())
        job.spawn(["convae.projection.umap_server", str(job.path)], (lock, slot_lock))
    finally:
        os.close(lock)
        os.close(slot_lock)


def _jobs() -> list[Job]:
    return [Job(path) for path in folder().iterdir() if path.is_dir()]


def waiting(job: Job) -> list[Path]:
    """The questions that have no answer yet."""
    return sorted(job.path.glob("ask-*.npz"))


def _end_idle_process() -> int | None:
    """End the process of another map if it has no question; its slot, or None if it is busy."""
    for job in _jobs():
        if job.read_status().get("state") == "ready" and not waiting(job):
            job.signal()
    return processes.take_lock(slot(), wait_s=2)


def start_step(count: int) -> str:
    """The name of the step that fits `count` codes, for `durations`."""
    return f"start {count}"


def answer_step(kind: str, first: bool) -> str:
    """The name of the step that answers; the first answer of a kind compiles and takes longer."""
    return f"first {kind}" if first else kind


def forecast(key: str, kind: str, count: int) -> tuple[float, float | None]:
    """(seconds since the current step began, seconds until a question of this kind is answered).

    count: codes on the map. The second is None where this machine has not measured it yet.
    """
    latest = Job(folder() / key).read_status()
    step = latest.get("step") or start_step(count)
    began = latest.get("step_started") or latest.get("started") or time.time()
    elapsed = max(time.time() - began, 0.0)
    steps = [step, answer_step(kind, first=True)] if step.startswith("start ") else [step]
    known = durations.read(folder() / "durations.json")
    return elapsed, durations.left(known, steps, elapsed, latest.get("pace") or 1.0)


def cancel(key: str, question_id: str) -> None:
    """Withdraw a question. The process is ended unless other questions wait for it."""
    job = Job(folder() / key)
    path = job.path / f"ask-{question_id}.npz"
    if not path.exists():  # answered already
        return
    path.unlink(missing_ok=True)
    if waiting(job):
        return
    job.terminate()
    job.write_status(state="none")
