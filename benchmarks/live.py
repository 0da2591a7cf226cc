"""What watching costs: `python -m benchmarks.live` prints four figures as JSON (2 minutes).

cpu_percent     server CPU, in percent of one core, with a run of 500 epochs under way on the page
missing_frames  animation frames without a drawn chart over ten refreshes, for Vega and for Plotly
replaced        how often the chart's node was made anew over these refreshes
reconstruct_s   median and 95th percentile of 20 visits to Reconstruct while a training uses all
                cores (`--visits 0` leaves it out)
Needs Chromium and playwright. Folders of its own; nothing of yours is read.
"""

import argparse
import fcntl
import json
import math
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.support.browsing import browsing, serving, settle

SIDE_BY_SIDE = """
import time
import plotly.graph_objects as go
import pyarrow as pa
import streamlit as st
from convae import live_chart, plots

def history(count):
    return [{"epoch": e, "step": e, "elapsed_s": e, "val_psnr": 15 + e ** .3, "train_loss": 1 / e,
             "val_loss": 1 / e} for e in range(1, count)]

def tick():
    rows = history(490 + int(time.time()) % 100)
    st.vega_lite_chart(pa.table(live_chart.table(rows)), live_chart.spec(), key="vega")
    st.plotly_chart(plots.compare_runs({"run": rows}), key="plotly")

st.title("Side by side")
st.fragment(tick, run_every=1)()
"""
WATCH = """([selector, drawn]) => {
  const seen = window.seen ??= {};
  const mine = seen[selector] = { frames: 0, missing: 0, replaced: 0, node: null };
  const look = () => {
    const node = document.querySelector(selector + " " + drawn);
    mine.frames += 1;
    if (!node || !node.getBoundingClientRect().width) mine.missing += 1;
    if (node && mine.node && node !== mine.node) mine.replaced += 1;
    mine.node = node || mine.node;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def cpu_s(server) -> float:
    """User and system time of the server so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(epoch: int) -> str:
    values = {"epoch": epoch, "step": 40 * epoch, "train_loss": 0.1 / epoch,
              "val_loss": 0.1 / epoch, "val_psnr": 15 + math.log(epoch), "learning_rate": 1e-3,
              "images_per_s": 2000.0, "elapsed_s": 2.0 * epoch, "memory_mb": 900.0}  # fmt: skip
    return json.dumps(values) + "\n"


def pretend_run(epochs: int):
    """A run folder that looks as if it were at work; the caller holds its lock."""
    from convae import files, runs
    from convae.flat_config import from_flat
    from convae.runs import snapshots
    from convae.training import reference_levels

    run = runs.claim(from_flat({"epochs": 2000, "latent_dim": 16}), "busy")
    (run.path / "history.jsonl").write_text("".join(map(row, range(1, epochs + 1))))
    reference_levels.write(run.path, {"PCA, 16 values": {"psnr": 18.0, "loss": 0.01}})
    status = {"state": "running", "epoch": epochs, "epochs": 2000, "step": 40 * epochs,
            "steps": 80_000, "remaining_s": 600.0, "learning_rate": 1e-3}  # fmt: skip
    files.write_atomically(run.path / "status.json", json.dumps(status).encode())
    rng = np.random.default_rng(0)
    folder = run.path / "snapshots"
    images = rng.integers(0, 256, (500, 32, 32, 3), np.uint8)
    snapshots.Recorder(folder, images, np.arange(500) % 10)
    points = rng.normal(size=(500, 2)).astype(np.float32)
    for epoch in range(1, epochs + 1):
        np.savez(folder / f"{epoch:05d}.npz", rebuilt=images[:8], points=points)
    return run


def refresh_cost(browser, seconds: float) -> dict:
    """The server's CPU while a run of 500 epochs is watched, an epoch a second."""
    run = pretend_run(500)
    with open(run.path / "lock") as lock, serving({}) as server:
        fcntl.flock(lock, fcntl.LOCK_EX)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(server.address + "/train")
        settle(page)
        page.wait_for_selector('[data-testid="stVegaLiteChart"] :is(canvas, svg)')
        time.sleep(5)
        page.evaluate(WATCH, ['[data-testid="stVegaLiteChart"]', ":is(canvas, svg)"])
        found = {}
        for name, per_epoch_s in (("an_epoch_a_second", 1.0), ("between_epochs", math.inf)):
            began, before, epoch, last = time.monotonic(), cpu_s(server), 500, time.monotonic()
            while time.monotonic() - began < seconds:
                time.sleep(0.1)
                if time.monotonic() - last >= per_epoch_s:
                    epoch, last = epoch + 1, time.monotonic()
                    shutil.copy(run.path / "snapshots" / "00500.npz",
                                run.path / "snapshots" / f"{epoch:05d}.npz")  # fmt: skip
                    with open(run.path / "history.jsonl", "a") as file:
                        file.write(row(epoch))
            share = (cpu_s(server) - before) / (time.monotonic() - began)
            found[name] = round(100 * share, 1)
        seen = page.evaluate("window.seen")['[data-testid="stVegaLiteChart"]']
        page.close()
    shutil.rmtree(run.path)
    return {"cpu_percent": found, "page": {k: seen[k] for k in ("frames", "missing", "replaced")}}


def flicker(browser, home: Path) -> dict:
    """Frames without a chart over ten refreshes, Vega and Plotly on one page."""
    script = home / "side_by_side.py"
    script.write_text(SIDE_BY_SIDE)
    charts = {"vega": ('[data-testid="stVegaLiteChart"]', ":is(canvas, svg)"),
              "plotly": ('[data-testid="stPlotlyChart"]', ".main-svg")}  # fmt: skip
    with serving({}, script) as server:
        page = browser.new_page()
        page.goto(server.address)
        for selector, drawn in charts.values():
            page.wait_for_selector(f"{selector} {drawn}", timeout=120_000)
        time.sleep(3)
        for pair in charts.values():
            page.evaluate(WATCH, list(pair))
        time.sleep(10.5)
        seen = page.evaluate("window.seen")
        page.close()
    return {
        name: {k: seen[selector][k] for k in ("frames", "missing", "replaced")}
        for name, (selector, _) in charts.items()
    }


def visits(browser, count: int) -> dict:
    """Seconds from the address to the drawn Reconstruct page, a training on all cores beside it."""
    from convae import runs
    from convae.flat_config import from_flat
    from convae.training.session import TrainingSession

    settings = {"spec": "shapes", "architecture": "strided", "latent_dim": 16,
                "base_channels": 16}  # fmt: skip
    small = runs.claim(from_flat(settings | {"limit": 200, "epochs": 1}), "small")
    with runs.working_on(small):
        TrainingSession(small).execute()
    with serving({}) as server:
        page = browser.new_page()
        page.set_default_timeout(120_000)

        def visit() -> float:
            began = time.monotonic()
            page.goto(server.address + "/reconstruct?model=small")
            page.wait_for_selector(".cv-tile")
            settle(page)
            return time.monotonic() - began

        idle = [visit() for _ in range(4)][1:]
        busy = runs.start(from_flat(settings | {"epochs": 9999}), "busy-two")
        try:
            while busy.status().step < 5:
                time.sleep(0.2)
            times = [visit() for _ in range(count)]
        finally:
            busy.stop()
        page.close()
    return {"idle_median": round(float(np.median(idle)), 2),
            "median": round(float(np.median(times)), 2),
            "p95": round(float(np.quantile(times, 0.95)), 2)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--visits", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, browsing() as browser:
        home = Path(name)
        for folder in ("RUNS", "CHECKPOINTS", "CACHE"):
            os.environ[f"CONVAE_{folder}_DIR"] = str(home / folder.lower())
        found = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
        found |= refresh_cost(browser, asked.seconds)
        found["flicker"] = flicker(browser, home)
        if asked.visits:
            found["reconstruct_s"] = visits(browser, asked.visits)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
