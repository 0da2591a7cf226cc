"""A slider that moves through walks in the browser: no question to the server, so it is smooth.

All frames come once, as one picture. The large frames and the strips are canvases; moving the
slider draws 32x32 pixels of each.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import streamlit as st

from convae import images as pixels
from convae.latent import typicality
from convae.latent.interpolation import Walk
from convae.ui import pictures

COLUMNS = 64  # frames side by side on the sheet: no browser takes pictures of any width
TILES = 25  # frames shown on a strip; of a longer walk every so manieth

HTML = """
<div class="scrubber">
  <div class="cards"></div>
  <div class="bar">
    <button type="button" class="play" aria-label="Play"></button>
    <div class="track"><input type="range" min="0" step="1" aria-label="Frame"></div>
    <output></output>
  </div>
  <div class="strips"></div>
</div>
"""

CSS = """
.scrubber { container-type: inline-size; font-family: var(--st-font);
  color: var(--st-text-color); --label: 6.5rem; --end: 5.5rem; }
canvas { image-rendering: pixelated; display: block; }
.cards { display: grid; gap: 14px; justify-content: start;
  grid-template-columns: repeat(var(--cards), minmax(0, 224px)); }
.card { min-width: 0; }
.card > canvas { width: 100%; aspect-ratio: 1; border-radius: 6px; }
.name { font-weight: 600; font-size: .9rem; margin: 0 0 .3rem; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.near { display: flex; gap: 4px; align-items: center; margin-top: 6px; font-size: .75rem; }
.near span { opacity: .75; line-height: 1.15; margin-right: auto; }
.near canvas { width: 40px; height: 40px; border-radius: 3px; }
.off { font-size: .75rem; opacity: .75; margin-top: 4px; line-height: 1.25; min-height: 2.5em;
  font-variant-numeric: tabular-nums; }
.bar, .strip { display: grid; grid-template-columns: var(--label) minmax(0, 1fr) var(--end);
  align-items: center; gap: 0 10px; }
.bar { margin: 10px 0 4px; }
.play { justify-self: end; width: 40px; height: 32px; border-radius: var(--st-button-radius, 8px);
  border: 1px solid var(--st-border-color); background: transparent; color: inherit; font: inherit;
  cursor: pointer; }
.play::before { content: "\\25B6\\FE0E"; }
.play.on::before { content: "\\275A\\275A"; font-size: .8em; }
.track { --half: calc(100% / var(--tiles) / 2); }
.track input { --thumb: 16px; display: block; margin: 0 calc(var(--half) - var(--thumb) / 2);
  width: calc(100% - 2 * var(--half) + var(--thumb)); height: 32px; cursor: pointer;
  accent-color: var(--st-primary-color); box-sizing: border-box; }
output { font-size: .8rem; opacity: .75; font-variant-numeric: tabular-nums; white-space: nowrap; }
.strip { margin-bottom: 4px; }
.strip .label { font-size: .75rem; opacity: .75; text-align: right; line-height: 1.15; }
.film { position: relative; cursor: pointer; touch-action: pan-y; }
.film canvas { width: 100%; max-height: 64px; height: auto; border-radius: 4px; }
.film i { position: absolute; top: -2px; bottom: -2px; width: calc(100% / var(--tiles));
  transform: translateX(-50%); border: 2px solid var(--st-primary-color); border-radius: 4px;
  box-sizing: border-box; pointer-events: none; min-width: 6px; }
@container (max-width: 640px) {
  .cards { grid-template-columns: repeat(var(--few), minmax(0, 1fr)); gap: 12px 10px; }
  .bar { grid-template-columns: auto minmax(0, 1fr) auto; }
  .strip { grid-template-columns: minmax(0, 1fr); }
  .strip .label { text-align: left; margin-top: 4px; }
  .near canvas { width: 30px; height: 30px; }
}
"""

JS = """
const S = 32;
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".scrubber");
  const at = (selector) => root.querySelector(selector);
  const kept = (root.kept ??= { share: 0.25, timer: 0 });
  const range = at("input"), play = at(".play"), told = at("output");
  const { frames, walks, columns } = data;
  const tiles = Math.min(frames, data.tiles);
  let ready = false, frame = Math.round(kept.share * (frames - 1));

  root.style.setProperty("--cards", walks.length);
  root.style.setProperty("--few", Math.min(2, walks.length));
  root.style.setProperty("--tiles", tiles);
  const make = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const canvas = (wide) => {
    const node = make("canvas");
    node.width = wide * S; node.height = S;
    return node;
  };
  const draw = (target, sheet, wide, place, column) =>
    target.getContext("2d").drawImage(sheet, place % wide * S, Math.floor(place / wide) * S, S, S,
      column * S, 0, S, S);

  const cards = walks.map((walk) => {
    const card = make("div", "card"), large = canvas(1), near = make("div", "near");
    large.setAttribute("role", "img");
    large.className = "large";
    const off = make("div", "off");
    off.title = data.help;
    const beside = Array.from({ length: walk.near[0].length }, () => canvas(1));
    beside.forEach((node) => node.setAttribute("aria-hidden", "true"));
    near.append(make("span", "", "nearest real images"), ...beside);
    card.append(make("p", "name", walk.name), large, near, off);
    card.title = walk.told;
    return { walk, card, large, beside, off };
  });
  const strips = walks.map((walk) => {
    const strip = make("div", "strip"), film = make("div", "film"), mark = make("i");
    const picture = canvas(tiles);
    picture.setAttribute("aria-hidden", "true");
    film.append(picture, mark);
    strip.append(make("div", "label", walk.name), film);
    const point = (event) => {
      const box = picture.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width * tiles - 0.5) / (tiles - 1);
      pause();
      show(Math.round(Math.min(1, Math.max(0, share)) * (frames - 1)));
    };
    film.onpointerdown = (event) => { film.setPointerCapture(event.pointerId); point(event); };
    film.onpointermove = (event) => { if (event.buttons) point(event); };
    return { strip, picture, mark };
  });

  const show = (number) => {
    frame = number;
    kept.share = frames > 1 ? frame / (frames - 1) : 0;
    range.value = frame;
    told.textContent = `${frame + 1} of ${frames}`;
    range.setAttribute("aria-valuetext", `frame ${frame + 1} of ${frames}`);
    const left = (kept.share * (tiles - 1) + 0.5) / tiles * 100;
    strips.forEach(({ mark }) => { mark.style.left = `${left}%`; });
    if (!ready) return;
    cards.forEach(({ walk, large, beside, off }, row) => {
      draw(large, sheet, columns, row * frames + frame, 0);
      beside.forEach((node, i) => draw(node, real, columns, walk.near[frame][i], 0));
      const share = walk.off[frame];  // null: too few real codes
      off.textContent = share === null ? data.unknown : data.sentence.replace("{}", share);
      large.setAttribute("aria-label", `${walk.name}, frame ${frame + 1}`);
    });
    root.dataset.frame = frame;
  };
  const pause = () => {
    clearInterval(kept.timer);
    kept.timer = 0;
    play.classList.remove("on");
    play.setAttribute("aria-label", "Play");
  };
  const start = () => {
    let step = 1;
    play.classList.add("on");
    play.setAttribute("aria-label", "Pause");
    kept.timer = setInterval(() => {
      if (data.loop) return show((frame + 1) % frames);
      if (frame + step < 0 || frame + step >= frames) step = -step;
      show(frame + step);
    }, 1000 / data.fps);
  };
  const playing = kept.timer !== 0;
  pause();
  play.onclick = () => (kept.timer ? pause() : start());
  range.max = frames - 1;
  range.oninput = () => { pause(); show(Number(range.value)); };

  const sheet = new Image(), real = new Image();
  let gone = false;
  sheet.src = data.sheet; real.src = data.real;
  Promise.all([sheet.decode(), real.decode()]).then(() => {
    if (gone) return;
    ready = true;
    strips.forEach(({ picture }, row) => {
      for (let i = 0; i < tiles; i++) {
        const number = Math.round(i * (frames - 1) / Math.max(1, tiles - 1));
        draw(picture, sheet, columns, row * frames + number, i);
      }
    });
    at(".cards").replaceChildren(...cards.map(({ card }) => card));
    at(".strips").replaceChildren(...strips.map(({ strip }) => strip));
    show(frame);
    if (playing) start();
  });
  return () => { gone = true; clearInterval(kept.timer); };
}
"""


@cache
def _component():
    return st.components.v2.component("convae_scrubber", html=HTML, css=CSS, js=JS)


def scrubber(
    walks: Mapping[str, Walk],
    told: Mapping[str, str],
    real: np.ndarray,
    *,
    loop: bool = False,
    fps: float = 12,
    key: str = "scrubber",
) -> None:
    """Walks of one length, frame by frame: large, beside the nearest real images, and as strips.

    told: what each walk is, in a sentence. real: uint8 (N, 32, 32, 3), what `nearest` counts in.
    The frame is kept when the walks change; the arrow keys, Home and End move the slider.
    """
    used = np.unique(np.concatenate([walk.nearest.ravel() for walk in walks.values()]))
    images = np.concatenate([walk.images for walk in walks.values()])
    _component()(
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
                    "told": told.get(name, ""),
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
