"""Many visitors at once: `python -m benchmarks.load [--visitors 10] [--seconds 60] [--training]`.

Each visitor is a session of its own over the server's websocket, as a browser opens it: it asks for
a random page, waits until the script has finished, thinks, and asks for the next one. Prints the
median and the 95th percentile of the seconds from request to end of the script, the errors, and
memory and CPU of the server. Every page is visited once before the clock starts.

--training    a training on the built-in Shapes runs beside the visitors, as the app starts it
--sessions N  instead: N sessions one after the other, one page each; how much memory they leave
--address     of a server that runs already (without memory and CPU); default: one is started

Visitors and server share the machine. Folders of its own; nothing of yours is read.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import streamlit
import websockets

from tests.support.browsing import serving
from tests.support.websocket import cpu_s, memory_mb, visiting

WARM = 130  # sessions; Streamlit keeps up to 128 that were closed in the last two minutes


async def first_visits(address: str) -> dict[str, float]:
    """Every page once, in one session: name -> seconds. RuntimeError where a page fails."""
    async with visiting(address) as visitor:
        times = {"": await visitor.visit("")}
        for name in visitor.pages:
            if name:
                times[name] = await visitor.visit(name)
        if visitor.errors:
            raise RuntimeError(visitor.errors[0])
    return times


async def crowd(
    address: str, visitors: int, seconds: float, think_s: float, seed: int = 0
) -> dict[str, object]:
    """What this many visitors see at once: {page: seconds of its visits}, errors."""
    times: dict[str, list[float]] = {}
    errors: list[str] = []
    until = time.monotonic() + seconds

    async def one(number: int) -> None:
        rng = random.Random(1000 * seed + number)
        await asyncio.sleep(rng.uniform(0, think_s))
        async with visiting(address) as visitor:
            name = ""
            while time.monotonic() < until:
                try:
                    times.setdefault(name, []).append(await visitor.visit(name))
                except (TimeoutError, websockets.WebSocketException) as error:
                    errors.append(str(error))
                    break
                name = rng.choice(list(visitor.pages))
                await asyncio.sleep(think_s)
            errors.extend(visitor.errors)

    await asyncio.gather(*(one(number) for number in range(visitors)))
    return {"times": times, "errors": errors}


async def series(address: str, sessions: int, pid: int) -> dict[str, float]:
    """Resident memory (MB) after the first WARM sessions and after all of them, one page each."""
    rng, memory = random.Random(0), {}
    names = list(await first_visits(address))
    for number in range(sessions + WARM):
        if number in (0, WARM):
            memory[f"after {number}"] = memory_mb(pid)
        async with visiting(address) as visitor:
            await visitor.visit(rng.choice(names))
            if visitor.errors:
                raise RuntimeError(visitor.errors[0])
    memory[f"after {sessions + WARM}"] = memory_mb(pid)
    return memory


@contextmanager
def training() -> Iterator[None]:
    """A training on all cores, in a process of its own, as the app starts it."""
    from convae import runs
    from convae.flat_config import from_flat

    run = runs.start(from_flat({"spec": "shapes", "latent_dim": 64, "epochs": 9999}), "load")
    try:
        while run.status().step < 5:
            if not run.status().alive:
                raise RuntimeError(f"the training did not start: {run.status().message}")
            time.sleep(0.2)
        yield
    finally:
        run.stop()


def summary(measured: dict[str, object]) -> dict[str, object]:
    """Median and 95th percentile over all visits and for each page, in milliseconds."""
    times = measured["times"]
    every = [value for page in times.values() for value in page]
    return {
        "visits": len(every),
        "p50_ms": round(1000 * float(np.median(every))),
        "p95_ms": round(1000 * float(np.quantile(every, 0.95))),
        "errors": len(measured["errors"]),
        "first_errors": list(Counter(measured["errors"]))[:3],
        "pages_p50_ms": {
            name or "overview": round(1000 * float(np.median(times[name])))
            for name in sorted(times)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, nargs="*", default=[1, 5, 10, 25])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--think", type=float, default=1.0, help="seconds between two pages")
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--sessions", type=int, default=0)
    parser.add_argument("--address", default="")
    options = parser.parse_args()
    print(json.dumps({"machine": platform.machine(), "cores": os.cpu_count(),
                      "python": platform.python_version(),
                      "streamlit": streamlit.__version__}), flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        for folder in ("RUNS", "CACHE"):
            os.environ[f"CONVAE_{folder}_DIR"] = str(Path(name) / folder.lower())
        if options.address:
            measure(options, options.address, 0)
            return
        with serving({}) as server:
            measure(options, server.address, server.process.pid)


def measure(options: argparse.Namespace, address: str, pid: int) -> None:
    """Print one line of JSON for each measurement. pid: of the server; 0: not on this machine."""
    first = asyncio.run(first_visits(address))
    line = {"first_visit_s": {name or "overview": round(s, 2) for name, s in first.items()}}
    print(json.dumps(line | ({"memory_mb": memory_mb(pid)} if pid else {})), flush=True)
    if options.sessions:
        print(json.dumps(asyncio.run(series(address, options.sessions, pid))), flush=True)
        return
    with training() if options.training else nullcontext():
        for visitors in options.visitors:
            load, before, began = os.getloadavg()[0], cpu_s(pid) if pid else 0.0, time.monotonic()
            found = asyncio.run(crowd(address, visitors, options.seconds, options.think))
            line = {"visitors": visitors, "load_before": round(load, 1)} | summary(found)
            if pid:
                cpu = 100 * (cpu_s(pid) - before) / (time.monotonic() - began)
                line |= {"memory_mb": memory_mb(pid), "server_cpu_percent": round(cpu)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
