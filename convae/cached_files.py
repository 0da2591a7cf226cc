"""Files that can be computed again, in CONVAE_CACHE_DIR: fitted PCAs, codes, maps, predictions.

Together they take at most CONVAE_CACHE_MB; the files that were not read or written for the longest
time are removed first. Their names are digests of what they were computed from.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from convae import files
from convae.errors import ConfigError

DEFAULT_MB = 2_000
# below the folder; jobs are never removed
PATTERNS = ("pca-*.npz", "codes/*.npy", "maps/*.npz", "probes/*.npy")
UNFINISHED_S = 3_600  # a temporary file older than this was left by a process that was killed


def folder() -> Path:
    return files.folder("CACHE")


def limit_mb() -> int:
    """CONVAE_CACHE_MB, or its default; ConfigError if it is not a whole number."""
    text = os.environ.get("CONVAE_CACHE_MB", "").strip()
    if not text:
        return DEFAULT_MB
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:
        raise ConfigError(
            f"CONVAE_CACHE_MB (={text[:40]!r}) must be a whole number of megabytes, 0 or more; "
            f"without it the cache keeps {DEFAULT_MB} MB."
        )
    return int(text)


def mark_used(path: Path) -> None:
    """Note that this file was read just now, which keeps it longer."""
    try:
        os.utime(path)
    except OSError:  # removed by another process, or a read-only disk
        pass


def save(path: Path, content: bytes) -> bool:
    """Write a file below ``folder()`` atomically, then ``evict``.

    False where it cannot be written: a full or read-only disk costs time, not the result.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(path, content)
    except OSError:
        return False
    evict(path)
    return True


def evict(newest: Path) -> None:
    """Remove the least recently used files until the rest takes at most CONVAE_CACHE_MB.

    `newest` stays, whatever its size. Several processes may do this at once: a file that another
    one has removed is skipped, and a reader that has it open reads it to its end.
    """
    entries = _entries(PATTERNS)
    unfinished = _entries([str(Path(pattern).parent / ".*.part") for pattern in PATTERNS])
    for used, _, path in unfinished:
        if time.time() - used > UNFINISHED_S:
            _remove(path)
    total, most = sum(size for _, size, _ in entries), limit_mb() * 1_000_000
    for _, size, path in sorted(entries):
        if total <= most:
            return
        if path != newest and _remove(path):
            total -= size


def _entries(patterns: Sequence[str]) -> list[tuple[float, int, Path]]:
    """(time of the last use, bytes, path) of the files that match"""
    entries = []
    for pattern in patterns:
        for path in folder().glob(pattern):
            try:
                status = path.stat()
            except OSError:  # removed by another process
                continue
            entries.append((status.st_mtime, status.st_size, path))
    return entries


def _remove(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
