"""How fast is the latent map? Needs Chromium and Playwright.

    python -m benchmarks.latent_map CHECKPOINT [--umap]

A server of its own is warmed up by one visit; then a fresh browser opens the page, and opens it
again with the chart's JavaScript cached. With --umap a fresh UMAP is fitted three times, one after
the other: by umap-learn alone in a process of its own, by the worker of the app, and by the worker
while a visitor opens another page every second. Prints one JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

from convae import data
from convae.models import checkpoints
from convae.projection import maps, umap_job
from convae.projection.maps import Settings
from tests.support.browsing import browsing, serving, settle

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


def opened(page, address: str, what: str = "PCA") -> float:
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_function(DRAWN, arg=what, polling=20)
    return round(time.perf_counter() - began, 2)


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
    with browsing() as browser:
        page = browser.new_page()
        page.goto(address)
        settle(page)
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
                ended.wait(1)


def umap_times(address: str, codes: np.ndarray, seed: int) -> dict:
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, codes)
        file.flush()
        command = [sys.executable, "-c", BARE, file.name, str(seed)]
        bare = float(subprocess.run(command, check=True, capture_output=True).stdout)
    alone = worker_s(codes, seed)
    ended, found = threading.Event(), []
    visitor = threading.Thread(target=pings, args=(address, ended, found))
    visitor.start()
    visited = worker_s(codes, seed + 1)
    ended.set()
    visitor.join()
    return {
        "bare_s": round(bare, 1),
        "worker_s": round(alone, 1),
        "ratio": round(alone / bare, 3),
        "worker_with_a_visitor_s": round(visited, 1),
        "other_page_median_s": statistics.median(found),
        "other_page_worst_s": max(found),
    }


def worker_s(codes: np.ndarray, seed: int) -> float:
    """How long the app's own worker takes for a map, from the click to its end."""
    key, began = f"{seed:024x}", time.perf_counter()
    umap_job.start(key, codes, Settings("UMAP", seed=seed))
    while umap_job.status(key).state == "working":
        time.sleep(0.05)
    assert umap_job.status(key).state == "done"
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--umap", action="store_true", help="time a fresh UMAP too")
    asked = parser.parse_args()
    model = checkpoints.load(asked.checkpoint)
    images = data.load(model.train_config.data.spec, "test").sample(maps.LIMIT)
    codes = model.encode(images.images)
    result = {"checkpoint": model.name, "codes": len(codes), "latent_dim": codes.shape[1]}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CONVAE_CACHE_DIR"] = cache
        # a map to switch to: what it shows does not matter to the clock
        kept = maps.key(model.sha256, images.fingerprint, Settings("UMAP"))
        maps.save(maps.folder(), kept, maps.pca_map(codes).points[:, ::-1])
        with serving({}) as server:
            with browsing() as browser:
                page = browser.new_page()
                page.set_default_timeout(300_000)
                query = f"model={model.name}"
                opened(page, f"{server.address}/latent_map?{query}&latent-method=PCA")
                settle(page)
                page.close()
                result |= visits(browser, server.address, query, asked.repeats)
            if asked.umap:
                result |= umap_times(server.address, codes, seed=7)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
