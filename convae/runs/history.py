"""Incremental reading of a growing file: each call reads only the new lines."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convae import files

Row = dict[str, Any]


class Tail:
    """The rows of a .jsonl file, updated by reading only what was appended.

    A file that was replaced (a resumed run cuts its history) is read from the start again. Several
    threads may look at once: all visitors of a run share one Tail.
    """

    def __init__(self, path: Path, clean: Callable[[list[Row]], list[Row]] = list):
        """clean: gives those of the new rows that are kept, such as `records.history`."""
        self.path, self.clean = path, clean
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._after, self._file = 0, (0, 0)

    def rows(self) -> list[Row]:
        """All rows up to now; the list is the caller's own, its rows are shared."""
        with self._lock:
            try:
                result = os.stat(self.path)
            except OSError:
                self._rows, self._after = [], 0
                return []
            file = (result.st_dev, result.st_ino)
            if file != self._file or result.st_size < self._after:
                self._rows, self._after, self._file = [], 0, file
            if result.st_size > self._after:
                new, self._after = files.read_lines(self.path, self._after)
                self._rows += self.clean(new)
            return list(self._rows)
