"""One run folder: claim, start, follow, stop, delete. No torch here: pages may import this for
free.

    runs/<id>/  config.json     what was asked for
                lock            held (flock) by whoever works on this run, as long as they live
                launcher        the torchrun that claimed it, if one did: its restarts go on with it
                status.json     the trainer's latest word
                control.json    the user's latest wish
                history.jsonl   one EpochRecord a line
                events.jsonl    one Event a line
                snapshots/      the pinned images and the small map, one file an epoch
                log.txt         the trainer's output
                state.pt        what resume needs
                model.safetensors, card.json: the model, best epoch so far

Whether a run is alive is asked of its lock, never of a process number: numbers are given out again.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convae import hosting
from convae.config import TrainConfig, from_json
from convae.errors import ConvaeError, RunError

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LOCK_VARIABLE = "CONVAE_LOCK_FDS"  # file descriptors of locks that a starter hands to its trainer
ENDED = ("done", "stopped", "diverged", "out of memory", "disk full", "killed", "failed")


def root() -> Path:
    """Where runs live: ``runs/``, or what CONVAE_RUNS_DIR names."""
    return Path(os.environ.get("CONVAE_RUNS_DIR", "runs"))


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a reader, or a power cut, sees the old one or the new one, whole."""
    replace_together([(path, data)])


def replace_together(files: list[tuple[Path, bytes]]) -> None:
    """As ``write_atomically``, for files of one folder: all are on disk before one is renamed."""
    ready = []
    try:
        for path, data in files:
            temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
            ready.append((temporary, path))
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for temporary, path in ready:
            os.replace(temporary, path)
    except BaseException:
        for temporary, _ in ready:
            temporary.unlink(missing_ok=True)
        raise
    folder = os.open(files[0][0].parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_json(path: Path) -> dict[str, Any]:
    """The object in this file; {} where there is none or it is damaged."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def read_lines(path: Path, after: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Whole lines of a .jsonl file from byte ``after`` on, and where the next read starts.

    Damaged lines are passed over: a full disk may cut one in the middle.
    """
    try:
        with open(path, "rb") as file:
            file.seek(after)
            text = file.read()
    except OSError:
        return [], 0
    whole = text.rfind(b"\n") + 1
    rows = []
    for line in text[:whole].splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows, after + whole


@dataclass(frozen=True)
class Status:
    """Where a run stands. state is starting, running, paused or one of ENDED; times are in
    seconds."""

    state: str
    message: str = ""
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    train_loss: float = 0.0
    learning_rate: float = 0.0
    images_per_s: float = 0.0
    elapsed_s: float = 0.0
    remaining_s: float = 0.0
    memory_mb: float = 0.0
    device: str = ""
    pid: int = 0

    @property
    def alive(self) -> bool:
        return self.state not in ENDED


@dataclass(frozen=True)
class Run:
    """A run by its folder; cheap to make, reads the disk when asked."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    def config(self) -> TrainConfig:
        try:
            return from_json((self.path / "config.json").read_text())
        except OSError:
            raise RunError(f"Run {self.id} has no settings any more: it was deleted.") from None

    def status(self) -> Status:
        told = read_json(self.path / "status.json")
        known = {k: v for k, v in told.items() if k in Status.__dataclass_fields__}
        status = Status(**{"state": "starting", **known})
        if not self.path.is_dir():
            return Status("killed", "This run was deleted.")
        if status.alive and not self.locked():
            # the trainer may have ended between the two looks: its last word counts
            told = read_json(self.path / "status.json")
            if told.get("state") in ENDED:
                return self.status()
            message = (
                "The trainer is gone without a word: killed, or the machine went down. Resume it."
            )
            return Status(**{**known, "state": "killed", "message": message})
        return status

    def history(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "history.jsonl")[0]

    def events(self) -> list[dict[str, Any]]:
        return read_lines(self.path / "events.jsonl")[0]

    def locked(self) -> bool:
        """Is somebody working on this run?"""
        try:
            with open(self.path / "lock", "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def ask(self, **wish: bool | float) -> None:
        """Tell the trainer ``stop``, ``pause`` (booleans) or ``learning_rate`` (0: as
        scheduled)."""
        control = self.path / "control.json"
        write_atomically(control, json.dumps(read_json(control) | wish).encode())

    def stop(self, wait_s: float = 10.0) -> None:
        """Ask, then insist: request, SIGTERM, and after ``wait_s`` SIGKILL to the process group."""
        if not self.locked():
            return
        self.ask(stop=True)
        pid = self.status().pid
        _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + wait_s
        while self.locked() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.locked():
            _signal(self.status().pid or pid, signal.SIGKILL)

    def delete(self) -> None:
        """Remove the folder; RunError while somebody works on it."""
        if self.locked():
            raise RunError(f"Run {self.id} is still at work: stop it first.")
        shutil.rmtree(self.path, ignore_errors=True)


def _signal(pid: int, number: int) -> None:
    """To its process group if the trainer leads one (as when the app started it), else to it."""
    if pid <= 1:
        return
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def get(name: str) -> Run:
    """The run of this id; RunError if there is none. No path can be smuggled in."""
    if not ID.fullmatch(name):
        raise RunError(f"`{name[:80]}` is no run id: use a-z, 0-9, - and _, at most 64 characters.")
    path = root() / name
    if path.is_symlink() or not (path / "config.json").is_file():
        raise RunError(f"There is no run `{name}`; `python -m convae list` shows those at hand.")
    return Run(path)


def listing() -> list[Run]:
    """All runs, newest first."""
    try:
        folders = list(root().iterdir())
    except OSError:
        return []
    found = [
        p for p in folders
        if ID.fullmatch(p.name) and not p.is_symlink() and (p / "config.json").is_file()
    ]  # fmt: skip
    return [Run(p) for p in sorted(found, key=lambda p: (_made(p), p.name), reverse=True)]


def _made(path: Path) -> float:
    try:
        return (path / "config.json").stat().st_mtime
    except OSError:
        return 0.0


def claim(config: TrainConfig, name: str = "") -> Run:
    """Make the folder of a new run and write its settings; mkdir is the claim: of 50 racers one
    wins.

    Without a name one is made from architecture, latent_dim and a free number.
    """
    if name and not ID.fullmatch(name):
        raise RunError(
            f"`{name[:80]}` cannot name a run: use a-z, 0-9, - and _, at most 64 characters, "
            "beginning with a letter or a digit."
        )
    root().mkdir(parents=True, exist_ok=True)
    base = f"{config.model.architecture}-{config.model.latent_dim}"
    numbers = iter(range(1, 100_000))
    while True:
        run_id = name or f"{base}-{next(numbers)}"
        path = root() / run_id
        try:
            os.mkdir(path)
            break
        except FileExistsError:
            if name:
                raise RunError(
                    f"A run `{name}` exists: take another name, "
                    f"or `python -m convae resume {name}`."
                ) from None
    if launcher():
        (path / "launcher").write_text(launcher())
    write_atomically(path / "config.json", config.to_json().encode())
    (path / "lock").touch()
    return Run(path)


def launcher() -> str:
    """What torchrun calls itself, the same after each of its restarts; "" without it."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "")


def claimed_by_launcher(config: TrainConfig, name: str) -> bool:
    """Has a process that the same launcher started claimed this run, for the same experiment?"""
    path = root() / name
    try:
        by = (path / "launcher").read_text() if launcher() else ""
        return by == launcher() and get(name).config() == config
    except (OSError, RunError):
        return False


def take_lock(path: Path) -> int | None:
    """An open file descriptor that holds this lock, or None if another has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


@contextmanager
def working_on(run: Run):
    """Hold the run's lock; RunError if another trainer has it. A starter may have locked it for us,
    and under torchrun the launcher keeps what the starter handed it."""
    if int(os.environ.get("RANK", 0)) or ("RANK" in os.environ and LOCK_VARIABLE in os.environ):
        yield
        return
    handed = [int(n) for n in os.environ.pop(LOCK_VARIABLE, "").split(",") if n]
    for handle in handed:
        os.set_inheritable(handle, False)  # a child of ours must not keep a dead run alive
    handles = handed or [take_lock(run.path / "lock")]
    if handles[0] is None:
        raise RunError(f"Another trainer is at work on `{run.id}`: follow it, or stop it first.")
    try:
        yield
    finally:
        for handle in handles:
            os.close(handle)


def active() -> Run | None:
    """The run somebody is working on, if any."""
    return next((run for run in listing() if run.locked()), None)


def start(
    config: TrainConfig | None,
    name: str = "",
    *,
    resume: str = "",
    epochs: int = 0,
    processes: int = 1,
) -> Run:
    """Start a trainer that outlives this process and return its run at once.

    One at a time: RunError names the run that is at work. The locks are taken here and handed down,
    so a run is alive from the first moment on. ``resume`` goes on with a run instead of claiming
    one, to ``epochs`` in all where they are given. What the host allows is kept to."""
    hosting.check_allowed()
    root().mkdir(parents=True, exist_ok=True)
    slot = take_lock(root() / ".slot")
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
            hosting.check_room(len(listing()))
        run = get(resume) if resume else claim(hosting.capped(config)[0], name)
        lock = take_lock(run.path / "lock")
        if lock is None:
            raise RunError(f"Another trainer is at work on `{run.id}`.")
        if resume and epochs:
            longer = hosting.capped(replace(run.config(), epochs=epochs))[0]
            write_atomically(run.path / "config.json", longer.to_json().encode())
        write_atomically(run.path / "control.json", b"{}")
        told = {"state": "starting", "message": "", "pid": 0}
        write_atomically(run.path / "status.json", json.dumps(told).encode())
        _spawn(run, "resume" if resume else "train", (lock, slot), processes)
        return run
    except OSError as error:
        raise ConvaeError(f"The trainer could not be started: {error.strerror}.") from None
    finally:
        for handle in (lock, slot):
            if handle is not None:
                os.close(handle)


def _spawn(run: Run, verb: str, handles: tuple[int, int], processes: int) -> None:
    program = [sys.executable, "-m"]
    if processes > 1:
        program += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    asked = ["--run", str(run.path)] if verb == "train" else [run.id]
    environment = os.environ | {LOCK_VARIABLE: ",".join(map(str, handles))}
    package = str(Path(__file__).resolve().parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(
        p for p in (package, os.environ.get("PYTHONPATH", "")) if p
    )
    with open(run.path / "log.txt", "ab") as log:
        trainer = subprocess.Popen(
            [*program, "convae", verb, *asked, "--quiet", "--nice", "10"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True, pass_fds=handles, env=environment,
        )  # fmt: skip
    # reaped when it ends, so that no zombie is left; it does not end with us
    threading.Thread(target=trainer.wait, daemon=True).start()
