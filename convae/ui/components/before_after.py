"""Two pictures on top of each other and a slider that uncovers one of them, all in the browser."""

from functools import cache

import numpy as np
import streamlit as st

from convae.ui import pictures

HTML = """
<div class="both">
  <div class="frame"><img class="after" alt=""><img class="before" alt=""><i></i>
    <input type="range" min="0" max="100" value="50" step="1"></div>
  <div class="names"><span class="left"></span><span class="right"></span></div>
</div>
"""

CSS = """
.both { --at: 50%; max-width: 416px; font-family: var(--st-font); color: var(--st-text-color); }
.frame { position: relative; aspect-ratio: 1; border-radius: 6px; overflow: hidden; }
img { position: absolute; inset: 0; width: 100%; height: 100%; image-rendering: pixelated; }
.before { clip-path: inset(0 calc(100% - var(--at)) 0 0); }
i { position: absolute; top: 0; bottom: 0; left: var(--at); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
i::after { content: "\\2194\\FE0E"; position: absolute; top: 50%; left: 50%;
  transform: translate(-50%, -50%); padding: 7px 8px; border-radius: 99px; background: #fff;
  color: #333; font: 16px/1 sans-serif; }
input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: ew-resize; touch-action: pan-y; }
.frame:focus-within { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.names { display: flex; justify-content: space-between; gap: 1rem; font-size: .85rem;
  opacity: .8; margin-top: .4rem; }
"""

JS = """
export default function ({ data, parentElement }) {
  const at = (selector) => parentElement.querySelector(selector);
  for (const side of ["before", "after"]) {
    at("." + side).src = data[side];
    at("." + side).alt = data.names[side];
  }
  at(".left").textContent = data.names.before;
  at(".right").textContent = data.names.after;
  const slider = at("input");
  slider.setAttribute("aria-label", `${data.names.before} or ${data.names.after}`);
  const move = () => at(".both").style.setProperty("--at", slider.value + "%");
  slider.oninput = move;
  move();
}
"""


@cache
def _component():
    return st.components.v2.component("convae_before_after", html=HTML, css=CSS, js=JS)


def before_after(before: np.ndarray, after: np.ndarray, names: tuple[str, str], *, key: str):
    """A slider between two images, uint8 (32, 32, 3) each; names stand below, left and right."""
    _component()(
        data={
            "before": pictures.data_url(before),
            "after": pictures.data_url(after),
            "names": {"before": names[0], "after": names[1]},
        },
        key=key,
    )
