"""A slider that moves through walks in the browser, without server round trips.

All frames are sent once, as one picture. The large frames and the strips are canvases; moving the
slider draws 32x32 pixels of each.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

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
    sentence: Callable[[float], str],
    *,
    loop: bool = False,
    fps: float = 12,
    key: str = "scrubber",
) -> None:
    """Walks of one length, frame by frame: large, beside the nearest real images, and as strips.

    descriptions: a sentence about each walk. real: uint8 (N, 32, 32, 3), what `nearest` indexes.
    sentence: off-manifold percentile -> the text below the frame.
    The frame is kept when the walks change; the arrow keys, Home and End move the slider.
    """
    used = np.unique(np.concatenate([walk.nearest.ravel() for walk in walks.values()]))
    _mount(
        np.concatenate([walk.images for walk in walks.values()]),
        [
            {
                "name": name,
                "description": descriptions.get(name, ""),
                "near": np.searchsorted(used, walk.nearest).tolist(),
                "words": [sentence(value) for value in walk.off_manifold],
            }
            for name, walk in walks.items()
        ],
        key,
        real=_sheet(real[used]),
        help=typicality.HELP,
        loop=loop,
        fps=fps,
    )


class Card(NamedTuple):
    """One large picture that changes with the slider.

    frames: uint8 (F, 32, 32, 3). words: F lines of text, the one below each frame.
    """

    frames: np.ndarray
    words: Sequence[str]


def frame_scrubber(
    cards: Mapping[str, Card],
    rows: Mapping[str, np.ndarray],
    labels: Sequence[str],
    *,
    title: str,
    fps: float = 4,
    key: str,
    address: tuple[str, Sequence[int]] | None = None,
) -> None:
    """A slider over F frames, each with a text of its own: large pictures, their strips, and rows
    of further images that change with it.

    rows: uint8 (F, N, 32, 32, 3), or (N, 32, 32, 3) for one that stays as it is. labels: F texts,
    shown beside the slider. title: the name of the slider. It starts at the last frame.
    address: a query parameter and the number of each frame, ascending. The browser keeps the number
    of the shown frame there, without a rerun, and starts at the frame nearest to it.
    """
    parameter, numbers = address or ("", ())
    count, lines, tiles = len(labels), [], [card.frames for card in cards.values()]
    start = len(cards) * count
    for name, images in rows.items():
        shown = images.shape[-4]
        lines.append(
            {"name": name, "start": start, "step": shown * (images.ndim == 5), "count": shown}
        )
        tiles.append(images.reshape(-1, *images.shape[-3:]))
        start += len(tiles[-1])
    _mount(
        np.concatenate(tiles),
        [
            {"name": name, "description": "", "near": None, "words": list(card.words)}
            for name, card in cards.items()
        ],
        key,
        frames=count,
        rows=lines,
        labels=list(labels),
        title=title,
        start=1.0,
        fps=fps,
        parameter=parameter,
        numbers=list(numbers),
    )


def _mount(images: np.ndarray, walks: list[dict[str, Any]], key: str, **options: Any) -> None:
    """Draw the component. images: the frames of all walks, then those of the rows."""
    data = {
        "frames": len(images) // len(walks),
        "tiles": TILES,
        "columns": COLUMNS,
        "loop": False,
        "fps": 12,
        "sheet": _sheet(images),
        "real": "",
        "walks": walks,
        "rows": [],
        "labels": None,
        "title": "Frame",
        "help": "",
        "start": 0.25,
        "parameter": "",
        "numbers": [],
    }
    component("scrubber")(key=key, data=data | options)


def _sheet(images: np.ndarray) -> str:
    # filled up to whole rows, so that the sheet always has COLUMNS columns
    missing = -len(images) % COLUMNS
    filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)])
    return pictures.data_url(pixels.contact_sheet(filled, COLUMNS, scale=1, gap=0))
