"""Images enlarged without smoothing, aligned and labeled, at any screen width.

Each call sends one PNG sheet at the original resolution, and CSS crops and enlarges it: fewer bytes
than enlarged images, sharp at every width, and captions stay text.
"""

import base64
import hashlib
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from convae import images as pixels
from convae.ui.kept_texts import KeptTexts

URLS_MB = 32  # of data URLs kept in memory; a page shows up to 60 thumbnails
_urls = KeptTexts(URLS_MB * 1_000_000)


def data_url(image: np.ndarray) -> str:
    """uint8 (H, W, 3) -> PNG as a data URL, encoded once for the same pixels."""

    def encode() -> str:
        return (
            "data:image/png;base64,"
            + base64.b64encode(pixels.png_bytes(image, small=False)).decode()
        )

    pixel_bytes = np.ascontiguousarray(image).data
    digest = hashlib.blake2b(pixel_bytes, digest_size=16).digest()
    return _urls.get((image.shape, digest), encode)


def image_rows(
    rows: Mapping[str, np.ndarray],
    captions: Sequence | np.ndarray | None = None,
    unit: str = "",
    *,
    columns: int = 8,
    scale: int = 3,
    below: Mapping[str, Sequence[str]] | None = None,
    numbers: Sequence[int] | np.ndarray | None = None,
) -> None:
    """Rows of images one above the other, aligned: the i-th of each row belong together.

    rows: label -> uint8 (N, 32, 32, 3), all of one length. captions: N numbers (shown with one
    decimal and the unit) or strings. columns: images side by side on a wide screen; half as many
    on a phone. scale: the largest enlargement, 3 means 96 pixels wide. below: label -> N strings
    below the images of that row. numbers: what the N images are called by; without any, by their
    places from 1.
    """
    labels, stacks = list(rows), [np.asarray(images) for images in rows.values()]
    count = len(stacks[0]) if stacks else 0
    if any(len(images) != count for images in stacks):
        lengths = ", ".join(f"{k}: {len(v)}" for k, v in zip(labels, stacks, strict=True))
        raise ValueError(f"rows differ in length ({lengths})")
    if not count:
        st.caption("There are no images to show.")
        return
    columns = max(1, min(columns, count))
    group = math.ceil(columns / 2) if columns > 5 else columns
    sheet = pixels.contact_sheet(_line_by_line(stacks, columns), columns, scale=1, gap=0)
    url = data_url(sheet)
    name = "cv-" + hashlib.sha256(url.encode()).hexdigest()[:12]
    words = _captions(captions, unit, count)
    numbers = range(1, count + 1) if numbers is None else numbers
    under = {label: _captions(texts, "", count) for label, texts in (below or {}).items()}
    lines = []
    for start in range(0, count, columns):
        stop = min(start + columns, count)
        groups = []
        for first in range(start, stop, group):
            places = range(first, min(first + group, stop))
            cells = []
            for row, label in enumerate(labels):
                cells.append(f'<div class="cv-label">{html.escape(label)}</div>')
                cells += [
                    _tile(
                        name, n % columns, start // columns * len(labels) + row, label, numbers[n]
                    )
                    for n in places
                ]
                cells += ["<i></i>"] * (group - len(places))
                if label in under:
                    cells += _caption_cells([under[label][n] for n in places], group)
            if words:
                cells += _caption_cells([words[n] for n in places], len(places))
            groups.append(f'<div class="cv-group">{"".join(cells)}</div>')
        lines.append(f'<div class="cv-line">{"".join(groups)}</div>')
    high = len(lines) * len(labels)
    sizes = f"--n:{columns};--g:{group};--w:{columns};--h:{high};--most:{32 * scale}px"
    st.html(
        f"<style>.{name}{{background-image:url({url})}}</style>"
        f'<div class="cv"><div class="cv-rows" style="{sizes}">{"".join(lines)}</div></div>'
    )


def _caption_cells(words: Sequence[str], count: int) -> list[str]:
    """A row of `count` captions, filled up with empty cells."""
    cells = [f'<div class="cv-caption">{text}</div>' for text in words]
    return ['<div class="cv-label"></div>', *cells, *["<i></i>"] * (count - len(words))]


def _line_by_line(stacks: list[np.ndarray], columns: int) -> np.ndarray:
    """All images in the order of the sheet: line after line, and in each line the rows."""
    parts = []
    for start in range(0, len(stacks[0]), columns):
        for images in stacks:
            part = images[start : start + columns]
            missing = columns - len(part)
            parts.append(np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0))))
    return np.concatenate(parts)


def sheet_png(rows: Sequence[np.ndarray], columns: int = 8, scale: int = 4) -> bytes:
    """The pictures of `image_rows` as one PNG file; rows: uint8 (N, 32, 32, 3) each."""
    columns = max(1, min(columns, len(rows[0])))
    return pixels.png_bytes(
        pixels.contact_sheet(_line_by_line(list(rows), columns), columns, scale)
    )


def _tile(name: str, x: int, y: int, label: str, number: int) -> str:
    name_shown = html.escape(f"{label}, image {number}", quote=True)
    return (
        f'<i class="cv-tile {name}" style="--x:{x};--y:{y}" role="img" aria-label="{name_shown}" '
        f'title="{name_shown}"></i>'
    )


def _captions(captions: Sequence[Any] | None, unit: str, count: int) -> list[str]:
    if captions is None:
        return []
    if len(captions) != count:
        raise ValueError(f"{len(captions)} captions for {count} images")
    return [html.escape(_words(value, unit)) for value in captions]


def _words(value: str | float, unit: str) -> str:
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return "exact" if value > 0 else ""
    return f"{value:.1f} {unit}".strip()


def large_image(image: np.ndarray, caption: str = "", *, side: int = 320, alt: str = "") -> None:
    """One image, uint8 (H, W, 3), enlarged without smoothing to at most `side` pixels wide.

    alt: the text alternative; by default the caption.
    """
    text, alt = html.escape(caption, quote=True), html.escape(alt or caption, quote=True)
    below = f"<figcaption>{text}</figcaption>" if caption else ""
    st.html(f'<div class="cv"><figure>{_img(image, alt, side)}{below}</figure></div>')


def equation(images: Sequence[np.ndarray], signs: Sequence[str], words: Sequence[str]) -> None:
    """Images uint8 (32, 32, 3) with signs between them and a caption below each."""
    parts = []
    for number, (image, word) in enumerate(zip(images, words, strict=True)):
        text = html.escape(word, quote=True)
        parts.append(f"<figure>{_img(image, text, 192)}<figcaption>{text}</figcaption></figure>")
        if number < len(signs):
            parts.append(f'<div class="cv-arrow"><s>{html.escape(signs[number])}</s></div>')
    size = f"--high: min(11rem, {56 / len(images):.0f}cqw)"
    shown = f'<div class="cv-journey" style="{size}">{"".join(parts)}</div>'
    st.html(f'<div class="cv">{shown}</div>')


def _img(image: np.ndarray, alt: str, side: int) -> str:
    return f'<img class="cv-image" style="--side:{side}px" src="{data_url(image)}" alt="{alt}">'


# blue below zero, red above
NEGATIVE, NEUTRAL, POSITIVE = np.array([[33, 102, 172], [247, 247, 247], [178, 24, 43]], float)

# black-body colors: dark means no error, white the largest
HEAT = np.array([[10, 10, 20], [96, 12, 64], [214, 58, 38], [250, 170, 52], [255, 255, 235]], float)


def error_picture(images: np.ndarray, rebuilt: np.ndarray, *, full: float = 0.5) -> np.ndarray:
    """The error of each pixel as a heat map; arguments and result uint8 (N, 32, 32, 3).

    The mean absolute difference of the three channels; `full`, as a share of the pixel range, is
    the brightest color.
    """
    return heat_picture(np.abs(images.astype(np.float32) - rebuilt).mean(axis=3) / 255, full=full)


def heat_picture(values: np.ndarray, *, full: float = 1.0) -> np.ndarray:
    """Values (N, H, W) of at least 0 in colors: uint8 (N, H, W, 3); `full` is the brightest."""
    place = np.clip(values / full, 0, 1) * (len(HEAT) - 1)
    below = np.minimum(place.astype(int), len(HEAT) - 2)
    part = (place - below)[..., None]
    return (HEAT[below] * (1 - part) + HEAT[below + 1] * part).round().astype(np.uint8)
