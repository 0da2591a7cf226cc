"""The queue of runs: settings that wait until no run trains. Imports no torch.

    runs/.queue/  <time>-<name>.json      an entry, in the order of the names of the files
                  <time>-<name>.starting  the one that is being started
                  lock, status.json, log.txt  the job of the process that starts them

A detached process (`convae.runs.queue_process`) waits until no run is locked, starts the first
entry and ends with the last one. Whether a run trains is decided by the lock, so one that was
killed does not block the queue. `ensure` starts this process again where it was killed itself: a
training session calls it at its end, the app at the start of the server and on the Train page. A
paused run has its lock, so the queue waits for it.
"""

import json
import os
import re
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from convae import files, limits, processes, records
from convae.config import TrainConfig, from_json
from convae.errors import ConvaeError, RunError
from convae.jobs import Job
from convae.runs import registry

MOST = 50  # entries
_ID = re.compile(r"[0-9]{20}-[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Entry:
    """A run that waits. config is None where its file is damaged; problem: why it could not be
    started, "" while it waits. An entry with a problem stays until it is canceled."""

    id: str
    name: str
    config: TrainConfig | None
    processes: int = 1
    problem: str = ""


def folder() -> Path:
    return registry.root() / ".queue"


def job() -> Job:
    """The process that starts the entries."""
    return Job(folder())


def add(config: TrainConfig, name: str = "", processes: int = 1) -> Entry:
    """Put a run at the end of the queue; it starts at once where no run trains.

    Without a name one is made from the settings, and kept for this entry. RunError for a name that
    is taken, a full queue, or a limit of this server (`convae.limits`).
    """
    return add_all([(config, name)], processes)[0]


def add_all(items: Sequence[tuple[TrainConfig, str]], count: int = 1) -> list[Entry]:
    """Put several runs, (settings, name), at the end of the queue: all of them or, on an error,
    none. count: processes of each, as in `runs.start`."""
    limits.check_allowed()
    try:
        folder().mkdir(parents=True, exist_ok=True)
        lock = processes.take_lock(folder() / "adding", wait_s=5)
        if lock is None:
            raise RunError("The queue is being changed by another process: try again.")
        try:
            added = _write(_checked(items, count))
        finally:
            os.close(lock)
    except OSError as error:
        raise ConvaeError(f"The queue could not be written: {error.strerror}.") from None
    ensure()
    return added


def _checked(items: Sequence[tuple[TrainConfig, str]], count: int) -> list[Entry]:
    """The entries for these runs, with names that are free."""
    waiting = entries()
    if len(waiting) + len(items) > MOST:
        raise RunError(
            f"The queue holds at most {MOST} runs and {len(waiting)} wait already: cancel some or "
            "wait until they have been trained."
        )
    limits.check_room(len(registry.listing()) + len(waiting) + len(items) - 1)
    taken, made = {entry.name for entry in waiting}, []
    begun = time.time_ns()
    for place, (config, name) in enumerate(items):
        if name:
            check_free(name, taken)
        else:
            name = next(n for n in registry.free_names(config) if n not in taken)
        taken.add(name)
        entry_id = f"{begun + place:020d}-{name}"
        made.append(Entry(entry_id, name, limits.capped(config)[0], count))
    return made


def check_free(name: str, taken: Collection[str] | None = None) -> None:
    """RunError where this cannot name a new run, or a run or an entry has it. taken: the names of
    the entries, read where they are not given."""
    registry.check_name(name)
    if taken is None:
        taken = [entry.name for entry in entries()]
    if name in taken or os.path.lexists(registry.root() / name):
        raise RunError(f"A run `{name}` exists or is in the queue: choose another name.")


def _write(made: list[Entry]) -> list[Entry]:
    for entry in made:
        files.write_atomically(_path(entry.id), _content(entry))
    return made


def _content(entry: Entry) -> bytes:
    settings = json.loads(entry.config.to_json()) if entry.config else {}
    values = {"name": entry.name, "processes": entry.processes, "problem": entry.problem}
    return json.dumps(values | {"config": settings}).encode()


def _path(entry_id: str, suffix: str = ".json") -> Path:
    if not _ID.fullmatch(entry_id):
        raise RunError(f"`{entry_id[:80]}` is not in the queue.")
    return folder() / (entry_id + suffix)


def entries() -> list[Entry]:
    """The queue, first in first out; also the entries that could not be started."""
    return [_read(entry_id) for entry_id in _ids(".json")]


def starting() -> list[str]:
    """The names of entries that are being started: they wait no more, and have no run yet."""
    return [_name_of(entry_id) for entry_id in _ids(".starting")]


def _name_of(entry_id: str) -> str:
    return entry_id[21:]  # after the time and a hyphen


def _ids(suffix: str) -> list[str]:
    try:
        names = os.listdir(folder())
    except OSError:
        return []
    stems = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return sorted(stem for stem in stems if _ID.fullmatch(stem))


def _read(entry_id: str) -> Entry:
    values = files.read_json(_path(entry_id))
    name = _name_of(entry_id)
    count = records.value(values.get("processes"), int) or 1
    problem = records.value(values.get("problem"), str) or ""
    try:
        config = from_json(json.dumps(values.get("config")))
    except ConvaeError:
        return Entry(entry_id, name, None, count, problem or "The settings are damaged.")
    return Entry(entry_id, name, config, count, problem)


def cancel(entry_id: str) -> bool:
    """Take an entry out of the queue; False where it is not there (any more): it was started."""
    try:
        _path(entry_id).unlink()
    except FileNotFoundError:
        return False
    return True


def ensure() -> None:
    """Start the process that starts the entries, where there are some and it does not run."""
    if not (_ids(".json") or _ids(".starting")) or not limits.training_allowed():
        return
    if all(entry.problem for entry in entries()) and not _ids(".starting"):
        return
    lock = None
    with suppress(OSError):  # no process can be started now: the next call tries again
        lock = job().take_lock()
        if lock is not None:
            job().spawn(["convae.runs.queue_process"], [lock])
    if lock is not None:
        os.close(lock)


def take() -> Entry | None:
    """For the queue process: the first entry that can be started, now marked as being started."""
    for entry in entries():
        if entry.problem:
            continue
        with suppress(FileNotFoundError):  # canceled just now
            os.rename(_path(entry.id), _path(entry.id, ".starting"))
            return entry
    return None


def put_back(entry: Entry) -> None:
    """Undo `take`: another run was started first."""
    os.rename(_path(entry.id, ".starting"), _path(entry.id))


def drop(entry: Entry, problem: str = "") -> None:
    """End `take`: the run was started, or it could not be, for this reason."""
    if problem:
        failed = Entry(entry.id, entry.name, entry.config, entry.processes, problem)
        files.write_atomically(_path(entry.id), _content(failed))
    _path(entry.id, ".starting").unlink(missing_ok=True)


def recover() -> None:
    """For a new queue process: entries whose start was interrupted wait again, unless their run
    exists."""
    for entry_id in _ids(".starting"):
        path = _path(entry_id, ".starting")
        if os.path.lexists(registry.root() / _name_of(entry_id)):
            path.unlink(missing_ok=True)
        else:
            os.rename(path, _path(entry_id))
