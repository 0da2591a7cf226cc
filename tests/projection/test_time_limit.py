"""A UMAP that takes too long is ended, also where compiled code keeps the interpreter lock."""

import time

import numpy as np
import pytest

from convae.errors import ConfigError
from convae.jobs import Job
from convae.projection import maps, time_limit, umap_job, umap_service
from convae.projection.maps import Settings

KEY, SETTINGS = "a" * 24, Settings("UMAP", n_neighbors=5)
CODES = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
# PyDLL keeps the interpreter lock during the call, as a compiled loop of numba does
HANGING = """
import ctypes, os

class UMAP:
    def __init__(self, **asked):
        self._raw_data = None

    def fit(self, codes):
        self.embedding_, self._raw_data = codes[:, :2].copy(), codes
        if not os.environ.get("FITS"):
            ctypes.PyDLL(None).sleep(120)

    def transform(self, values):
        if values[0, 0] < 0:
            ctypes.PyDLL(None).sleep(120)
        return values[:, :2]
"""
SENTENCE = "The UMAP was stopped because it took longer than 0.05 minutes"


@pytest.fixture
def hanging_umap(tmp_path, monkeypatch):
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "umap.py").write_text(HANGING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))
    monkeypatch.setenv("CONVAE_MAX_UMAP_MINUTES", "0.05")


def ended(status) -> umap_job.Status:
    deadline = time.monotonic() + 40
    while (now := status(KEY)).state == "working" and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


def test_a_umap_that_hangs_ends_as_failed_and_makes_room_for_the_next(hanging_umap, monkeypatch):
    umap_job.start(KEY, CODES, SETTINGS)
    latest = ended(umap_job.status)
    assert latest.state == "failed" and latest.message.startswith(SENTENCE)
    assert "umap.py" in (maps.folder() / "jobs" / KEY / time_limit.FILE).read_text()
    monkeypatch.setenv("FITS", "1")
    umap_job.start(KEY, CODES, SETTINGS)
    assert ended(umap_job.status).state == "done"


def test_a_question_that_hangs_ends_as_failed_and_is_not_asked_again(hanging_umap, monkeypatch):
    monkeypatch.setenv("FITS", "1")
    asked = (KEY, CODES, CODES[:, :2], SETTINGS, "transform")
    umap_service.ask(*asked, np.full((1, 4), -1, np.float32))
    latest = ended(umap_service.status)
    assert latest.state == "failed" and latest.message.startswith(SENTENCE)
    good = umap_service.ask(*asked, np.ones((1, 4), np.float32))
    deadline = time.monotonic() + 40
    while (found := umap_service.answer(KEY, good)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found.tolist() == [[1.0, 1.0]]
    assert ended(umap_service.status).state == "ready"
    job = Job(umap_service.folder() / KEY)
    assert not umap_service.waiting(job)
    job.terminate()


def test_a_limit_that_is_no_time_is_an_error_before_a_process_starts(monkeypatch):
    monkeypatch.setenv("CONVAE_MAX_UMAP_MINUTES", "soon")
    with pytest.raises(ConfigError, match="CONVAE_MAX_UMAP_MINUTES"):
        umap_job.start(KEY, CODES, SETTINGS)
    with pytest.raises(ConfigError, match="CONVAE_MAX_UMAP_MINUTES"):
        umap_service.ask(KEY, CODES, CODES[:, :2], SETTINGS, "transform", CODES[:1])
