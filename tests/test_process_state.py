"""Two sessions that change one setting of the process leave it as it was."""

import os
import platform
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from convae.evaluation.pca import fit_pca
from convae.latent import clustering, priors
from convae.process_state import (
    Shared,
    give_memory_back,
    no_convergence_warnings,
    one_thread,
)


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.fixture
def two_blas_threads():
    """The tests run with one thread, where a limit of one that stays could not be seen."""
    with threadpool_limits(2, user_api="blas"):
        assert blas_threads() == {2}
        yield


def overlapping(first, second):
    """The first is entered first and left first, as by two sessions that know nothing of each
    other."""
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)


def test_overlapping_limits_of_threads_end_with_the_number_from_before(two_blas_threads):
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1}, "the second is still at work"
    second.__exit__(None, None, None)
    assert blas_threads() == {2}


def test_overlapping_filters_of_warnings_end_with_those_from_before():
    pytest.importorskip("sklearn.exceptions")  # it adds filters of its own
    before = list(warnings.filters)
    overlapping(no_convergence_warnings, no_convergence_warnings)
    assert warnings.filters == before


def test_what_a_setting_was_is_restored_when_its_user_fails():
    states = []

    @contextmanager
    def change():
        states.append("changed")
        yield
        states.append("restored")

    shared = Shared(change)
    with pytest.raises(ValueError), shared:
        raise ValueError
    with shared, shared:
        states.append("inside")
    assert states == ["changed", "restored", "changed", "inside", "restored"]


@pytest.mark.parametrize(
    "work",
    [
        lambda codes: clustering.clusters(codes, 3),
        lambda codes: priors.fit_gmm(codes, 3),
        lambda codes: fit_pca(np.zeros((4, 32, 32, 3), np.uint8) + np.uint8(codes[0, 0]), 2),
    ],
    ids=["clusters", "prior", "pca"],
)
def test_work_that_begins_in_one_session_and_ends_in_another_restores_the_threads(
    work, two_blas_threads
):
    codes = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    other = one_thread()
    other.__enter__()
    work(codes)
    assert blas_threads() == {1}
    other.__exit__(None, None, None)
    assert blas_threads() == {2}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps freed memory")
def test_freed_memory_is_given_back():
    def resident_mb():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    blocks = [bytearray(60_000) for _ in range(2_000)]  # 120 MB, below the size that has a map
    last = bytearray(60_000)
    full = resident_mb()
    del blocks
    give_memory_back()
    assert len(last) and resident_mb() < full - 80
