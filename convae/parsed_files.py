"""What was read from a file, kept in memory until the file changes: a page reads the cards of all
models several times a script run."""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
SETTLED_NS = 100_000_000  # a file that changed later than this before a read may change unnoticed


class ParsedFiles(Generic[T]):
    """The results of `parse(path)`, shared by all callers and therefore read-only.

    A file is parsed again when its modification time, size or inode differs. Errors are not kept.
    most: number of results; those that were not asked for the longest time are dropped first.
    """

    def __init__(self, parse: Callable[[Path], T], most: int = 500):
        self.parse, self.most = parse, most
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[tuple[int, ...], T]] = OrderedDict()

    def get(self, path: Path) -> T:
        """The result for this file; raises what `parse` raises."""
        name = os.path.abspath(path)
        try:
            status = os.stat(name)
        except OSError:
            return self.parse(path)
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)
        with self._lock:
            known = self._known.get(name)
            if known is not None and known[0] == stamp:
                self._known.move_to_end(name)
                return known[1]
        result = self.parse(path)
        # times have a resolution of milliseconds: two changes at once leave the same stamp
        if time.time_ns() - status.st_mtime_ns > SETTLED_NS:
            with self._lock:
                self._known[name] = stamp, result
                self._known.move_to_end(name)
                while len(self._known) > self.most:
                    self._known.popitem(last=False)
        return result
