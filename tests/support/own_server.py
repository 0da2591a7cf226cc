"""A server with folders of its own that can be killed and started again at its address."""

from contextlib import ExitStack
from pathlib import Path

from tests.support.browsing import free_port, serving


class OwnServer:
    """Its folders are home/runs, home/checkpoints, home/data and home/cache; `ends` ends it."""

    def __init__(self, home: Path):
        self.home, self.port, self.ends = home, free_port(), ExitStack()
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        folders = {f"CONVAE_{n}_DIR": str(self.home / n.lower()) for n in
                   ("RUNS", "CHECKPOINTS", "DATA", "CACHE")}  # fmt: skip
        log = self.ends.enter_context(open(self.home / "log.txt", "ab"))
        self.process = self.ends.enter_context(serving(folders, log=log, port=self.port)).process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)
