"""Clickable images, drawn in the browser: a list with a bar per image, or a gallery."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from convae import images as pixels
from convae.ui import pictures
from convae.ui.components import component

COLUMNS = 10  # images side by side on the sheet


def three_digits(value: float) -> str:
    """7.50, 12.3, 100, and more digits rather than an exponent: 1,234. value: 0 or more."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def bars(
    images: np.ndarray, words: Sequence[str], values: np.ndarray, unit: str = "", *, key: str,
    ids: Sequence[int] | None = None, on_click: Callable[[int], None] | None = None,
) -> None:  # fmt: skip
    """Images uint8 (N, 32, 32, 3) with a word, a bar and a value each; the largest value fills
    the line. ids: one per image, passed to on_click; without them nothing can be clicked."""
    longest = max(float(np.max(values, initial=0)), 1e-9)
    items = [
        {
            "word": word,
            "value": three_digits(float(value)) + unit,
            "share": round(100 * float(value) / longest, 1),
        }
        for word, value in zip(words, values, strict=True)
    ]
    _draw(images, items, ids, key, on_click, bars=True)


def gallery(
    images: np.ndarray, words: Sequence[str], ids: Sequence[int], *, key: str,
    on_click: Callable[[int], None],
) -> None:  # fmt: skip
    """Images uint8 (N, 32, 32, 3) side by side; a click gives on_click its id."""
    _draw(images, [{"word": word} for word in words], ids, key, on_click, bars=False)


def _draw(
    images: np.ndarray,
    items: list[dict[str, Any]],
    ids: Sequence[int] | None,
    key: str,
    on_click: Callable[[int], None] | None,
    bars: bool,
) -> None:
    if not items:
        return
    columns = min(COLUMNS, len(items))
    sheet = pixels.contact_sheet(np.asarray(images), columns, scale=1, gap=0)
    numbers = [None] * len(items) if ids is None else [int(number) for number in ids]
    data = {
        "bars": bars,
        "columns": columns,
        "sheet": pictures.data_url(sheet),
        "items": [item | {"id": number} for item, number in zip(items, numbers, strict=True)],
    }

    def chosen() -> None:
        number = st.session_state[key].get("chosen")
        if on_click is not None and number is not None:
            on_click(int(number))

    component("clickable")(data=data, key=key, on_chosen_change=chosen)
