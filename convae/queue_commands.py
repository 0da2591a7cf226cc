"""The commands sweep, queue and stop.

They are the sweeps, the queue and the Stop button of the Train page: runs are trained one after the
other by the queue's process, and a sweep that is started here is shown there.
"""

import argparse
import json
import sys
import time

from convae import data, runs
from convae.errors import RunError
from convae.flat_config import from_flat, settings
from convae.progress import Bars
from convae.runs import queue
from convae.runs import sweep as sweeps
from convae.runs.sweep import Sweep
from convae.training import sweep_results
from convae.training.sweep_results import SweepRow

POLL_S = 0.5


def sweep(asked: argparse.Namespace) -> int:
    """Train one run per latent dimension through the queue, and print what each reached."""
    dimensions = sweeps.parse(asked.dimensions)
    names = {f.name for f in settings()} - {"latent_dim"}
    given = {name: v for name, v in vars(asked).items() if name in names and v is not None}
    config = from_flat(given | {"latent_dim": max(dimensions)})
    data.check_spec(config.data.spec)
    at_work = runs.active()
    started = sweeps.start(config, dimensions, asked.name)
    if at_work is not None and not asked.json:
        print(f"{at_work.id} is training: the sweep starts when it has ended.", file=sys.stderr)
    bars = Bars(asked.quiet or asked.json)
    try:
        rows = _wait(started, bars)
    except KeyboardInterrupt:
        bars.close()
        print(
            f"convae: {started.name} goes on in the background. `python -m convae queue` lists the "
            "runs that wait and cancels them, `python -m convae stop NAME` stops the one that is "
            "training.",
            file=sys.stderr,
        )
        return 130
    bars.close()
    problems = _problems(started)
    if asked.json:
        runs_of = [_plain(row) | {"problem": problems.get(row.run, "")} for row in rows]
        print(json.dumps({"sweep": started.name, "runs": runs_of}))
    else:
        print(_as_text(rows))
    for name, problem in problems.items():
        print(f"convae: {name} could not be started: {problem}", file=sys.stderr)
    return 0 if all(row.state in ("done", "stopped") for row in rows) else 1


def _problems(started: Sweep) -> dict[str, str]:
    """Why runs could not be started, by name."""
    return {entry.name: entry.problem for entry in started.entries() if entry.problem}


def _wait(started: Sweep, bars: Bars) -> list[SweepRow]:
    """Follow the runs until each has ended, was canceled or could not be started."""
    over = 0
    while True:
        queue.ensure()  # its process may have been killed
        rows, problems = sweep_results.rows(started), _problems(started)
        going = [
            row
            for row in rows
            if not (row.ended or row.state == sweep_results.REMOVED or row.run in problems)
        ]
        # seen twice: a run that is put back into the queue is nowhere for a moment
        over = 0 if going else over + 1
        if over == 2:
            return rows
        for row in going:
            if (run := started.run(row.dimension)) and (status := run.status()).steps:
                bars(status.step, status.steps, f"Training {run.id}")
        time.sleep(POLL_S)


def _plain(row: SweepRow) -> dict[str, str | float | int | None]:
    """A row as JSON has it; decibels are None until measured."""
    return {
        "latent_dim": row.dimension, "run": row.run, "state": row.state, "val_psnr": row.psnr,
        "pca_psnr": row.pca_psnr, "test_psnr": row.test_psnr, "epochs": row.epoch,
        "elapsed_s": row.elapsed_s, "val_noise": row.noise,
    }  # fmt: skip


def _as_text(rows: list[SweepRow]) -> str:
    """The table of the Train page, and how the runs compare with PCA."""
    table = sweep_results.table(rows)
    cells = [list(table[0]), *([_cell(value) for value in row.values()] for row in table)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    ]
    measured = "PSNR and PCA: of the validation images, which all runs share."
    return "\n".join(filter(None, [*lines, measured, sweep_results.sentence(rows)]))


def _cell(value: str | float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def show_queue(asked: argparse.Namespace) -> int:
    """List the runs that wait, in their order, or take some out of the queue."""
    if asked.action == "cancel":
        return _cancel(asked.ids)
    if asked.ids:
        raise RunError(
            "`queue list` takes no names: `queue cancel NAME` takes a run out of the queue."
        )
    queue.ensure()
    waiting, at_work = queue.entries(), runs.active()
    if asked.json:
        print(json.dumps({
            "training": at_work.id if at_work else None,
            "waiting": [
                {
                    "id": entry.id, "name": entry.name, "problem": entry.problem,
                    "latent_dim": entry.config and entry.config.model.latent_dim,
                    "data": entry.config and entry.config.data.spec,
                    "epochs": entry.config and entry.config.epochs,
                }
                for entry in waiting
            ],
        }))  # fmt: skip
        return 0
    if at_work is not None:
        print(f"{at_work.id} is {'paused' if at_work.status().state == 'paused' else 'training'}.")
    if not waiting:
        print("No runs wait in the queue.")
    for entry in waiting:
        config = entry.config
        facts = f"{config.model.latent_dim:>5}  {config.data.spec}" if config else ""
        print(f"{entry.name:24} {facts}" + (f"  {entry.problem}" if entry.problem else ""))
    return 0


def _cancel(ids: list[str]) -> int:
    """Cancel entries by name or id: RunError, and none is canceled, where one is not there."""
    if not ids:
        raise RunError("Name what to cancel: `python -m convae queue` lists the runs that wait.")
    known = {word: entry for entry in queue.entries() for word in (entry.name, entry.id)}
    if absent := [item for item in ids if item not in known]:
        if (at_work := runs.active()) is not None and at_work.id == absent[0]:
            raise RunError(
                f"{at_work.id} is training already: `python -m convae stop {at_work.id}` stops it "
                "and keeps its model."
            )
        raise RunError(
            f"`{absent[0][:80]}` is not in the queue: `python -m convae queue` lists the runs that "
            "wait."
        )
    for entry in {known[item].id: known[item] for item in ids}.values():
        if not queue.cancel(entry.id):
            raise RunError(f"{entry.name} has been started: it is no longer in the queue.")
        print(f"{entry.name} is canceled.")
    return 0


def stop(asked: argparse.Namespace) -> int:
    """Stop a run that is training, in whichever process, and keep its model."""
    run = runs.get(asked.name)
    if not run.locked():
        raise RunError(f"{run.id} is not training: `python -m convae queue` names the run that is.")
    run.stop()
    state = run.status().state
    print(
        f"{run.id} is {'stopping: it ends after the step in progress' if run.locked() else state}."
    )
    return 0


COMMANDS = {"sweep": sweep, "queue": show_queue, "stop": stop}
