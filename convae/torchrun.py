"""What torchrun says in the environment: which process this is, and of how many.

Without torchrun there is one process, of rank 0. An empty variable counts as not set."""

import os

from convae.errors import ConvaeError


def rank() -> int:
    """RANK: the number of this process, 0 for the first. Raises ConvaeError."""
    number, count = _number("RANK", 0), processes()
    if number >= count:
        raise ConvaeError(f"RANK (={number}) must be below WORLD_SIZE (={count}). {_ADVICE}")
    return number


def processes() -> int:
    """WORLD_SIZE: how many processes train together, at least 1. Raises ConvaeError."""
    return _number("WORLD_SIZE", 1)


def local_rank() -> int:
    """LOCAL_RANK: the number of this process on its machine. Raises ConvaeError."""
    return _number("LOCAL_RANK", 0)


def restarts() -> int:
    """TORCHELASTIC_RESTART_COUNT: how often torchrun has restarted its processes."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0)


_ADVICE = "Unset these variables, or start the processes with torchrun, which sets them."


def _number(name: str, least: int) -> int:
    """A whole number from the environment, `least` where it is not set."""
    given = os.environ.get(name, "").strip()
    if not given:
        return least
    if not (given.isascii() and given.isdigit() and len(given) < 10 and int(given) >= least):
        raise ConvaeError(
            f"{name} (={given[:80]!r}) must be a whole number, {least} or more. {_ADVICE}"
        )
    return int(given)
