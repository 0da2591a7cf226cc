"""The downloads of the Code length part: a film, the images, the numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from convae import images as pixels
from convae.csv_export import to_csv
from convae.ui import frame


def show(
    original: np.ndarray, strips: Mapping[str, np.ndarray], numbers: Sequence[Mapping[str, float]]
) -> None:
    """Buttons for all three. original: the image, once for each of F lengths, uint8 (F, 32, 32, 3);
    strips: its reconstructions at these lengths by each method, of the same shape."""

    def sheet() -> bytes:
        rows = np.concatenate(list(strips.values()))
        return pixels.png_bytes(pixels.contact_sheet(rows, len(original), 3, 2))

    def film() -> bytes:
        return pixels.gif_bytes(np.concatenate([original, *strips.values()], axis=2), 6, 4)

    with st.container(horizontal=True):
        frame.download("GIF", film, "code-length.gif", "image/gif")
        frame.download("Images (PNG)", sheet, "code-length.png", "image/png")
        frame.download("Numbers (CSV)", lambda: to_csv(numbers), "code-length.csv", "text/csv")
