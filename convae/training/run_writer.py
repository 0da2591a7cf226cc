"""What a training session writes into its run's folder, and the requests that it reads there."""

import json
import os
import time
from contextlib import suppress
from typing import Any

from convae import files, limits, runs
from convae.runs import snapshots
from convae.training.reports import Requests

HEARTBEAT_S = 0.25


class RunWriter:
    """Writes status.json, history.jsonl and events.jsonl. Of several processes only rank 0 writes.

    stopping: whether a signal or a request asked the session to stop.
    """

    def __init__(self, run: runs.Run, rank: int):
        self.run, self.rank = run, rank
        self.stopping = False
        self._status: dict[str, Any] = {}
        self._heartbeat_at = 0.0

    @property
    def status(self) -> runs.RunStatus:
        """The state and the message written last by this process."""
        return runs.RunStatus(self._status["state"], self._status.get("message", ""))

    def write_status(self, **values: Any) -> None:
        """Change these values in status.json, which the app reads."""
        self._status |= values | {"pid": os.getpid()}
        if self.rank:
            return
        try:
            self.run.write_status(**self._status)
        except OSError:
            if self._status.get("state") not in runs.ENDED:
                raise
            with suppress(OSError):
                self.run.write_status(in_place=True, **self._status)

    def append(self, name: str, row: dict[str, Any]) -> None:
        """Add one line of JSON to this file."""
        if not self.rank:
            with open(self.run.path / name, "a") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")

    def remove_after(self, epoch: int) -> None:
        """Remove what a killed session wrote after its last complete save."""
        if self.rank:
            return
        rows_of = {"history.jsonl": self.run.history(), "events.jsonl": self.run.events()}
        for name, rows in rows_of.items():
            kept = [json.dumps(row) + "\n" for row in rows if row["epoch"] <= epoch]
            files.write_atomically(self.run.path / name, "".join(kept).encode())
        snapshots.forget_after(self.run.path / "snapshots", epoch)

    def heartbeat(self) -> None:
        """Show `Run.stop` that this process is not hung: the time of status.json changes."""
        if not self.rank and time.monotonic() - self._heartbeat_at > HEARTBEAT_S:
            self._heartbeat_at = time.monotonic()
            with suppress(OSError):
                os.utime(self.run.path / "status.json")

    def requests(self) -> Requests:
        """The requests in control.json; a stop also by a signal or the limit on training time."""
        self.heartbeat()
        wanted = files.read_json(self.run.path / "control.json")
        out_of_time = limits.out_of_time(self._status.get("elapsed_s", 0.0))
        return Requests(
            self.stopping or bool(wanted.get("stop")) or out_of_time,
            bool(wanted.get("pause")),
            wanted.get("learning_rate"),
            wanted.get("learning_rate_asked_at", 0.0),
        )

    def stop_requested(self) -> bool:
        """Whether a stop was requested, whatever the limit on training time."""
        self.heartbeat()
        return self.stopping or bool(files.read_json(self.run.path / "control.json").get("stop"))

    def forget_stop(self) -> None:
        """The stop request is fulfilled: the next one is a new request."""
        self.stopping = False
        self.run.ask(stop=False)
