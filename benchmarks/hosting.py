"""What a small host needs: `python -m benchmarks.hosting [--no-browser]` prints lines of JSON.

cold_start_s  from the command to the first page drawn in a headless Chromium that is already open
              (without a browser: to the end of its script); the server has been started on this
              machine before, so its files are in the page cache
visits        resident memory of the server (MB) after each page, visited in turn with empty caches,
              and the seconds of each visit
training      one epoch on 2,000 of the built-in Shapes, as the app starts it: the largest resident
              memory of its process, of the server meanwhile, and of both at one moment
crowd         --crowd N: N visitors open Features of the photos at the same time, each with another
              model; the seconds of the pages that one more visitor opens until all N have theirs,
              the seconds until each has it, and the largest resident memory of the server

Resident memory counts the pages of shared libraries (`files_mb`); `cuda_mb` is the part that only
the CUDA build of torch has. Folders of its own; nothing of yours is read.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import streamlit
import torch

from convae.models import checkpoints
from tests.support.browsing import browsing, serving, settle
from tests.support.websocket import memory_mb, visiting

NOT_SHIPPED = "data=photos&features-count=2%2C000"  # the app has no results for these
CUDA = re.compile(r"lib(torch_cuda|c10_cuda|torch_nvshmem|cu|nccl|nv)")  # libraries


def cold_start_s(places: dict[str, str], browser) -> float:
    """From the command to the first page, drawn."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900}) if browser else None
    began = time.perf_counter()
    with serving(places) as server:
        if tab is None:
            asyncio.run(_first_page(server.address))
        else:
            tab.goto(server.address)
            settle(tab)
        took = time.perf_counter() - began
        if tab is not None:
            tab.close()
    return round(took, 2)


async def _first_page(address: str) -> None:
    async with visiting(address) as visitor:
        await visitor.visit("")


async def visits(address: str, pid: int) -> dict[str, dict[str, float]]:
    """Every page once: {page: {"s": seconds, "mb": resident memory after it}}."""
    found = {}
    async with visiting(address) as visitor:
        seconds = await visitor.visit("")
        for name in list(visitor.pages):
            if name:
                seconds = await visitor.visit(name)
            found[name or "overview"] = {"s": round(seconds, 2), "mb": round(memory_mb(pid))}
        if visitor.errors:
            raise RuntimeError(visitor.errors[0])
    return found


def files_mb(pid: int) -> float:
    """The part of resident memory that is pages of files, such as libraries."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[2]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cuda_mb(pid: int) -> dict[str, float]:
    """Resident memory (MB) of the mapped CUDA libraries: `clean` is file pages, which the system
    drops when memory is short, `dirty` what the loader has written to."""
    clean = dirty = 0
    is_cuda = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if "-" in name:  # the first line of a mapping: addresses, flags, ..., path
            is_cuda = bool(CUDA.match(Path(rest.split(maxsplit=4)[-1]).name))
        elif is_cuda and name in ("Private_Clean:", "Shared_Clean:"):
            clean += int(rest.split()[0])
        elif is_cuda and name in ("Private_Dirty:", "Shared_Dirty:"):
            dirty += int(rest.split()[0])
    return {"clean": round(clean * 1024 / 1e6), "dirty": round(dirty * 1024 / 1e6)}


async def training(address: str, pid: int) -> dict[str, float]:
    """The largest resident memory (MB) of a training, of the server, and of both at one moment; a
    visitor watches it."""
    from convae import runs
    from convae.flat_config import from_flat

    settings = {"spec": "shapes", "latent_dim": 64, "limit": 2_000, "epochs": 1}
    run = runs.start(from_flat(settings), "hosting")
    most = {"training_mb": 0.0, "server_mb": 0.0, "both_mb": 0.0}
    async with visiting(address) as visitor:
        await visitor.visit("train", "train-view=Watch&train-run=hosting")
        while run.locked():
            try:
                now = memory_mb(run.status().pid) if run.status().pid else 0.0
            except OSError:  # it has just ended
                break
            server = memory_mb(pid)
            for key, value in zip(most, (now, server, now + server), strict=True):
                most[key] = max(most[key], value)
            await asyncio.sleep(0.1)
        if visitor.errors:
            raise RuntimeError(visitor.errors[0])
    if run.status().state != "done":
        raise RuntimeError(f"the training ended as {run.status().state}: {run.status().message}")
    return {key: round(value) for key, value in most.items()}


async def crowd(address: str, pid: int, count: int) -> dict[str, float]:
    """How a visitor's pages answer while `count` others open Features."""
    names = [entry.name for entry in checkpoints.listing()][:count]
    began, ends, took, most = time.perf_counter(), [], [], 0.0

    async def classify(name: str) -> None:
        async with visiting(address) as other:
            await other.visit("")
            await other.visit("features", f"model={name}&{NOT_SHIPPED}")
            ends.append(round(time.perf_counter() - began, 1))

    async with visiting(address) as visitor:
        for page in ("", "reconstruct", "interpolate"):
            await visitor.visit(page)
        began = time.perf_counter()
        others = [asyncio.create_task(classify(name)) for name in names]
        while not all(other.done() for other in others):
            took.append(await visitor.visit(("reconstruct", "interpolate")[len(took) % 2]))
            most = max(most, memory_mb(pid))
            await asyncio.sleep(1)
        await asyncio.gather(*others)
        if visitor.errors:
            raise RuntimeError(visitor.errors[0])
    pages = {"median": round(statistics.median(took), 2), "worst": round(max(took), 2)}
    return {"visitors": len(names), "pages_s": pages, "ends_s": ends, "server_mb": round(most)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=3, help="number of cold starts")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--crowd", type=int, default=0, metavar="N", help="measure this only")
    options = parser.parse_args()
    print(json.dumps({"machine": platform.machine(), "cores": os.cpu_count(),
                      "load": round(os.getloadavg()[0], 1), "python": platform.python_version(),
                      "streamlit": streamlit.__version__, "torch": torch.__version__,
                      "cuda": torch.version.cuda}), flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as home:
        places = {f"CONVAE_{n}_DIR": str(Path(home) / n.lower()) for n in ("RUNS", "CACHE")}
        os.environ.update(places)
        if options.crowd:
            with serving(places) as server:
                found = asyncio.run(crowd(server.address, server.process.pid, options.crowd))
            print(json.dumps({"crowd": found}))
            return
        with nullcontext() if options.no_browser else browsing() as browser:
            starts = [cold_start_s(places, browser) for _ in range(options.starts)]
        print(json.dumps({"cold_start_s": starts}), flush=True)
        with serving(places) as server:
            pid = server.process.pid
            found = asyncio.run(visits(server.address, pid))
            print(json.dumps({"visits": found, "files_mb": round(files_mb(pid)),
                              "cuda_mb": cuda_mb(pid)}), flush=True)  # fmt: skip
            print(json.dumps({"training": asyncio.run(training(server.address, pid))}), flush=True)


if __name__ == "__main__":
    main()
