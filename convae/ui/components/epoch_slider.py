"""A slider through the epochs of a run: its reconstructions and its map at each epoch.

A denoising run shows three rows: noisy, restored from it at this epoch, and clean, with the PSNR of
the first two. The frame of each epoch is sent to the browser once, when it appears. Moving the
slider then needs no server, except for the cursor of the charts.
"""

import base64
import io
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from convae import plots
from convae.evaluation import metrics
from convae.runs import Run, snapshots
from convae.ui.components import component, map_overlay


def _strip(images: np.ndarray) -> str:
    """uint8 (N, 32, 32, 3) side by side, lossless, as a data URI. method=0 takes 0.3 ms
    instead of 12, for 5 % more bytes."""
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(list(images), axis=1)).save(
        buffer, "WEBP", lossless=True, method=0
    )
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def packed_points(points: np.ndarray) -> str:
    """float32 (N, 2) as two bytes a point, in base64: 128 is the origin, and the scale is chosen so
    that 98 % of the points fit."""
    reach = float(np.quantile(np.abs(points), 0.98)) * 1.15 or 1.0
    cells = (points / reach * 127 + 128).clip(0, 255).astype(np.uint8)
    return base64.b64encode(cells.tobytes()).decode()


def _psnr(images: np.ndarray, others: np.ndarray) -> float:
    return round(min(metrics.set_psnr(images, others), metrics.EXACT_DB), 2)


@st.cache_data(max_entries=2000, show_spinner=False)
def _frame(folder: str, epoch: int, changed: int) -> dict | None:
    snapshot = snapshots.read(Path(folder), epoch)
    if snapshot is None or not len(snapshot.rebuilt):
        return None
    frame = {
        "epoch": epoch,
        "image": _strip(snapshot.rebuilt),
        "points": packed_points(snapshot.points),
    }
    pinned = snapshots.pinned(Path(folder))
    if snapshots.noisy(Path(folder)) is not None and pinned[0].shape == snapshot.rebuilt.shape:
        frame["psnr"] = _psnr(pinned[0], snapshot.rebuilt)
    return frame


@st.cache_data(max_entries=64, show_spinner=False)
def _pinned(folder: str, changed: int) -> dict | None:
    pinned = snapshots.pinned(Path(folder))
    if pinned is None:
        return None
    images, labels = pinned[0], np.asarray(pinned[1]).astype(int)
    names = [name[:40] for name in snapshots.class_names(Path(folder))][: labels.max(initial=0) + 1]
    shown = {"original": _strip(images), "labels": labels.tolist(), "names": names}
    noisy = snapshots.noisy(Path(folder))
    if noisy is not None:
        shown |= {"noisy": _strip(noisy), "noisy_psnr": _psnr(images, noisy)}
    return shown


@st.cache_data(max_entries=8, show_spinner=False)
def _sheet(folder: str, changed: int) -> str | None:
    """Thumbnails of all points of the map as a data URI."""
    images = snapshots.mapped(Path(folder))
    if images is None or not len(images):
        return None
    return "data:image/webp;base64," + base64.b64encode(map_overlay.thumbnails(images)).decode()


def epoch_slider(run: Run, key: str = "train-time") -> int | None:
    """Draw the slider; returns the epoch it stands at, None at the latest."""
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
        sent.clear()  # a newly opened page has received nothing yet
        sent |= {"run": run.id, "epochs": {}}
    stamps = {e: _stamp(folder / f"{e:05d}.npz") for e in epochs}
    new = [e for e in epochs if sent["epochs"].get(e) != stamps[e]]
    frames = [f for e in new if (f := _frame(str(folder), e, stamps[e]))]
    sent["epochs"] = stamps
    once = {}  # sent with the first frames, and again when the browser requests frames again
    if frames and not sent.get("sheet"):
        once["sheet"] = _sheet(str(folder), (folder / "pinned.npz").stat().st_mtime_ns)
        sent["sheet"] = True
    state = component("epoch_slider", **map_overlay.SHEET)(
        key=key,
        data=pinned | once | {"run": run.id, "epochs": epochs, "frames": frames,
                       "palette": plots.PALETTE},
        default={"epoch": {}},
        on_epoch_change=lambda: None,
        on_missing_change=lambda: None,
    )  # fmt: skip
    chosen = state.epoch if isinstance(state.epoch, dict) else {}
    epoch = chosen.get("epoch", -1) if chosen.get("run") == run.id else -1
    return epoch if epoch >= 0 else None


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
