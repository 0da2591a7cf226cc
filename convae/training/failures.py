"""What an exception that ended a training means to the user: a state and a message."""

import errno
from typing import NamedTuple

import torch

from convae.errors import ConvaeError

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
MEMORY_ADVICE = "Out of memory: use a smaller batch, fewer channels or fewer images, then resume."


class Failure(NamedTuple):
    """How a run failed. unexpected: a fault of the program, whose traceback is needed."""

    state: str
    message: str
    unexpected: bool = False


def failure_of(error: Exception, run_id: str) -> Failure:
    """The state and the message for an exception that ended this run."""
    text = str(error)
    first_line = (text.splitlines() or [""])[0][:200]
    if isinstance(error, ConvaeError):
        return Failure("failed", text)
    if is_out_of_memory(error):
        return Failure("out of memory", MEMORY_ADVICE)
    if _is_disk_full(error):
        return Failure(
            "disk full",
            f"The disk is full. The last saved epoch is complete: free some space, then resume "
            f"{run_id}.",
        )
    if isinstance(error, OSError):
        return Failure(
            "failed",
            f"Reading or writing failed ({error.strerror}). The last saved epoch is complete: "
            f"check the disk, then resume {run_id}.",
        )
    kind = "" if isinstance(error, RuntimeError) else f"{type(error).__name__}: "
    return Failure("failed", f"Training failed: {kind}{first_line}", unexpected=True)


def is_out_of_memory(error: Exception) -> bool:
    """Whether torch or Python could not allocate memory."""
    named = isinstance(error, RuntimeError) and any(w in str(error) for w in OUT_OF_MEMORY)
    return named or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _is_disk_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "No space left" in text or "PytorchStreamWriter" in text
    )
