"""How fast is the latent map? Needs Chromium and Playwright.

    python benchmarks/latent_map.py CHECKPOINT [--umap]

A server of its own is warmed up by one visit; then a fresh browser opens the page, and opens it
again with the chart's JavaScript at hand. With --umap a fresh UMAP is fitted twice, by umap-learn
alone in a process of its own and by the worker of the app, one after the other, while another page
is opened once a second. Prints one JSON object.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from convae import checkpoints, data, mapjobs, projection
from convae.projection import Settings

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DRAWN = """(what) => {
  const gd = document.querySelector('.st-key-latent-chart .js-plotly-plot');
  return gd && gd._fullLayout && gd.querySelector('canvas')
    && document.querySelector('.st-key-latent-chart').innerHTML.includes(what + ' map of');
}"""
BARE = """
import sys, time, warnings
began = time.perf_counter()
warnings.simplefilter("ignore")
import numpy, umap
codes = numpy.load(sys.argv[1])
umap.UMAP(n_neighbors=15, min_dist=0.1, random_state=int(sys.argv[2]), n_jobs=1).fit(codes)
print(time.perf_counter() - began)
"""


def serve(cache: str) -> tuple[subprocess.Popen, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true",
         "--server.address", "127.0.0.1", "--server.port", str(port)],
        cwd=ROOT, env=os.environ | {"CONVAE_CACHE_DIR": cache},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(address + "/_stcore/health", timeout=2).close()
            return server, address
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


def opened(page, address: str, what: str = "PCA") -> float:
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_function(DRAWN, arg=what, polling=20)
    return round(time.perf_counter() - began, 2)


def settle(page) -> None:
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


def visits(browser, address: str, query: str, repeats: int) -> dict:
    fresh, again, there, back = [], [], [], []
    for _ in range(repeats):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(120_000)
        fresh.append(opened(page, f"{address}/latent_map?{query}&latent-method=PCA"))
        settle(page)
        again.append(opened(page, f"{address}/latent_map?{query}&latent-method=PCA"))
        settle(page)
        page.wait_for_timeout(2000)
        for times, what in ((there, "UMAP"), (back, "PCA")):
            began = time.perf_counter()
            page.locator(".st-key-latent-method").get_by_text(what, exact=True).click()
            page.wait_for_function(DRAWN, arg=what, polling=20)
            times.append(round(time.perf_counter() - began, 2))
            settle(page)
            page.wait_for_timeout(1000)
        context.close()
    return {
        "fresh_browser_s": fresh,
        "with_javascript_s": again,
        "to_umap_s": there,
        "to_pca_s": back,
    }


def pings(address: str, ended: threading.Event, found: list) -> None:
    """Open another page again and again until `ended`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("h1")
        while not ended.wait(1):
            for name in ("Train", "Overview"):
                began = time.perf_counter()
                page.locator(".st-key-menu").get_by_role("link", name=name, exact=True).click()
                page.wait_for_function(
                    "name => document.title.startsWith(name)",
                    arg="Train" if name == "Train" else "What",
                )
                settle(page)
                found.append(round(time.perf_counter() - began, 2))
        browser.close()


def umap_times(address: str, codes: np.ndarray, seed: int) -> dict:
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, codes)
        file.flush()
        command = [sys.executable, "-c", BARE, file.name, str(seed)]
        bare = float(subprocess.run(command, check=True, capture_output=True).stdout)
    settings, key = Settings("UMAP", seed=seed), f"{seed:024x}"
    ended, found = threading.Event(), []
    visitor = threading.Thread(target=pings, args=(address, ended, found))
    visitor.start()
    began = time.perf_counter()
    mapjobs.start(key, codes, settings)
    while mapjobs.status(key).state == "working":
        time.sleep(0.05)
    ours = time.perf_counter() - began
    assert mapjobs.status(key).state == "done"
    ended.set()
    visitor.join()
    return {
        "bare_s": round(bare, 1),
        "worker_s": round(ours, 1),
        "ratio": round(ours / bare, 3),
        "other_page_median_s": statistics.median(found) if found else None,
        "other_page_worst_s": max(found, default=None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--umap", action="store_true", help="time a fresh UMAP too")
    asked = parser.parse_args()
    model = checkpoints.load(asked.checkpoint)
    images = data.load(model.train_config.data.spec, "test").sample(projection.LIMIT)
    codes = model.encode(images.images)
    told = {"checkpoint": model.name, "codes": len(codes), "latent_dim": codes.shape[1]}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CONVAE_CACHE_DIR"] = cache
        # a map to switch to: what it shows does not matter to the clock
        kept = projection.key(model.sha256, images.fingerprint, Settings("UMAP"))
        projection.save(projection.folder(), kept, projection.pca_map(codes).points[:, ::-1])
        server, address = serve(cache)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path="/usr/bin/chromium", args=FLAGS
                )
                page = browser.new_page()
                page.set_default_timeout(300_000)
                query = f"model={model.name}"
                opened(page, f"{address}/latent_map?{query}&latent-method=PCA")
                settle(page)
                page.close()
                told |= visits(browser, address, query, asked.repeats)
                browser.close()
            if asked.umap:
                told |= umap_times(address, codes, seed=7)
        finally:
            server.terminate()
            server.wait(20)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
