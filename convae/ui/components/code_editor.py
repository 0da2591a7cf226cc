"""A code as a grid of cells that can be dragged, between the image and its reconstruction.

A slider keeps only the first values of the code.

The decoder runs on the server. As soon as the pointer rests on a cell, or it is grabbed, the
browser asks for the frames along its value (`Frames`); dragging then needs no server. A decode for
each step of a drag would wait for a round trip each time, 100 ms and more.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from convae import images as pixels
from convae.ui import pictures
from convae.ui.components import component

REACH, STEP = 3.0, 0.25  # range of a cell on either side and its steps, in standard deviations
CONSTANTS = {
    "REACH": REACH,
    "STEP": STEP,
    "NEGATIVE": tuple(pictures.NEGATIVE.tolist()),
    "NEUTRAL": tuple(pictures.NEUTRAL.tolist()),
    "POSITIVE": tuple(pictures.POSITIVE.tolist()),
}


class Frames(NamedTuple):
    """Reconstructions along one value of a code, the others with their edits.

    images: uint8 (F + 1, 32, 32, 3), one for each of the F values and the cell as it was. psnr:
    F + 1 floats, dB. values: F standardized values.
    """

    cell: int
    edits: Mapping[int, float]
    values: list[float]
    images: np.ndarray
    psnr: list[float]


class Prefixes(NamedTuple):
    """Reconstructions from the first values of a code with its edits.

    images: uint8 (F, 32, 32, 3), one for each length. psnr: F floats, dB.
    """

    edits: Mapping[int, float]
    images: np.ndarray
    psnr: list[float]


def columns_of(latent_dim: int) -> int:
    """Cells side by side: a power of two, so that the grid is square or wider than tall."""
    return 2 ** math.ceil(math.log2(max(1.0, math.sqrt(latent_dim))))


def state(key: str) -> Mapping[str, Any]:
    """What the browser has sent: `edits` and `request`, dicts that name their `token`."""
    return st.session_state.get(key) or {}


def code_editor(
    token: str, image: np.ndarray, code: np.ndarray, edits: Mapping[int, float],
    plain: tuple[np.ndarray, float], current: tuple[np.ndarray, float], frames: Frames | None,
    lengths: list[int], prefixes: Prefixes | None, *, size: int, name: str, scale: str, key: str,
) -> None:  # fmt: skip
    """Draw image, code and reconstruction.

    token: names image and model; with another one the browser drops its edits. image: uint8 (32,
    32, 3). code: standardized float (latent_dim,). plain, current: (reconstruction, PSNR in dB) of
    the code as it was and with the edits. lengths: those of the slider, rising to latent_dim;
    empty: no slider. size: how many numbers determine the image. scale: what one standard
    deviation is.
    """
    data = {
        "token": token,
        "original": pictures.data_url(image),
        "size": f"{size:,} values",
        "name": name,
        "scale": scale,
        "code": np.round(code.astype(float), 4).tolist(),
        "columns": columns_of(len(code)),
        "edits": {str(cell): value for cell, value in edits.items()},
        "plain": pictures.data_url(plain[0]),
        "plainPsnr": plain[1],
        "current": pictures.data_url(current[0]),
        "currentPsnr": current[1],
        "frames": frames and _packed(token, frames),
        "lengths": lengths,
        "prefixes": prefixes
        and {
            "token": token,
            "edits": {str(cell): value for cell, value in sorted(prefixes.edits.items())},
            "sheet": _sheet(prefixes.images),
            "psnr": prefixes.psnr,
        },
    }
    component("code_editor", **CONSTANTS)(
        data=data, key=key, on_edits_change=lambda: None, on_request_change=lambda: None
    )


def _packed(token: str, frames: Frames) -> dict[str, Any]:
    return {
        "token": token,
        "cell": frames.cell,
        "edits": {str(cell): value for cell, value in sorted(frames.edits.items())},
        "values": frames.values,
        "sheet": _sheet(frames.images),
        "psnr": frames.psnr,
    }


def _sheet(images: np.ndarray) -> str:
    """All images uint8 (F, 32, 32, 3) side by side, as a data URL."""
    return pictures.data_url(pixels.contact_sheet(images, len(images), scale=1, gap=0))
