"""Settings of the whole process that several threads change at once, such as its number of BLAS
threads: the first thread that needs it changes it, the last one restores it."""

import ctypes
import ctypes.util
import gc
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache


class Shared:
    """A context manager around one that changes the whole process.

    Threads that each save and restore such a setting can leave it changed permanently: the last
    one to end restores the value that another had set.
    """

    def __init__(self, change: Callable[[], AbstractContextManager]):
        self.change, self.users, self.lock = change, 0, threading.Lock()

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self.changed = self.change()
                self.changed.__enter__()
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.changed.__exit__(None, None, None)


def _blas() -> AbstractContextManager:
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


@contextmanager
def _no_convergence_warnings() -> Iterator[None]:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


one_blas_thread = Shared(_blas)
no_convergence_warnings = Shared(_no_convergence_warnings)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of BLAS and OpenMP: beside a running training more of them mostly wait for each
    other (35 s against 6). OpenMP keeps its number for each thread; BLAS for the process."""
    from threadpoolctl import threadpool_limits

    with one_blas_thread, threadpool_limits(1, user_api="openmp"):
        yield


def keep_one_blas_thread() -> None:
    """One thread of numpy's BLAS from here on. A second one of OpenBLAS spins after each product:
    50 ms of CPU for 4 ms of work. What is large runs in `one_thread` anyway."""
    _blas()


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """This function of glibc; None where there is none (macOS, musl)."""
    try:
        return ctypes.CDLL(ctypes.util.find_library("c")).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None


def give_memory_back() -> None:
    """Return unused memory to the system after large work: glibc keeps it otherwise, 100 MB after
    the pages of this app have been opened once. Takes some 50 ms."""
    gc.collect()
    if (trim := _malloc_trim()) is not None:
        trim(0)
