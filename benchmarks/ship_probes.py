"""Write checkpoints/probes.npz: the results of the Features page for the shipped models.

    python -m benchmarks.ship_probes

For every shipped model the three built-in sets, with the number of training and test images that
the page starts with. What the file has of the present weights and images is kept, unless `--anew`;
the rest is computed, in a cache of its own, in some minutes.
"""

import argparse
import os
import tempfile

import numpy as np

from convae import data
from convae.data import ImageSet
from convae.evaluation.pca import pca_for
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint
from convae.tasks import features, probe_results

SETS = ("photos", "digits", "shapes")


def predictions(checkpoint: Checkpoint, train: ImageSet, test: ImageSet) -> dict[str, np.ndarray]:
    """key -> predicted classes (M,) or curve (P, 3) of every probe in every space."""
    given = checkpoint, lambda: pca_for(train), train, test
    results = probe_results.probe_all(*given, silent)
    curves = {
        probe: probe_results.label_curves(probe, *given, results, silent)
        for probe in features.PROBES
    }
    arrays: dict[str, np.ndarray] = {}
    for space in features.SPACES:
        for probe, key in probe_results.keys_of(space, checkpoint, train, test).items():
            arrays[key] = results[space][probe].predicted
            arrays[probe_results.curve_key(key)] = np.array(curves[probe][space])
    return arrays


def silent(*step: object) -> None:
    """Reports no progress."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--anew", action="store_true", help="compute everything again")
    if parser.parse_args().anew:
        probe_results.shipped_path().unlink(missing_ok=True)
    arrays: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {f"CONVAE_{name}_DIR": home for name in ("CACHE", "RUNS")}
        for entry in checkpoints.listing():
            checkpoint = checkpoints.load(str(entry.path)).with_refinement_steps(0)
            for spec in SETS:
                train = data.load(spec, "train").sample(features.TRAINING)
                test = data.load(spec, "test").sample(features.TESTED)
                arrays |= predictions(checkpoint, train, test)
                print(f"{entry.name}, {spec}: {len(arrays)} arrays", flush=True)
        path = probe_results.ship(arrays)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
