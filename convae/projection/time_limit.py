"""Ends the process of a job that takes longer than `limits.umap_minutes`.

The watchdog is the thread of faulthandler, which needs no interpreter lock: compiled code that
never gives it back is ended, too. It leaves overtime.txt in the folder of the job, with the place
in the code that was reached.
"""

import faulthandler
from pathlib import Path

from convae import limits

FILE = "overtime.txt"


class TimeLimit:
    """The limit of one process; `start` and `stop` as often as it has work."""

    def __init__(self, path: Path):
        """path: the folder of the job, which must exist. ConfigError for a wrong limit."""
        self.path, self.seconds, self.file = path / FILE, 60 * limits.umap_minutes(), None

    def start(self) -> None:
        """End this process after the limit, counted from now."""
        self.stop()
        self.file = open(self.path, "w")
        faulthandler.dump_traceback_later(self.seconds, exit=True, file=self.file)

    def stop(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        if self.file is not None:
            self.file.close()
            self.file = None


def exceeded(path: Path) -> bool:
    """Whether the last process of the job in this folder was ended by its limit."""
    try:
        return (path / FILE).stat().st_size > 0
    except OSError:
        return False


def clear(path: Path) -> None:
    """Forget that a limit was exceeded in this folder, before a new start."""
    (path / FILE).unlink(missing_ok=True)


def message() -> str:
    """Says that the limit ended a UMAP."""
    return (
        f"The UMAP was stopped because it took longer than {limits.umap_minutes():g} minutes "
        "(CONVAE_MAX_UMAP_MINUTES): choose fewer images or fewer neighbors."
    )
