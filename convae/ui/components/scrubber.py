"""A slider that moves through walks in the browser, without server round trips.

All frames are sent once, as one picture. The large frames and the strips are canvases; moving the
slider draws 32x32 pixels of each.
"""

from collections.abc import Mapping

import numpy as np

from convae import images as pixels
from convae.latent import typicality
from convae.latent.interpolation import Walk
from convae.ui import pictures
from convae.ui.components import component

COLUMNS = 64  # frames side by side on the sheet: browsers limit the width of a picture
TILES = 25  # frames shown on a strip; of a longer walk every n-th


def scrubber(
    walks: Mapping[str, Walk],
    descriptions: Mapping[str, str],
    real: np.ndarray,
    *,
    loop: bool = False,
    fps: float = 12,
    key: str = "scrubber",
) -> None:
    """Walks of one length, frame by frame: large, beside the nearest real images, and as strips.

    descriptions: a sentence about each walk. real: uint8 (N, 32, 32, 3), what `nearest` indexes.
    The frame is kept when the walks change; the arrow keys, Home and End move the slider.
    """
    used = np.unique(np.concatenate([walk.nearest.ravel() for walk in walks.values()]))
    images = np.concatenate([walk.images for walk in walks.values()])
    component("scrubber")(
        key=key,
        data={
            "frames": len(next(iter(walks.values())).images),
            "tiles": TILES,
            "columns": COLUMNS,
            "loop": loop,
            "fps": fps,
            "sheet": _sheet(images),
            "real": _sheet(real[used]),
            "sentence": typicality.SENTENCE,
            "unknown": typicality.UNKNOWN,
            "help": typicality.HELP,
            "walks": [
                {
                    "name": name,
                    "description": descriptions.get(name, ""),
                    "near": np.searchsorted(used, walk.nearest).tolist(),
                    "off": [
                        round(float(value)) if np.isfinite(value) else None
                        for value in walk.off_manifold
                    ],
                }
                for name, walk in walks.items()
            ],
        },
    )


def _sheet(images: np.ndarray) -> str:
    # filled up to whole rows, so that the sheet always has COLUMNS columns
    missing = -len(images) % COLUMNS
    filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)])
    return pictures.data_url(pixels.contact_sheet(filled, COLUMNS, scale=1, gap=0))
