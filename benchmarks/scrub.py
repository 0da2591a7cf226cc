"""How long from a move of the Interpolate page's slider to the new frame on screen?

    python -m benchmarks.scrub [--moves 200] [--checkpoint FOLDER] [--max-ms 150]

Starts the app (with an untrained model, unless a checkpoint is named: what it has learned does not
matter here), opens the page in a headless Chromium and moves the slider as a visitor would, with
the arrow keys and with the mouse. The time is taken in the page: from the time stamp of the input
event to the first task after the paint that follows. Each move must have changed the frame.
"""

import argparse
import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.support.browsing import browsing, serving, settle

QUERY = "data=Shapes&interpolate-frames=1,2,3,4&interpolate-steps=20"  # 61 frames on 4 strips

WATCH = """range => {
  const root = range.closest('.scrubber');
  let asked = 0;
  window.drawn = [];
  for (const kind of ['keydown', 'pointerdown', 'pointermove'])
    range.addEventListener(kind, event => { asked = event.timeStamp; }, true);
  range.addEventListener('input', () => {
    const before = root.dataset.frame, from = asked;
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () =>
        window.drawn.push([performance.now() - from, root.dataset.frame !== before]);
      painted.port2.postMessage(0);
    });
  }, true);
}"""


def model(folder: Path) -> None:
    """An untrained model of the usual size, as a checkpoint."""
    import torch

    from convae.config import DataConfig, ModelConfig, TrainConfig
    from convae.models import checkpoints
    from convae.models.autoencoder import ConvAutoencoder

    config = TrainConfig(data=DataConfig(spec="shapes"), model=ModelConfig(latent_dim=128))
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    checkpoints.save(folder, ConvAutoencoder(config.model), {"config": asdict(config)})


@contextlib.contextmanager
def app(checkpoint: Path | None) -> Iterator[str]:
    """The address of a running app."""
    with tempfile.TemporaryDirectory() as home:
        places = {f"CONVAE_{n}_DIR": f"{home}/{n}" for n in ("RUNS", "CHECKPOINTS", "CACHE")}
        target = Path(home, "CHECKPOINTS", "model")
        shutil.copytree(checkpoint, target) if checkpoint else model(target)
        with serving(places) as server:
            yield server.address


def by_keys(page, slider, moves: int) -> None:
    slider.focus()
    slider.press("Home")
    page.evaluate("window.drawn = []")
    for move in range(moves):
        slider.press("ArrowRight" if move // 50 % 2 == 0 else "ArrowLeft")
        page.wait_for_function("n => window.drawn.length >= n", arg=move + 1)


def by_mouse(page, slider, moves: int) -> None:
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 8, middle)
    page.mouse.down()
    page.evaluate("window.drawn = []")
    for move in range(moves):
        share = (move % 55 + 3) / 60
        page.mouse.move(box["x"] + share * box["width"], middle)
        page.wait_for_timeout(20)
    page.mouse.up()


def measure(address: str, moves: int) -> dict[str, np.ndarray]:
    """Milliseconds from each move to its frame on screen."""
    times = {}
    with browsing() as browser:
        print(f"Chromium {browser.version}, {os.cpu_count()} cores, {platform.machine()}")
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/interpolate?{QUERY}")
        settle(page)
        page.wait_for_selector(".scrubber[data-frame]")
        slider = page.locator(".scrubber input")
        page.evaluate(WATCH, slider.element_handle())
        for name, move in (("arrow keys", by_keys), ("mouse", by_mouse)):
            move(page, slider, moves)
            drawn = page.evaluate("window.drawn")
            if not drawn or not all(changed for _, changed in drawn):
                sys.exit(f"Some moves by {name} changed no frame: nothing was measured.")
            times[name] = np.array([ms for ms, _ in drawn])
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=200, help="slider moves of each kind")
    parser.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    parser.add_argument("--max-ms", type=float, default=150, help="fail if a p95 is above")
    asked = parser.parse_args()
    with app(asked.checkpoint) as address:
        times = measure(address, asked.moves)
    for name, ms in times.items():
        median, p95, worst = np.percentile(ms, [50, 95, 100])
        print(f"{name}: {len(ms)} moves, median {median:.0f}, p95 {p95:.0f}, worst {worst:.0f} ms")
    if max(np.percentile(ms, 95) for ms in times.values()) > asked.max_ms:
        sys.exit(f"Slower than {asked.max_ms:.0f} ms.")


if __name__ == "__main__":
    main()
