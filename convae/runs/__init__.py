"""Run folders, without torch: `runs.start(config)` trains, `runs.get("a")` finds a run.

registry     all runs by id: list, find, claim
run          one run folder: state, stop, delete
launch       starts the training process
status, settings_file: status.json and config.json, with their formats
queue, queue_process  runs that wait until none trains, and the process that starts them
sweep        the same settings with several latent dimensions, put into the queue
history      the new lines of history.jsonl, read as they are written
snapshots    images, reconstructions and a small map per epoch
resuming     what is checked and written before a run is resumed
forecast     the time that remains
"""

from convae.runs.launch import BusyError, start
from convae.runs.registry import (
    ID,
    active,
    check_name,
    claim,
    claimed_by_launcher,
    get,
    is_shipped,
    launcher,
    listing,
    root,
    shipped_root,
)
from convae.runs.run import UPLOADED, Run, working_on
from convae.runs.status import ENDED, RunStatus

__all__ = [
    "ENDED",
    "ID",
    "UPLOADED",
    "BusyError",
    "Run",
    "RunStatus",
    "active",
    "check_name",
    "claim",
    "claimed_by_launcher",
    "get",
    "is_shipped",
    "launcher",
    "listing",
    "root",
    "shipped_root",
    "start",
    "working_on",
]
