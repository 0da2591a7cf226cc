"""A visitor without a browser: a session over the websocket of a Streamlit 1.67 server."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

LONGEST_S = 120.0  # a page that takes longer counts as an error
AFTER_S = 0.1  # what a run leaves to do after its end is counted, too


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
async def visiting(address: str) -> AsyncIterator[Visitor]:
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


class Cost(NamedTuple):
    """Of one page: CPU and wall time of each warm run in ms, the first visit in s, and the bytes
    that a run sends."""

    cpu_ms: list[float]
    wall_ms: list[float]
    first_s: float
    sent: int


async def costs(address: str, pid: int, rounds: int, query: str = "") -> dict[str, Cost]:
    """What each page costs the server at this address; name -> Cost. RuntimeError where a page
    fails."""
    found = {}
    async with visiting(address) as visitor:
        first = await visitor.visit("", query)
        for name in list(visitor.pages):
            if name:
                first = await visitor.visit(name, query)
            for _ in range(2):
                await visitor.visit(name, query)
            await asyncio.sleep(5 * AFTER_S)  # idle threads of the first visit spin for a while
            cpu, wall, before = [], [], visitor.received
            for _ in range(rounds):
                began = cpu_s(pid)
                wall.append(1000 * await visitor.visit(name, query))
                await asyncio.sleep(AFTER_S)
                cpu.append(1000 * (cpu_s(pid) - began))
            if visitor.errors:
                raise RuntimeError(visitor.errors[0])
            sent = (visitor.received - before) // rounds
            found[name or "overview"] = Cost(cpu, wall, first, sent)
    return found


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, threads that have ended included (Linux)."""
    return time.clock_gettime((~pid << 3) | 2)
