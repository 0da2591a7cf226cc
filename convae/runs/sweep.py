"""Sweeps: the same settings trained with several latent dimensions, one after the other.

    runs/.sweeps/<name>.json  {"dimensions": [2, 4, 8]}, and its runs are <name>-2, <name>-4, ...

A sweep only puts its runs into the queue (`convae.runs.queue`) and remembers which they are.
`convae.training.sweep_results` reads what they reached. Imports no torch.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convae import files, records
from convae.config import TrainConfig
from convae.errors import ConfigError, RunError
from convae.runs import queue, registry
from convae.runs.run import Run

DEFAULT = (2, 4, 8, 16, 32)
MOST = 12  # dimensions


@dataclass(frozen=True)
class Sweep:
    """A sweep by its name; dimensions ascend."""

    name: str
    dimensions: tuple[int, ...]

    def run_name(self, dimension: int) -> str:
        return f"{self.name}-{dimension}"

    def run(self, dimension: int) -> Run | None:
        """The run with this latent dimension; None while it waits, and after it was deleted."""
        path = registry.root() / self.run_name(dimension)
        return Run(path) if (path / "config.json").is_file() else None

    def entries(self) -> list[queue.Entry]:
        """Its runs that are in the queue."""
        names = {self.run_name(dimension) for dimension in self.dimensions}
        return [entry for entry in queue.entries() if entry.name in names]

    def cancel(self) -> None:
        """Take its waiting runs out of the queue; the one that trains goes on."""
        for entry in self.entries():
            queue.cancel(entry.id)


def folder() -> Path:
    return registry.root() / ".sweeps"


def parse(text: str) -> list[int]:
    """The latent dimensions in a text such as "2, 4, 8", in ascending order, each once.

    ConfigError where it holds anything else, no or too many numbers.
    """
    words = [word for word in re.split(r"[,;\s]+", text.strip()) if word]
    if not words or not all(
        word.isascii() and word.isdecimal() and len(word) < 6 for word in words
    ):
        raise ConfigError(
            f"`{text[:80]}` is not a list of latent dimensions: write whole numbers with commas, "
            "for example 2, 4, 8, 16, 32."
        )
    found = sorted({int(word) for word in words})
    if len(found) > MOST:
        raise ConfigError(f"A sweep has at most {MOST} latent dimensions, not {len(found)}.")
    return found


def configs(config: TrainConfig, dimensions: Sequence[int]) -> dict[int, TrainConfig]:
    """The settings of each run. ConfigError for a latent dimension that is out of range, and for
    settings that fit one latent dimension only."""
    if config.init_from:
        raise ConfigError(
            f"`init_from` (={config.init_from}) must be empty: a sweep trains from scratch, "
            "so that its latent dimensions can be compared."
        )
    return {
        dimension: replace(
            config,
            model=replace(config.model, latent_dim=dimension),
            shortest_code=min(config.shortest_code, dimension),
        )
        for dimension in sorted(set(dimensions))
    }


def start(
    config: TrainConfig, dimensions: Sequence[int] = DEFAULT, name: str = "", processes: int = 1
) -> Sweep:
    """Put one run per latent dimension into the queue, with all other settings as in `config`.

    Without a name it is called sweep-1, sweep-2, ... ConfigError as for `configs`, RunError as for
    `queue.add`.
    """
    if name:
        registry.check_name(name)
        registry.check_name(f"{name}-{max(dimensions)}")
    made = configs(config, dimensions)
    sweep = Sweep(name or _free_name(), tuple(made))
    if os.path.lexists(_path(sweep.name)):
        raise RunError(f"A sweep `{sweep.name}` exists: choose another name.")
    queue.add_all([(made[d], sweep.run_name(d)) for d in sweep.dimensions], processes)
    folder().mkdir(parents=True, exist_ok=True)
    content = json.dumps({"dimensions": sweep.dimensions}).encode()
    files.write_atomically(_path(sweep.name), content)
    return sweep


def _path(name: str) -> Path:
    return folder() / f"{name}.json"


def _free_name() -> str:
    """A name that no sweep has and no run or entry begins with."""
    taken = [run.id for run in registry.listing()] + [entry.name for entry in queue.entries()]
    for number in range(1, 100_000):
        name = f"sweep-{number}"
        used = any(item.startswith(f"{name}-") for item in taken)
        if not used and not os.path.lexists(_path(name)):
            return name
    raise RunError("There are too many sweeps: delete some.")


def listing() -> list[Sweep]:
    """All sweeps, the newest first; damaged files are left out."""
    try:
        files_there = [path for path in folder().iterdir() if path.suffix == ".json"]
        paths = [path for path in files_there if registry.ID.fullmatch(path.stem)]
        paths.sort(key=lambda path: (path.stat().st_mtime, path.stem), reverse=True)
    except OSError:
        return []
    return [sweep for path in paths if (sweep := _read(path)) is not None]


def _read(path: Path) -> Sweep | None:
    given = files.read_json(path).get("dimensions")
    if not isinstance(given, list):
        return None
    numbers = [records.value(item, int) for item in given[:MOST]]
    kept = tuple(sorted({n for n in numbers if n is not None and n > 0}))
    return Sweep(path.stem, kept) if kept else None


def forget(sweep: Sweep) -> None:
    """Cancel its waiting runs and remove the sweep; its runs stay."""
    sweep.cancel()
    _path(sweep.name).unlink(missing_ok=True)
