"""The commands evaluate, download, list, map and export of the command line."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from convae import files, runs
from convae.errors import ConvaeError, RunError
from convae.progress import Bars
from convae.projection import maps
from convae.projection.maps import Settings
from convae.wording import counted

if TYPE_CHECKING:
    from convae.models.checkpoints import Checkpoint


def image_set(asked: argparse.Namespace, checkpoint: "Checkpoint", few: bool = False) -> str:
    """The set that --data names, else the training images of the model, else a set in their place,
    with a note on stderr; few: a few images are enough."""
    from convae.models import default_set

    if asked.data:
        return asked.data
    spec, note = default_set.default_set(checkpoint.card, few)
    if note:
        print(f"convae: {note}", file=sys.stderr)
    return spec


def evaluate(asked: argparse.Namespace) -> int:
    from convae import data
    from convae.evaluation import compare, shipped_pca
    from convae.models import checkpoints

    if asked.limit < 0:
        raise ConvaeError(f"`--limit` (={asked.limit}) must be 0 (all images) or more.")
    checkpoint = checkpoints.load(asked.checkpoint)
    if asked.refinement_steps is not None:
        checkpoint = checkpoint.with_refinement_steps(asked.refinement_steps)
    keep = list(dict.fromkeys(asked.keep))
    compare.check_lengths(checkpoint, keep)
    beside = [checkpoints.load(name) for name in asked.beside]
    spec = image_set(asked, checkpoint, few=True)
    fit_spec = asked.fit_data or spec
    data.check_spec(fit_spec)
    with Bars(asked.json) as bars:
        test = data.load(spec, "test", bars)
        fitted_on = shipped_pca.fit_images(fit_spec, bars)
        if asked.limit:
            test = test.sample(asked.limit)
        result = compare.evaluate(checkpoint, test, fitted_on, asked.bits, beside, keep)
    print(json.dumps(result) if asked.json else compare.as_text(result))
    return 0


def download(asked: argparse.Namespace) -> int:
    from convae import data

    with Bars(asked.quiet) as bars:
        path = data.download_cifar10(bars)
    print(f"CIFAR-10 is ready in {path}.")
    return 0


def list_all(asked: argparse.Namespace) -> int:
    from convae.models import checkpoints

    entries, damaged = checkpoints.survey()
    rows = [
        {
            "name": entry.name, "kind": "checkpoint", "path": str(entry.path),
            "architecture": entry.config.model.architecture,
            "latent_dim": entry.config.model.latent_dim, "data": entry.config.data.spec,
            "state": "done", "metrics": entry.card.metrics,
        }
        for entry in entries
    ]  # fmt: skip
    available = {row["name"]: row for row in rows}
    for run in runs.listing():
        try:
            config = run.config()
        except RunError:
            continue
        row = available.setdefault(run.id, {
            "name": run.id, "kind": "run", "path": str(run.path),
            "architecture": config.model.architecture, "latent_dim": config.model.latent_dim,
            "data": config.data.spec, "metrics": None,
        })  # fmt: skip
        row |= {"kind": "run", "state": run.status().state}
    for name, reason in damaged.items():
        kind = "run" if (runs.root() / name).is_dir() else "checkpoint"
        row = available.setdefault(name, {"name": name, "kind": kind, "metrics": None})
        row |= {"state": "damaged", "reason": reason}
    if asked.json:
        print(json.dumps(list(available.values())))
        return 0
    if not available:
        print("No checkpoints or runs yet. `python -m convae train --data shapes` trains one.")
    for reason in damaged.values():
        print(f"convae: {reason}", file=sys.stderr)
    for row in available.values():
        test = (row["metrics"] or {}).get("test") or {}
        psnr = f"{test['psnr']:.2f} dB" if test.get("psnr") else "-"
        print(
            f"{row['name']:24} {row['kind']:10} {row['state']:10} "
            f"{row.get('architecture', '-'):9}{row.get('latent_dim', '-'):>5}  {psnr:>9}  "
            f"{row.get('data', '-')}"
        )
    return 0


def compute_map(asked: argparse.Namespace) -> int:
    from convae.models import checkpoints

    given = {f.name: getattr(asked, f.name) for f in maps.UMAP_FIELDS}
    chosen = maps.Settings("UMAP", **{k: v for k, v in given.items() if v is not None})
    checkpoint = checkpoints.load(asked.checkpoint)
    spec = image_set(asked, checkpoint)
    with Bars(asked.quiet) as bars:
        folder = checkpoints.find(asked.checkpoint) / "maps"
        path, count = store_map(checkpoint, spec, chosen, folder, bars)
    print(f"{path}: {counted(count, 'test image')} of {spec}, {path.stat().st_size / 1000:.0f} kB")
    return 0


def export(asked: argparse.Namespace) -> int:
    from convae.models import bundle

    target = Path(asked.to or f"{Path(asked.checkpoint).name}.zip")
    if os.path.lexists(target) and not target.is_file():
        raise ConvaeError(f"{target} is not a regular file: give --to the name of a file.")
    packed = bundle.export(asked.checkpoint)
    files.write_atomically(target, packed)
    print(f"{target}: {len(packed) / 2**20:.1f} MB")
    return 0


def store_map(
    model: "Checkpoint",
    spec: str,
    settings: Settings,
    folder: Path,
    report: Callable[[int, int | None, str], None],
) -> tuple[Path, int]:
    """Compute the map of a checkpoint's codes of the test split of `spec` and store it in a folder.
    Returns the file and the number of images.

    report(done, total, what) is called for progress.
    """
    from convae import data

    images = data.load(spec, "test", report).sample(maps.LIMIT)
    maps.check_umap(len(images), settings)
    name = maps.key(model.sha256, images.fingerprint, settings)
    mapper = maps.fit_umap(
        model.encode(images.images),
        settings,
        lambda share, stage: report(round(100 * share), 100, stage),
    )
    return maps.save(folder, name, mapper.embedding_), len(images)


COMMANDS = {
    "evaluate": evaluate,
    "map": compute_map,
    "download": download,
    "list": list_all,
    "export": export,
}
