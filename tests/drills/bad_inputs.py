"""Bad inputs, made by hand and by mutation: each ends in one clear sentence or in a usable result,
and none is executed, writes outside its folder, or takes more than 2 s of CPU time or 150 MB.

    python -m tests.drills.bad_inputs --count 100000

Also flips single bits in the weights, the resume state and the card of a checkpoint of our own, and
every bit of the cards of the shipped ones: each flip must be noticed.
"""

import argparse
import gc
import multiprocessing
import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from convae.errors import ConvaeError
from convae.models import checkpoints
from convae.models.card import Card
from tests.drills import hand_made, mutation
from tests.drills.readers import Reader, Readers

MOST_S, MOST_MB = 2.0, 150
EXECUTED = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen",
            "pickle.find_class", "socket.connect", "urllib.Request"}  # fmt: skip
CHANGED = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink",
           "shutil.rmtree", "shutil.copyfile"}  # fmt: skip
SHIPPED = Path(__file__).parents[2] / "checkpoints"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Findings:
    """Counts of outcomes, and what is wrong: a line for each."""

    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    memory_mb: float = 0.0
    """Growth of the largest resident size over that of the start"""


class Watch:
    """Notes what Python does that no reader of a stranger's file may do."""

    def __init__(self, home: Path):
        self.allowed = (f"{home}/", "/dev/null", "/proc/")
        self.seen: list[str] = []
        self.on = False
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        writes = event in CHANGED or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        )
        path = str(arguments[-1 if event == "os.rename" else 0]) if writes else ""
        outside = writes and path.startswith("/") and not path.startswith(self.allowed)
        if event in EXECUTED or outside:
            self.seen.append(f"{event} {arguments!r:.200}")


def judge(read: Callable[[bytes], object], content: bytes, watch: Watch) -> tuple[str, str]:
    """(the outcome, what is wrong with it or "") of one input."""
    watch.seen.clear()
    watch.on = True
    try:
        with warnings.catch_warnings(action="ignore"):
            read(content)
        outcome, wrong = "a usable result", ""
    except ConvaeError as error:
        text = str(error)
        good = text.endswith((".", "?")) and "\n" not in text and len(text) < 1500
        outcome, wrong = "one sentence", "" if good else f"no clear sentence: {text!r:.300}"
    except OSError as error:
        outcome, wrong = "one sentence", "" if error.strerror else f"no reason: {error!r:.300}"
    except BaseException as error:
        outcome, wrong = "wrong", f"{type(error).__name__}: {error!s:.300}"
    finally:
        watch.on = False
    return outcome, wrong or "; ".join(watch.seen)


def read_all(home: Path, name: str, count: int, seed: int) -> Findings:
    """Mutated inputs, and those made by hand, for one reader; in a process of its own."""
    torch.set_num_threads(1)
    result, watch = Findings(), Watch(home)
    readers = Readers(home)
    reader: Reader = readers.all()[name]
    for content in reader.valid:  # what is loaded at the first use counts for none of the inputs
        reader.read(content)
    chance = random.Random(f"{seed} {name}")
    made = hand_made.inputs(readers).get(name, {})
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # what was the largest size is forgotten
    start_mb = _peak_mb()
    for number in range(-len(made), count):
        if number < 0:
            case, content = list(made.items())[number]
        else:
            case = f"mutated {number}"
            content = mutation.mutated(reader.valid, chance, reader.text)
        began = time.process_time()
        outcome, wrong = judge(reader.read, content, watch)
        took_s, grown_mb = time.process_time() - began, _peak_mb() - start_mb
        result.outcomes[("by hand: " if number < 0 else "mutated: ") + outcome] += 1
        if took_s > MOST_S:
            wrong = wrong or f"took {took_s:.1f} s"
        if grown_mb > MOST_MB and grown_mb > result.memory_mb:
            wrong = wrong or f"took {grown_mb:.0f} MB"
        result.slowest_s = max(result.slowest_s, took_s)
        result.memory_mb = max(result.memory_mb, grown_mb)
        if wrong:
            result.problems.append(f"{name}, {case}: {wrong}")
    return result


def _peak_mb() -> float:
    """The largest resident size since the start, or since it was forgotten (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def flipped_bits(count: int, seed: int) -> Findings:
    """Single bits of weights, resume state and card of our own checkpoint, each flipped alone."""
    result, chance = Findings(), random.Random(seed)
    folder = checkpoints.root() / "mine"
    for number in range(count):
        path = folder / ("model.safetensors", "state.pt", "card.json")[number % 3]
        whole = path.read_bytes()
        changed = bytearray(whole)
        place = chance.randrange(len(changed))
        changed[place] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        try:
            checkpoints.load("mine"), checkpoints.load_state(folder)
            result.problems.append(f"a flipped bit in byte {place} of {path.name} is not noticed")
        except ConvaeError:
            result.outcomes[f"noticed in {path.name}"] += 1
        path.write_bytes(whole)
    return result


def flipped_card(card: Path) -> Findings:
    """Every bit of this card, flipped alone."""
    result, whole = Findings(), card.read_bytes()
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "card.json"
        copy.write_bytes(whole)
        Card.read(copy.parent)
        with copy.open("r+b", buffering=0) as file:
            for bit in range(8 * len(whole)):
                changed = bytearray(whole)
                changed[bit // 8] ^= 1 << bit % 8
                os.pwrite(file.fileno(), changed, 0)
                try:
                    Card.read(copy.parent)
                    result.problems.append(f"bit {bit % 8} of byte {bit // 8} is not noticed")
                except ConvaeError:
                    result.outcomes["noticed in a shipped card.json"] += 1
    return result


def drill(count: int, flips: int, seed: int = 0) -> dict[str, Findings]:
    """The findings of each reader, with so many mutated inputs in all."""
    result = {}
    with tempfile.TemporaryDirectory() as home, mock.patch.dict(os.environ):
        for name in ("RUNS", "CHECKPOINTS", "DATA", "CACHE"):
            os.environ[f"CONVAE_{name}_DIR"] = f"{home}/first/{name.lower()}"
        torch.set_num_threads(1)
        (Path(home) / "first").mkdir()
        shares = {name: r.share for name, r in Readers(Path(home) / "first").all().items()}
        result["flipped bits"] = flipped_bits(flips, seed)
        for name, share in shares.items():
            own = Path(home) / name.replace(" ", "-")
            own.mkdir()
            for part in ("RUNS", "CHECKPOINTS", "DATA", "CACHE"):
                os.environ[f"CONVAE_{part}_DIR"] = str(own / part.lower())
            wanted = round(count * share / sum(shares.values()))
            fork = multiprocessing.get_context("fork")
            with (
                warnings.catch_warnings(action="ignore"),
                ProcessPoolExecutor(1, mp_context=fork) as pool,
            ):
                result[name] = pool.submit(read_all, own, name, wanted, seed).result()
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=100_000, help="number of mutated inputs")
    parser.add_argument("--flips", type=int, default=300, help="number of flipped bits")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    results = drill(asked.count, asked.flips, asked.seed)
    for card in sorted(SHIPPED.glob("*/card.json")):
        results[f"card of {card.parent.name}"] = flipped_card(card)
    for name, found in results.items():
        print(f"{name}: {dict(found.outcomes)}, slowest {found.slowest_s:.2f} s, "
              f"{found.memory_mb:.0f} MB, problems: {len(found.problems)}", flush=True)  # fmt: skip
        print(*found.problems[:8], sep="\n")
    print(sum((found.outcomes for found in results.values()), Counter()))
    return int(any(found.problems for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
