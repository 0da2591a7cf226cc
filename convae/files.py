"""Atomic writes, guarded reads, and the folders that environment variables name."""

import json
import os
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@cache
def app_root() -> Path:
    """The folder of app.py, pages/ and checkpoints/: the clone, or the copy inside a wheel."""
    package = Path(__file__).resolve().parent
    packed = package / "_app"
    return packed if packed.is_dir() else package.parent


def folder(name: str) -> Path:
    """The folder that CONVAE_<name>_DIR names, or its default; name: DATA, RUNS, CACHE, ...

    The environment is read at every call; an empty variable means the default.
    """
    default = app_root() / "checkpoints" if name == "CHECKPOINTS" else Path(name.lower())
    return Path(os.environ.get(f"CONVAE_{name}_DIR") or default)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a reader, or a power cut, sees the old one or the new one, whole."""
    replace_together([(path, data)])


def replace_together(files: list[tuple[Path, bytes]]) -> None:
    """As ``write_atomically``, for files of one folder: all are on disk before one is renamed."""
    ready = []
    try:
        for path, data in files:
            temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
            ready.append((temporary, path))
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for temporary, path in ready:
            os.replace(temporary, path)
    except BaseException as error:
        for temporary, path in ready:
            if isinstance(error, OSError) and error.filename == str(temporary):
                error.filename = str(path)  # the name that the caller knows
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
        return json_object(path.read_bytes())
    except OSError:
        return {}


def json_object(content: bytes) -> dict[str, Any]:
    """The object in this text; {} where it is another value or no JSON."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_npz(path: Path, *names: str) -> "tuple[np.ndarray, ...] | None":
    """These arrays of an .npz file; None where it is missing, damaged, or lacks one of them.

    No pickled object is ever loaded.
    """
    import numpy as np

    try:
        # opened here: numpy leaves the file of a damaged zip open
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return tuple(file[name] for name in names)
    except Exception:  # numpy, its header parser, zipfile and zlib raise a dozen kinds
        return None


def read_lines(path: Path, after: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Whole lines of a .jsonl file from byte ``after`` on, and where the next read starts.

    Damaged lines are skipped: a full disk may truncate one.
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
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows, after + whole
