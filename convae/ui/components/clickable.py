"""Images that can be clicked: as a list with a bar each, or as a gallery; drawn in the browser."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import streamlit as st

from convae import images as pixels
from convae.ui import pictures

COLUMNS = 10  # of the sheet

CSS = """
.list { font-family: var(--st-font); color: var(--st-text-color); font-size: .82rem; }
.cv-bar, .cv-item { background: none; border: 0; padding: 0; margin: 0; color: inherit;
  font: inherit; text-align: left; border-radius: 5px; }
.cv-bar { --side: 36px; display: grid; width: 100%; margin: 3px 0; gap: .6rem; align-items: center;
  grid-template-columns: 36px minmax(4rem, 6rem) 1fr 3.4rem; }
.gallery { --side: 44px; display: flex; flex-wrap: wrap; gap: 4px; }
button { cursor: pointer; }
button:hover i, button:focus-visible i { outline: 2px solid var(--st-primary-color); }
button:hover span { text-decoration: underline; }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
i { display: block; width: var(--side); height: var(--side); border-radius: 4px;
  image-rendering: pixelated; background-image: var(--sheet);
  background-size: calc(var(--w) * var(--side)) auto;
  background-position: calc(var(--x) * var(--side) * -1) calc(var(--y) * var(--side) * -1);
  box-shadow: 0 0 0 1px rgb(127 135 148 / 25%); }
span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
s { height: 8px; border-radius: 4px; background: rgba(127, 135, 148, .2); }
b { display: block; height: 8px; border-radius: 4px; background: #3b7dd8; }
em { font-style: normal; text-align: right; font-variant-numeric: tabular-nums; opacity: .8; }
"""

JS = """
export default function ({ data, setTriggerValue, parentElement }) {
  const list = parentElement.querySelector('.list');
  list.className = 'list ' + (data.bars ? 'bars' : 'gallery');
  list.style.setProperty('--sheet', `url(${data.sheet})`);
  list.style.setProperty('--w', data.columns);
  const make = (kind, text = '') => {
    const node = document.createElement(kind);
    node.textContent = text;
    return node;
  };
  list.replaceChildren(...data.items.map((item, n) => {
    const live = item.id !== null, row = make(live ? 'button' : 'div');
    row.className = data.bars ? 'cv-bar' : 'cv-item';
    if (live) {
      row.type = 'button';
      row.title = 'image ' + item.id + (item.word ? ': ' + item.word : '');
      row.setAttribute('aria-label', 'Show ' + row.title);
      row.onclick = () => setTriggerValue('chosen', item.id);
    }
    const picture = make('i');
    picture.style.setProperty('--x', n % data.columns);
    picture.style.setProperty('--y', Math.floor(n / data.columns));
    row.append(picture);
    if (data.bars) {
      const bar = make('s'), full = make('b');
      full.style.width = item.share + '%';
      bar.append(full);
      row.append(make('span', item.word), bar, make('em', item.value));
    }
    return row;
  }));
}
"""


@cache
def _component():
    return st.components.v2.component(
        "convae_clickable", html='<div class="list"></div>', css=CSS, js=JS
    )


def bars(
    images: np.ndarray, words: Sequence[str], values: np.ndarray, unit: str = "", *, key: str,
    ids: Sequence[int] | None = None, on_click: Callable[[int], None] | None = None,
) -> None:  # fmt: skip
    """Images uint8 (N, 32, 32, 3) with a word, a bar and a value each; the longest bar fills the
    line. ids: what on_click is given, one for each; without them nothing can be clicked."""
    longest = max(float(np.max(values, initial=0)), 1e-9)
    items = [
        {
            "word": word,
            "value": f"{value:.3g}{unit}",
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


def _draw(images, items, ids, key: str, on_click, bars: bool) -> None:
    if not items:
        return
    columns = min(COLUMNS, len(items))
    sheet = pixels.contact_sheet(np.asarray(images), columns, scale=1, gap=0)
    numbers = [None] * len(items) if ids is None else [int(each) for each in ids]
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

    _component()(data=data, key=key, on_chosen_change=chosen)
