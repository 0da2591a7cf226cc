"""The parameters of the classical denoising filters, tuned once and kept in the package.

    python -m benchmarks.tune_filters --data npz:data/cifar10-lossless.npz \\
        --fit-data folder:data/cifar10-jpeg

For every corruption and each strength of its curve: the parameters with the lowest mean squared
error on a sample of the training split of --data. Written to convae/tasks/tuned_filters.json.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable

from convae import data
from convae.data.corruptions import CORRUPTIONS, corrupt
from convae.evaluation.metrics import set_psnr
from convae.evaluation.pca import pca_for
from convae.tasks import filters

COARSE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0)
FINE = (0.8, 0.9, 1.0, 1.1, 1.25)
NOISE = (0.0, 0.35, 0.7, 1.0, 1.3)
PATCHES = (3, 5)
SIZES = (3, 5)

# parameters -> PSNR (dB)
Score = Callable[..., float]


def line_search(score: Score, name: str, scale: float, grid, **fixed) -> tuple[float, float]:
    """(PSNR, value) of the best value of one parameter: of scale x grid, then of a finer grid."""
    tried = [(score(**{name: scale * step}, **fixed), scale * step) for step in grid]
    best = max(tried)
    return max(best, *((score(**{name: best[1] * step}, **fixed), best[1] * step) for step in FINE))


def tuned(method: str, score: Score, rms: float) -> dict[str, float]:
    """The best parameters of a method; rms: of the damage, in [0, 1], sets the grid."""
    if method == "median":
        return {"size": max(SIZES, key=lambda size: score(size=size))}
    if method == "nl_means":
        found = []
        for patch in PATCHES:
            _, h = line_search(score, "h", rms, COARSE[::2], sigma=rms, patch=patch)
            tried = [(score(h=h, sigma=rms * n, patch=patch), rms * n) for n in NOISE]
            sigma = max(tried)[1]
            psnr, h = line_search(score, "h", rms, COARSE, sigma=sigma, patch=patch)
            found.append((psnr, {"h": h, "sigma": sigma, "patch": patch}))
        return max(found, key=lambda item: item[0])[1]
    name = "weight" if method == "tv" else "sigma"
    return {name: line_search(score, name, rms, COARSE)[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="tuned on its training split")
    parser.add_argument("--fit-data", required=True, help="PCA is fitted on its training split")
    parser.add_argument("--count", type=int, default=60, help="images; default: 60")
    asked = parser.parse_args()
    images = data.load(asked.data, "train").sample(asked.count).images
    pca = pca_for(data.load(asked.fit_data, "train"))
    names = [filters.PCA_WIENER, *filters.FILTERS]
    found: dict[str, dict] = {}
    for kind, corruption in CORRUPTIONS.items():
        found[kind] = {name: {"strength": list(corruption.curve)} for name in names}
        for strength in corruption.curve:
            damaged = corrupt(images, kind, strength, seed=1)
            psnr = set_psnr(images, damaged)
            shown = [f"{kind} {strength:g}: {psnr:.2f} dB"]
            for name in names:

                def score(name=name, damaged=damaged, **parameters) -> float:
                    if name == filters.PCA_WIENER:
                        restored = filters.wiener(damaged, pca, **parameters)
                    else:
                        restored = filters.filtered(damaged, name, **parameters)
                    return set_psnr(images, restored)

                best = tuned(name, score, 10 ** (-psnr / 20))
                shown.append(f"{name} {score(**best):.2f}")
                for parameter, value in best.items():
                    value = value if isinstance(value, int) else float(f"{value:.4g}")
                    found[kind][name].setdefault(parameter, []).append(value)
            print(", ".join(shown), flush=True)
    kept = {
        "command": "python -m benchmarks.tune_filters " + " ".join(sys.argv[1:]),
        "images": f"{len(images)} of the training split of {asked.data}",
        "parameters": found,
    }
    # each list in one line
    text = re.sub(
        r"\[[^][]*\]", lambda found: " ".join(found[0].split()), json.dumps(kept, indent=1)
    )
    filters.TUNED.write_text(text + "\n")


if __name__ == "__main__":
    main()
