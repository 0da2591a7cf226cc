"""One slider through the epochs of a run: pinned images and map move in the browser, at once.

The frames of the epochs are sent once each, as they appear; the slider asks the server for nothing
but the chart's cursor.
"""

import base64
import io
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from convae import plots, snapshots
from convae.runs import Run

HTML = """
<div class="tm">
  <div class="bar">
    <button type="button" class="play" aria-label="Play the epochs"></button>
    <input type="range" min="0" max="0" value="0" step="1" aria-label="Epoch">
    <output></output>
  </div>
  <div class="pane"><div class="pairs">
    <span>original</span><canvas class="original" role="img" aria-label="Test images"></canvas>
    <span>rebuilt</span><canvas class="rebuilt" role="img"
      aria-label="The same images, rebuilt at this epoch"></canvas>
    <span class="second">original</span><canvas class="original second" role="img"
      aria-label="More test images"></canvas>
    <span class="second">rebuilt</span><canvas class="rebuilt second" role="img"
      aria-label="The same images, rebuilt at this epoch"></canvas>
  </div>
  <canvas class="map" role="img" aria-label="Map of test codes at this epoch"></canvas></div>
</div>
"""

CSS = """
.tm { font-family: var(--st-font); color: var(--st-text-color); container-type: inline-size; }
.bar { display: grid; grid-template-columns: 40px minmax(0, 1fr) 6.5rem; gap: 10px;
  align-items: center; margin-bottom: 8px; }
.play { height: 32px; border-radius: 8px; border: 1px solid var(--st-border-color);
  background: transparent; color: inherit; cursor: pointer; }
.play::before { content: "\\25B6\\FE0E"; }
.play.on::before { content: "\\275A\\275A"; font-size: .8em; }
input { width: 100%; margin: 0; height: 32px; accent-color: var(--st-primary-color); }
output { font-size: .85rem; text-align: right; font-variant-numeric: tabular-nums; }
.pairs { display: grid; grid-template-columns: 3.4rem minmax(0, 1fr); gap: 4px 8px;
  align-items: center; font-size: .78rem; }
.pairs span { opacity: .75; text-align: right; }
.pairs canvas { width: 100%; max-width: 512px; image-rendering: pixelated; border-radius: 4px; }
.pane { display: grid; grid-template-columns: minmax(0, 8fr) minmax(0, 5fr); gap: 14px;
  align-items: center; }
.map { display: block; width: min(100%, 260px); aspect-ratio: 1; margin: 0 auto; }
@container (max-width: 420px) { .pane { grid-template-columns: minmax(0, 1fr); } }
"""

JS = """
export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".tm"), at = (s) => root.querySelector(s);
  const range = at("input"), told = at("output"), play = at(".play");
  let me = root.me;
  if (!me || me.run !== data.run) {
    if (me) { clearInterval(me.timer); clearTimeout(me.later); }
    me = root.me = { run: data.run, frames: new Map(), follow: true, epoch: 0, drawn: null,
      asked: 0 };
    play.classList.remove("on");
  }
  for (const f of data.frames) {
    const image = new Image();
    const points = Uint8Array.from(atob(f.points), (c) => c.charCodeAt(0));
    me.frames.set(f.epoch, { image, points });
    image.onload = () => { if (me.epoch === f.epoch) show(me.epoch, false); };
    image.src = f.image;
  }
  me.epochs = data.epochs.filter((e) => me.frames.has(e));
  // of two answers that come at once only the second is seen here, and an ask may be lost as well:
  // ask again, later and later, until all frames are here or plainly will not come
  const ask = () => {
    if (me.epochs.length >= me.wanted || me.tries > 4) return;
    setTriggerValue("missing", ++me.asked);
    me.later = setTimeout(ask, 1000 * 2 ** me.tries++);
  };
  me.wanted = data.epochs.length;
  const newest = data.epochs[me.wanted - 1];
  if (me.newest !== newest) {
    me.newest = newest;
    me.tries = 0;
    clearTimeout(me.later);
    ask();
  }
  const map = at(".map"), W = 4 * 32, H = 32;
  const strip = (name, image) => {  // eight images in two lines of four: large enough to see
    if (!image.complete || !image.naturalWidth) return;
    root.querySelectorAll("canvas." + name).forEach((canvas, line) => {
      if (canvas.width !== W || canvas.height !== H) { canvas.width = W; canvas.height = H; }
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, W, H);
      pen.drawImage(image, line * W, 0, W, H, 0, 0, W, H);
      if (canvas.classList.contains("second")) {
        const none = image.naturalWidth <= W;
        canvas.hidden = canvas.previousElementSibling.hidden = none;
      }
    });
  };
  if (!me.original) {
    me.original = new Image();
    me.original.onload = () => strip("original", me.original);
    me.original.src = data.original;
  }
  strip("original", me.original);
  const S = 260;
  const dots = (points) => {
    const scale = window.devicePixelRatio || 1;
    if (map.width !== S * scale) map.width = map.height = S * scale;
    const pen = map.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, S, S);
    for (let i = 0; i < points.length / 2; i++) {
      pen.fillStyle = data.palette[data.labels[i] % data.palette.length];
      pen.globalAlpha = 0.8;
      pen.beginPath();
      const [x, y] = [points[2 * i], points[2 * i + 1]].map((v) => 6 + v / 255 * (S - 12));
      pen.arc(x, y, 2.2, 0, 7);
      pen.fill();
    }
  };
  const glide = (target) => {
    const from = me.drawn && me.drawn.length === target.length ? me.drawn : target;
    const began = performance.now();
    cancelAnimationFrame(me.flight);
    const step = (now) => {
      const t = Math.min(1, (now - began) / 250);
      me.drawn = Float32Array.from(target, (v, i) => from[i] + (v - from[i]) * t);
      dots(me.drawn);
      if (t < 1) me.flight = requestAnimationFrame(step);
    };
    step(began);
  };
  const show = (epoch, move = true) => {
    const frame = me.frames.get(epoch);
    if (!frame) return;
    me.epoch = epoch;
    strip("rebuilt", frame.image);
    if (move) glide(frame.points); else dots(me.drawn || frame.points);
    told.textContent = "epoch " + epoch;
    root.dataset.epoch = epoch;
  };
  const tell = () => {
    clearTimeout(me.wait);
    me.wait = setTimeout(() => setStateValue("epoch", me.follow ? 0 : me.epoch), 150);
  };
  range.max = Math.max(me.epochs.length - 1, 0);
  range.disabled = play.disabled = me.epochs.length < 2;
  if (!me.epochs.length) told.textContent = "";
  else if (me.follow && !play.classList.contains("on")) {
    range.value = range.max;
    if (me.epoch !== me.epochs[me.epochs.length - 1]) show(me.epochs[me.epochs.length - 1]);
  } else {
    const place = me.epochs.indexOf(me.epoch);
    if (place >= 0) range.value = place;
  }
  const go = () => {
    me.follow = +range.value === +range.max;
    show(me.epochs[+range.value]);
    tell();
  };
  const halt = () => { clearInterval(me.timer); play.classList.remove("on"); };
  range.oninput = () => { halt(); go(); };
  play.onclick = () => {
    if (play.classList.contains("on")) { halt(); tell(); return; }
    play.classList.add("on");
    if (+range.value === +range.max) range.value = 0;
    me.follow = false;
    show(me.epochs[+range.value]);
    me.timer = setInterval(() => {
      range.value = +range.value + 1;
      me.follow = +range.value === +range.max;
      show(me.epochs[+range.value]);
      if (me.follow) { halt(); tell(); }
    }, Math.max(120, 4000 / me.epochs.length));
  };
  return () => {
    clearInterval(me.timer);
    cancelAnimationFrame(me.flight);
    clearTimeout(me.wait);
    clearTimeout(me.later);
  };
}
"""


@st.cache_resource(show_spinner=False)
def _machine():
    return st.components.v2.component("convae.time_machine", html=HTML, css=CSS, js=JS)


def _strip(images: np.ndarray) -> str:
    """uint8 (N, 32, 32, 3) side by side, lossless, as a data URI. method=0 takes 0.3 ms and not
    12, for 5 % more bytes."""
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(list(images), axis=1)).save(
        buffer, "WEBP", lossless=True, method=0
    )
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def packed_points(points: np.ndarray) -> str:
    """float32 (N, 2) as two bytes each: the middle is 128, the scale fits 98 % of the points."""
    reach = float(np.quantile(np.abs(points), 0.98)) * 1.15 or 1.0
    cells = (points / reach * 127 + 128).clip(0, 255).astype(np.uint8)
    return base64.b64encode(cells.tobytes()).decode()


@st.cache_data(max_entries=2000, show_spinner=False)
def _frame(folder: str, epoch: int, changed: int) -> dict | None:
    found = snapshots.read(Path(folder), epoch)
    if found is None or not len(found.rebuilt):
        return None
    return {"epoch": epoch, "image": _strip(found.rebuilt), "points": packed_points(found.points)}


@st.cache_data(max_entries=64, show_spinner=False)
def _pinned(folder: str, changed: int) -> dict | None:
    found = snapshots.pinned(Path(folder))
    if found is None:
        return None
    return {"original": _strip(found[0]), "labels": np.asarray(found[1]).astype(int).tolist()}


def time_machine(run: Run, key: str = "train-time") -> int | None:
    """Draw it; returns the epoch one looks back at, None at the latest one."""
    folder = run.path / "snapshots"
    try:
        pinned = _pinned(str(folder), (folder / "pinned.npz").stat().st_mtime_ns)
    except OSError:
        pinned = None
    if pinned is None:
        return None
    epochs = snapshots.kept_epochs(snapshots.epochs(folder))
    sent: dict = st.session_state.setdefault(f"{key}-sent", {})
    mounted = st.session_state.get(key) or {}
    if sent.get("run") != run.id or mounted.get("missing"):
        sent.clear()  # a page that was opened anew has nothing yet
        sent |= {"run": run.id, "epochs": {}}
    stamps = {e: _stamp(folder / f"{e:05d}.npz") for e in epochs}
    new = [e for e in epochs if sent["epochs"].get(e) != stamps[e]]
    frames = [f for e in new if (f := _frame(str(folder), e, stamps[e]))]
    sent["epochs"] = stamps
    found = _machine()(
        key=key,
        data=pinned | {"run": run.id, "epochs": epochs, "frames": frames,
                       "palette": plots.PALETTE},
        default={"epoch": 0},
        on_epoch_change=lambda: None,
        on_missing_change=lambda: None,
    )  # fmt: skip
    return found.epoch or None


def _stamp(path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
