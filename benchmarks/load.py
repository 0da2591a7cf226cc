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
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import streamlit
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.support.browsing import serving

WARM = 130  # sessions; Streamlit keeps up to 128 that were closed in the last two minutes
LONGEST_S = 120.0  # a page that takes longer counts as an error


class Visitor:
    """One browser session: `visit` asks for a page and waits until its script has finished."""

    def __init__(self, socket: websockets.ClientConnection):
        self.socket = socket
        self.pages: dict[str, str] = {}
        """page name -> hash of its script"""
        self.errors: list[str] = []
        self.received = 0  # bytes
        self._page, self._cached, self._ended = "", set(), asyncio.Event()
        self._timers: dict[str, asyncio.Task] = {}
        self._reader = asyncio.create_task(self._read())

    async def visit(self, name: str, query: str = "") -> float:
        """Seconds until the script of a page has finished; "" is the first page."""
        self._stop_timers()
        self._ended.clear()
        self._page = name
        began = time.perf_counter()
        await self._ask(name, query)
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait(
            [ended, self._reader], timeout=LONGEST_S, return_when=asyncio.FIRST_COMPLETED
        )
        if not self._ended.is_set():
            ended.cancel()
            raise TimeoutError(f"{name or 'overview'}: the script did not finish")
        return time.perf_counter() - began

    async def close(self) -> None:
        self._stop_timers()
        self._reader.cancel()
        await self.socket.close()

    async def _ask(self, name: str, query: str = "", fragment: str = "") -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.fragment_id = query, fragment
        state.is_auto_rerun = bool(fragment)
        if name in self.pages:
            state.page_script_hash = self.pages[name]
        else:  # the first request of a session: its pages are not known yet
            state.page_name = name
        state.cached_message_hashes.extend(self._cached)
        state.context_info.timezone, state.context_info.locale = "Europe/Berlin", "en-US"
        await self.socket.send(message.SerializeToString())

    async def _read(self) -> None:
        async for payload in self.socket:
            self.received += len(payload)
            self._take(ForwardMsg.FromString(payload))

    def _take(self, message: ForwardMsg) -> None:
        if message.metadata.cacheable and message.hash:
            self._cached.add(message.hash)
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self.pages = {
                page.url_pathname: page.page_script_hash for page in message.navigation.app_pages
            }
        elif kind == "auto_rerun":
            timer = message.auto_rerun
            if timer.fragment_id not in self._timers:
                repeat = self._repeat(timer.fragment_id, timer.interval)
                self._timers[timer.fragment_id] = asyncio.create_task(repeat)
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") == "exception":
                self.errors.append(f"{self._page}: {element.exception.message[:200]}")
        elif kind == "script_finished":
            if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                self._ended.set()
            elif message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                self.errors.append(f"{self._page}: the script does not compile")

    async def _repeat(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._ask(self._page, fragment=fragment)

    def _stop_timers(self) -> None:
        for task in self._timers.values():
            task.cancel()
        self._timers.clear()


@asynccontextmanager
async def visiting(address: str):
    """A new `Visitor` of the server at this address."""
    url = address.replace("http", "ws", 1) + "/_stcore/stream"
    async with websockets.connect(
        url, subprotocols=["streamlit"], max_size=None, ping_timeout=None
    ) as socket:
        visitor = Visitor(socket)
        try:
            yield visitor
        finally:
            await visitor.close()


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


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def training() -> Iterator[None]:
    """A training on all cores, in a process of its own, as the app starts it."""
    from convae import runs
    from convae.config import from_flat

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
