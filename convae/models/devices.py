"""Device, precision, memory layout, and the processes of one training."""

import os
import resource
import sys

import torch
from torch import distributed as dist

from convae import torchrun
from convae.errors import ConfigError


def pick_device(wanted: str) -> torch.device:
    """auto -> cuda, mps, cpu, in this order; ConfigError if a named one is absent."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = next((name for name, here in present.items() if here), "cpu")
    if not present.get(wanted, True):
        raise ConfigError(f"`device` (={wanted}) is not on this machine; use auto or cpu.")
    if wanted == "cuda":
        return torch.device("cuda", torchrun.local_rank())
    return torch.device(wanted)


def pick_precision(wanted: str, device: torch.device) -> torch.dtype:
    """auto -> bfloat16 where the device multiplies it natively: a rule, not a timing, so that the
    same command gives the same weights. Measured in benchmarks/RESULTS.md."""
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bf16" else torch.float32
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        able = torch.cpu.get_capabilities()
        native = able.get("avx512_bf16", False) or able.get("amx_bf16", False)
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


def pick_layout(device: torch.device) -> torch.memory_format:
    """channels_last, faster for every architecture (benchmarks/RESULTS.md); contiguous on mps."""
    return torch.channels_last if device.type != "mps" else torch.contiguous_format


def world() -> tuple[int, int]:
    """(rank, number of processes) as set by torchrun; (0, 1) without it."""
    return torchrun.rank(), torchrun.processes()


def join_processes() -> None:
    """Make one group of the processes that torchrun started; waits until all are there.

    The launcher's store still holds the addresses of an attempt that was killed, and a process that
    is started again may wait for them forever (seen with torch 2.14). So on one machine each
    attempt has names of its own. On several machines the launchers count their restarts each for
    itself: there TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 gives each attempt a store of its own.
    """
    if dist.is_initialized():
        return
    store, rank, count = next(dist.rendezvous("env://"))
    if os.environ.get("LOCAL_WORLD_SIZE") == str(count):
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = dist.PrefixStore(f"attempt {attempt}", store)
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count)


def memory_mb(device: torch.device) -> float:
    """Peak memory so far: allocated on a GPU, resident on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def device_name(wanted: str) -> str:
    """A readable name of the device that `pick_device` gives; ConfigError as there."""
    device = pick_device(wanted)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"cpu": "CPU", "mps": "Apple GPU"}[device.type]


def gpu_count(wanted: str) -> int:
    """Number of GPUs that a training could use; 0 where it would not run on a GPU."""
    return torch.cuda.device_count() if pick_device(wanted).type == "cuda" else 0
