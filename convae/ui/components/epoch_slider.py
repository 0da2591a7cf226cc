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

from convae import plots
from convae.runs import Run, snapshots
from convae.ui.components import map_overlay
from convae.ui.components.epoch_slider_view import CSS, HTML, JS


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
    labels = np.asarray(found[1]).astype(int)
    names = [name[:40] for name in snapshots.class_names(Path(folder))][: labels.max(initial=0) + 1]
    return {"original": _strip(found[0]), "labels": labels.tolist(), "names": names}


@st.cache_data(max_entries=8, show_spinner=False)
def _sheet(folder: str, changed: int) -> str | None:
    """Thumbnails of all points of the map as a data URI."""
    images = snapshots.mapped(Path(folder))
    if images is None or not len(images):
        return None
    return "data:image/webp;base64," + base64.b64encode(map_overlay.thumbnails(images)).decode()


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
    once = {}  # with the first frames: it goes again when they are asked for again
    if frames and not sent.get("sheet"):
        once["sheet"] = _sheet(str(folder), (folder / "pinned.npz").stat().st_mtime_ns)
        sent["sheet"] = True
    found = _machine()(
        key=key,
        data=pinned | once | {"run": run.id, "epochs": epochs, "frames": frames,
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
