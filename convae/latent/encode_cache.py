"""The codes of many images, made once and kept on disk: CONVAE_CACHE_DIR/codes/<key>.npy.

A key is made of the weights, the number of refinement steps and the images; no path is in it.
"""

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from convae import files

PART = 500  # images encoded between two words of progress
EXACT = 2_000  # images; of more the codes come at the processor's own precision
KEPT = 24  # files; those not looked at for longest go first
Progress = Callable[[int, int | None, str], None]


def codes_for(checkpoint, images: np.ndarray, fingerprint: str, progress: Progress) -> np.ndarray:
    """Codes float32 (N, latent_dim) of images uint8 (N, 32, 32, 3); those of more than EXACT images
    are made twice as fast, off by 0.3 %. fingerprint: of these images.

    A damaged file is made again; where nothing can be written the codes are returned all the same.
    """
    said = f"1 {checkpoint.sha256} {fingerprint} {len(images)}"
    name = hashlib.sha256(said.encode()).hexdigest()[:24]
    path = files.folder("CACHE") / "codes" / f"{name}.npy"
    codes = _read(path, (len(images), checkpoint.config.latent_dim))
    if codes is None:
        codes = _encode(checkpoint, images, progress)
        _write(path, codes)
    return codes


def _encode(checkpoint, images: np.ndarray, progress: Progress) -> np.ndarray:
    parts, precision = [], "auto" if len(images) > EXACT else "float32"
    for start in range(0, len(images), PART):
        progress(start, len(images), "encoding the images")
        parts.append(checkpoint.encode(images[start : start + PART], precision))
    return np.concatenate(parts)


def _read(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    try:
        codes = np.load(path, allow_pickle=False)
        os.utime(path)
    except (OSError, ValueError, EOFError):
        return None
    sound = codes.shape == shape and codes.dtype == np.float32 and np.isfinite(codes).all()
    return codes if sound else None


def _write(path: Path, codes: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, codes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(path, buffer.getvalue())
        kept = sorted(path.parent.glob("*.npy"), key=lambda file: file.stat().st_mtime)
        for old in kept[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        pass  # a full or read-only disk costs time, not the result
