"""The weights of the previous save, kept under a second name until the new card is in place.

A save renames two files, weights and card; one that is interrupted between the two would leave a
card that describes no file.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from convae import files

WEIGHTS, PREVIOUS = "model.safetensors", ".model.safetensors.previous"


def keep(folder: Path) -> None:
    """Link the weights of the present card under the second name; before a save."""
    weights, previous = folder / WEIGHTS, folder / PREVIOUS
    with suppress(OSError):  # no weights yet, or a file system without links
        if previous.exists():  # a save was interrupted: which of the two is described by the card?
            if _digest(weights) != files.read_json(folder / "card.json").get("sha256"):
                return
            previous.unlink()
        os.link(weights, previous)


def drop(folder: Path) -> None:
    """Remove the second name; after a save."""
    with suppress(OSError):
        (folder / PREVIOUS).unlink(missing_ok=True)


def read(folder: Path, sha256: str) -> bytes | None:
    """The kept weights of this digest; None if there are none."""
    with suppress(OSError):
        if _digest(folder / PREVIOUS) == sha256:
            return (folder / PREVIOUS).read_bytes()
    return None


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
