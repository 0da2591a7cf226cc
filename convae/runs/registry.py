"""All runs by id: list, find, claim a new one. Imports no torch."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from convae import files
from convae.config import TrainConfig
from convae.errors import RunError
from convae.runs import settings_file
from convae.runs.run import Run

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def shipped_root() -> Path:
    """The folder of the shipped checkpoints: beside the package, or CONVAE_CHECKPOINTS_DIR."""
    return files.folder("CHECKPOINTS")


def root() -> Path:
    """The folder of all runs, see `files.folder`."""
    return files.folder("RUNS")


def get(name: str) -> Run:
    """The run of this id; RunError if there is none. A path is not an id."""
    if not ID.fullmatch(name):
        raise RunError(
            f"`{name[:80]}` is not the name of a run: use a-z, 0-9, - and _, at most 64 characters."
        )
    path = root() / name
    if path.is_symlink() or not (path / "config.json").is_file():
        if (shipped_root() / name / "card.json").is_file():
            raise RunError(
                f"`{name}` is a shipped model, not a run.",
                f"`python -m convae train --init-from {name}` trains a new run from its weights.",
            )
        raise RunError(
            f"There is no run `{name}`: it was deleted, or has another name.",
            "`python -m convae list` shows the available ones.",
        )
    return Run(path)


def listing() -> list[Run]:
    """All runs, newest first, damaged ones included (see `Run.damage`)."""
    try:
        folders = list(root().iterdir())
    except OSError:
        return []
    paths = [
        p for p in folders
        if ID.fullmatch(p.name) and not p.is_symlink() and os.path.lexists(p / "config.json")
    ]  # fmt: skip
    return [Run(p) for p in sorted(paths, key=lambda p: (_made(p), p.name), reverse=True)]


def _made(path: Path) -> float:
    try:
        return (path / "config.json").lstat().st_mtime
    except OSError:
        return 0.0


def is_shipped(name: str) -> bool:
    """Whether this is the name of a shipped model."""
    return (shipped_root() / name / "card.json").is_file()


def check_name(name: str) -> None:
    """RunError where this cannot name a new run: it is not an id, or a shipped model has it."""
    if not ID.fullmatch(name):
        raise RunError(
            f"`{name[:80]}` cannot name a run: use a-z, 0-9, - and _, at most 64 characters, "
            "beginning with a letter or a digit."
        )
    if is_shipped(name):
        raise RunError(f"`{name}` is the name of a shipped checkpoint: choose another name.")


def claim(config: TrainConfig, name: str = "") -> Run:
    """Make the folder of a new run and write its settings; mkdir is the claim, so of several
    processes one succeeds.

    Without a name one is made from architecture, latent_dim, "noise" for a denoising run, and a
    free number.
    """
    if name:
        check_name(name)
    root().mkdir(parents=True, exist_ok=True)
    names = iter([name]) if name else free_names(config)
    for run_id in names:
        path = root() / run_id
        try:
            os.mkdir(path)
            break
        except FileExistsError:
            if name:
                raise RunError(
                    f"A run `{name}` exists: choose another name.",
                    f"Or continue it: `python -m convae resume {name}`.",
                ) from None
    try:
        if launcher():
            (path / "launcher").write_text(launcher())
        settings_file.write(path, config)
        (path / "lock").touch()
    except OSError:  # such as a full disk: no folder without settings is left
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Run(path)


def free_names(config: TrainConfig) -> Iterator[str]:
    """Names for a run with these settings that no run and no shipped model has now."""
    base = f"{config.model.architecture}-{config.model.latent_dim}"
    if config.noise_std:
        base += "-noise"
    for number in range(1, 100_000):
        name = f"{base}-{number}"
        if not is_shipped(name) and not os.path.lexists(root() / name):
            yield name


def launcher() -> str:
    """The id of this torchrun, the same after each of its restarts; "" without it."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "")


def claimed_by_launcher(config: TrainConfig, name: str) -> bool:
    """Whether the same torchrun claimed this run with the same settings (before a restart)."""
    path = root() / name
    try:
        by = (path / "launcher").read_text() if launcher() else ""
        return by == launcher() and get(name).config() == config
    except (OSError, RunError):
        return False


def active() -> Run | None:
    """The run that is training, if any; one that only measures test figures is not."""
    return next((run for run in listing() if run.locked() and run.status().alive), None)
