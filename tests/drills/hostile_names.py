"""Names and texts of strangers in every place where one can appear, in a real browser and server:
nothing is executed, no request leaves the host, no markup and no mark of direction arrives.

    python -m tests.drills.hostile_names
"""

import argparse
import io
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
import torch
from PIL import Image

from convae.config import DataConfig, ModelConfig
from convae.data import builtin
from convae.models import checkpoints
from convae.models.autoencoder import ConvAutoencoder
from tests.support.browsing import browsing, serving, settle
from tests.support.server_runs import ROW

NAMES = (
    '<img src="http://evil.example/a.png" onerror="window.hacked=1">',
    "<script>window.hacked=1</script>",
    '"><svg/onload=window.hacked=1><b class="hostile">x</b>',
    "![a](http://evil.example/b.png) [click](javascript:window.hacked=1)",
    "</style><style>@import url(http://evil.example/c.css)</style>",
    ":red[red] :material/delete: $\\href{http://evil.example}{x}$",
    "{{constructor.constructor('window.hacked=1')()}} ${window.hacked=1} {% x %}",
    '=HYPERLINK("http://evil.example","x")',
    "../../../../etc/passwd",
    "safe\u202egnp.exe",
    "'; window.hacked=1; //",
)
PAGES = (
    "",
    "train?train-view=Watch",
    "train?train-view=Runs",
    "train",
    "reconstruct",
    "interpolate",
    "latent_map",
    "denoise",
    "anomalies",
    "generate",
    "features",
)
KEYS = ("model", "data", "train-run", "latent-method", "tour-step", "reconstruct-which")
EVIL = """() => [
  window.hacked ? 'a script ran' : '',
  document.querySelector('.hostile, [onerror], [onload], [src*="evil.example"], [href^="http://evil"],'
    + ' a[href^="javascript:"]') ? 'markup arrived' : '',
  [...document.querySelectorAll('style')].some(s => s.textContent.includes('evil.example'))
    ? 'a style arrived' : '',
  // the browser lists the files that its own user has chosen
  [document.body.innerText].map(text => [...document.querySelectorAll(
      '[data-testid=stFileUploader]')].reduce((rest, own) => rest.replace(own.innerText, ''), text)
    )[0].includes('\\u202e') ? 'a mark of direction arrived' : '',
].filter(Boolean)"""


class Drill:
    """Counts of what was done and found."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        self.texts = ""
        """What the pages have shown"""

    @contextmanager
    def window(self, browser: object, address: str, where: str) -> Iterator[object]:
        """A window of its own, whose requests, dialogs and content are looked at."""
        context = browser.new_context(viewport={"width": 1440, "height": 2400})
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: self.request(request.url, address, where))
        page.on("dialog", lambda dialog: self.problems.append(f"{where}: a dialog opened"))
        try:
            yield page
            settle(page)
            page.wait_for_timeout(300)
            self.problems += [f"{where}: {what}" for what in page.evaluate(EVIL)]
            if page.locator('[data-testid="stException"]').count():
                self.problems.append(f"{where}: an exception is shown")
            self.texts += page.evaluate("document.body.innerText")
            self.done["pages"] += 1
        finally:
            context.close()

    def request(self, url: str, address: str, where: str) -> None:
        own = (address, address.replace("http", "ws", 1), "data:", "blob:", "about:")
        self.done["requests"] += 1
        if not url.startswith(own):
            self.problems.append(f"{where}: a request to {url[:100]}")


def prepare(home: Path) -> None:
    """A run whose card, data set, events and messages are full of such names."""
    images, labels = builtin.draw_shapes(220, seed=0)
    labels = labels % len(NAMES)
    folder = home / "<b class=hostile>set" if sys.platform != "win32" else home
    folder.mkdir()
    path = folder / "[x](javascript:window.hacked=1) <img onerror=1>.npz"
    np.savez(
        path, train_images=images, train_labels=labels, test_images=images, test_labels=labels,
        class_names=np.array(NAMES),
    )  # fmt: skip
    from convae.config import TrainConfig

    config = TrainConfig(DataConfig(f"npz:{path}"), ModelConfig("classic", 8, 8))
    run = home / "runs" / "hostile"
    run.mkdir(parents=True)
    (run / "config.json").write_text(config.to_json())
    torch.manual_seed(0)
    text = " ".join(NAMES)
    facts = {
        "config": json.loads(config.to_json()), "name": NAMES[0], "classes": list(NAMES),
        "data": {"name": text, "images": 220, "fingerprint": NAMES[1]}, "machine": text,
        "command": text, "created": NAMES[2], "versions": {"torch": NAMES[0], NAMES[1]: NAMES[2]},
        "metrics": {"val_psnr": 12.0, "val_loss": 0.1, "test": {"psnr": 11.0, "images": text}},
        "training": {"epoch": 1, "elapsed_s": 3.0, "state": text}, "started_from": {"name": text},
        NAMES[0]: text,
    }  # fmt: skip
    checkpoints.save(run, ConvAutoencoder(config.model), facts)
    (run / "status.json").write_text(
        json.dumps({"state": "failed", "message": text, "device": text, "epoch": 1})
    )
    (run / "history.jsonl").write_text(json.dumps(ROW | {NAMES[0]: NAMES[1]}) + "\n")
    events = [{"epoch": 1, "step": n, "what": name} for n, name in enumerate(NAMES, 1)]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (run / "rungs.json").write_text(
        json.dumps({name: {"psnr": 9.0, "loss": 0.1} for name in NAMES})
    )
    damaged = home / "runs" / "damaged"
    shutil.copytree(run, damaged)
    (damaged / "card.json").write_text(json.dumps({"config": {NAMES[0]: text}}))


def drill(pages: tuple[str, ...] = PAGES, keys: tuple[str, ...] = KEYS) -> Drill:
    """Open these pages with the hostile run, then with each key of the address hostile, and upload
    files of such names."""
    result = Drill()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        prepare(home)
        folders = {f"CONVAE_{name}_DIR": str(home / name.lower())
                   for name in ("RUNS", "CHECKPOINTS", "DATA", "CACHE")}  # fmt: skip
        with serving(folders) as server, browsing() as browser:
            for page in pages:
                with result.window(browser, server.address, page or "overview") as window:
                    mark = "&" if "?" in page else "?"
                    runs = "model=hostile&train-run=hostile&train-chosen=hostile"
                    window.goto(f"{server.address}/{page}{mark}{runs}")
            for number, key in enumerate(keys):
                name = NAMES[number % len(NAMES)]
                with result.window(browser, server.address, f"{key}={name}") as window:
                    query = f"{key}={quote(name)}&{quote(name)}={quote(name)}"
                    window.goto(f"{server.address}/reconstruct?{query}")
            with result.window(browser, server.address, "uploads") as window:
                window.goto(f"{server.address}/reconstruct?model=hostile&data=Your+images")
                settle(window)
                window.locator('input[type="file"]').first.set_input_files(uploads())
                window.wait_for_timeout(3000)
    return result


def uploads() -> list[dict]:
    """An image and a damaged image of each name."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (90, 20, 200)).save(buffer, "PNG")
    files = []
    for name in NAMES:
        for content in (buffer.getvalue(), b"no image"):
            files.append({"name": f"{name}.png", "mimeType": "image/png", "buffer": content})
    return files


def main() -> int:
    argparse.ArgumentParser(description=__doc__.split("\n\n")[0]).parse_args()
    result = drill()
    shown = [name for name in NAMES if name[:12] in result.texts]
    print(dict(result.done), f"names seen as text: {len(shown)} of {len(NAMES)},",
          f"problems: {len(result.problems)}")  # fmt: skip
    print(*result.problems[:30], sep="\n")
    return int(bool(result.problems))


if __name__ == "__main__":
    sys.exit(main())
