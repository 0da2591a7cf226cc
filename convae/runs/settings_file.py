"""config.json: the settings of a run, read and written here and nowhere else."""

import json
from dataclasses import asdict
from pathlib import Path

from convae import files, records
from convae.config import TrainConfig, from_dict, from_json
from convae.errors import ConfigError, RunError
from convae.parsed_files import ParsedFiles

FORMAT = 1  # of config.json; files without this key are read as format 1


def read(run: Path) -> TrainConfig:
    """The settings of a run folder; RunError where they were deleted, are damaged, or were written
    in a format of a newer convae."""
    try:
        return _settings.get(run / "config.json")
    except FileNotFoundError:
        raise RunError(f"Run {run.name} has no config.json: it was deleted.") from None
    except (OSError, ConfigError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise RunError(
            f"Run {run.name} is damaged: its config.json cannot be read ({reason[:200]}). "
            "Repair the file, or delete the run."
        ) from None


def _parse(path: Path) -> TrainConfig:
    content = path.read_bytes()
    values = files.read_json(path)
    records.check_format(values, FORMAT, f"config.json of run {path.parent.name}", RunError)
    if values.pop("format", None) is None:
        return from_json(content)
    return from_dict(TrainConfig, values)


_settings = ParsedFiles(_parse)


def write(run: Path, config: TrainConfig) -> None:
    """Replace the settings of a run folder. OSError on a full disk."""
    content = json.dumps({"format": FORMAT, **asdict(config)}, indent=2)
    files.write_atomically(run / "config.json", content.encode())
