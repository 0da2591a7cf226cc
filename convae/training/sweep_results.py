"""What the runs of a sweep reached: PSNR over latent dimension, with PCA beside it.

Both are measured on the validation images of the run, which all runs of a sweep share. No torch.
"""

from typing import NamedTuple

from convae import records
from convae.errors import ConvaeError
from convae.models.card import Card
from convae.runs import queue
from convae.runs.sweep import Sweep
from convae.training import reference_levels

QUEUED, REMOVED = "queued", "removed"


class SweepRow(NamedTuple):
    """One latent dimension. psnr: best validation PSNR so far, pca_psnr: of PCA with as many
    values, or all that its images span, on the same images; test_psnr: on the test images; all in
    dB, None until measured. state: QUEUED, REMOVED (canceled or deleted), or that of the run.
    noise: standard deviation of the noise on the validation input."""

    dimension: int
    run: str
    state: str
    psnr: float | None = None
    pca_psnr: float | None = None
    test_psnr: float | None = None
    epoch: int = 0
    elapsed_s: float = 0.0
    noise: float = 0.0
    ended: bool = False


def rows(sweep: Sweep) -> list[SweepRow]:
    """One row per latent dimension, ascending."""
    waiting = {entry.name for entry in sweep.entries()} | set(queue.starting())
    return [_row(sweep, dimension, waiting) for dimension in sweep.dimensions]


def _row(sweep: Sweep, dimension: int, waiting: set[str]) -> SweepRow:
    name, run = sweep.run_name(dimension), sweep.run(dimension)
    if run is None:
        return SweepRow(dimension, name, QUEUED if name in waiting else REMOVED)
    status, history = run.status(), run.history()
    compared = records.comparable(history)
    try:
        test = Card.read(run.path).test.get("psnr")
    except ConvaeError:  # no epoch is saved yet
        test = None
    return SweepRow(
        dimension, name, status.state,
        max((row["val_psnr"] for row in compared), default=None),
        reference_levels.pca_psnr(run.path),
        records.value(test, float), len(history), history[-1]["elapsed_s"] if history else 0.0,
        records.val_noise(history), not status.alive,
    )  # fmt: skip


def sentence(found: list[SweepRow]) -> str:
    """How the ended runs compare with PCA; "" where none can be compared."""
    ended = [
        row for row in found if row.ended and row.psnr is not None and row.pca_psnr is not None
    ]
    if not ended:
        return ""
    above = [row for row in ended if row.psnr > row.pca_psnr]
    if len(above) == len(ended):
        least = min(row.psnr - row.pca_psnr for row in ended)
        return f"Above PCA at every latent dimension measured, {_by(least)}."
    if not above:
        least = min(row.pca_psnr - row.psnr for row in ended)
        return (
            f"Below PCA at every latent dimension measured, {_by(least)}: more "
            "epochs or a larger network may help."
        )
    return f"Above PCA at {', '.join(f'{row.dimension:,}' for row in above)}, not at the others."


def _by(least: float) -> str:
    if least < 0.005:
        return "at one of them by less than 0.01 dB"
    return f"by at least {least:.2f} dB"


def table(found: list[SweepRow]) -> list[dict[str, str | float | int | None]]:
    """The rows with a title for each column, for a table or a CSV file."""
    noise = next((row.noise for row in found if row.noise), 0.0)
    title = records.psnr_title(noise)
    return [
        {
            "Latent dimension": row.dimension,
            "Run": row.run,
            "State": row.state,
            f"{title} (dB)": row.psnr,
            "PCA (dB)": row.pca_psnr,
            "Test PSNR (dB)": row.test_psnr,
            "Epochs": row.epoch or None,
            "Time (s)": round(row.elapsed_s, 1) or None,
        }
        for row in found
    ]
