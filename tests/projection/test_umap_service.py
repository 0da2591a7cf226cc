"""The worker that asks umap-learn where a code lies and what lies at a place; the real one."""

import json
import os
import signal
import time
from dataclasses import asdict

import numpy as np
import pytest

from convae import processes
from convae.errors import ConvaeError
from convae.jobs import Job
from convae.projection import durations, maps, umap_server, umap_service
from convae.projection.maps import Settings

KEY, OTHER = "a" * 24, "b" * 24
SETTINGS = Settings("UMAP", n_neighbors=10)


@pytest.fixture(scope="module")
def fitted():
    """(codes (240, 6) in three groups, their group, a fitted UMAP of them)"""
    rng = np.random.default_rng(0)
    group = np.arange(240) % 3
    codes = (rng.normal(size=(240, 6)) + 12 * np.eye(3, 6)[group]).astype(np.float32)
    return codes, group, maps.fit_umap(codes, SETTINGS)


def wait_for(key, asked, seconds=120):
    deadline = time.monotonic() + seconds
    while umap_service.answer(key, asked) is None and time.monotonic() < deadline:
        assert umap_service.status(key).state != "failed", umap_service.status(key)
        time.sleep(0.05)
    return umap_service.answer(key, asked)


def test_umap_answers_both_ways_and_goes_on_answering(fitted):
    codes, group, mapper = fitted
    points = mapper.embedding_
    asked = umap_service.ask(KEY, codes, points, SETTINGS, "transform", codes[:9] + 0.01)
    placed = wait_for(KEY, asked)
    spread = np.ptp(points, axis=0).max()
    expected = mapper.transform(codes[:9] + 0.01)
    assert np.abs(placed - expected).max() < 0.05 * spread
    assert np.linalg.norm(placed - points[:9], axis=1).max() < 0.2 * spread

    # a place amid the nearest points of the same group
    inner = [np.argsort(((points - points[group == g].mean(0)) ** 2).sum(1))[0] for g in range(3)]
    far = np.full((1, 2), 1e3, np.float32)
    places = np.concatenate([points[inner], far])
    began = time.monotonic()
    asked = umap_service.ask(KEY, codes, points, SETTINGS, "inverse_transform", places)
    found = wait_for(KEY, asked)
    assert time.monotonic() - began < 60
    distances = ((found[:3, None] - codes) ** 2).sum(axis=2)
    assert (group[distances.argmin(axis=1)] == [0, 1, 2]).all()
    assert np.isnan(found[3]).all()
    assert umap_service.ask(KEY, codes, points, SETTINGS, "transform", codes[:9] + 0.01)  # known

    # another map may have the worker now that it is idle
    while umap_service.status(KEY).state != "ready":
        time.sleep(0.05)
    first = umap_service.status(KEY).pid
    umap_service.ask(OTHER, codes, points, SETTINGS, "transform", codes[:1])
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(first, 0)
            time.sleep(0.05)
    with pytest.raises(ConvaeError, match="busy with another map"):
        umap_service.ask(KEY, codes, points, SETTINGS, "transform", codes[:2])
    os.kill(pid_of(OTHER), signal.SIGKILL)
    while umap_service.status(OTHER).state == "working":
        time.sleep(0.05)
    assert umap_service.status(OTHER).message == "The UMAP process ended before it answered."


def test_a_question_is_forecast_from_what_was_measured_and_can_be_withdrawn(fitted):
    codes, _, mapper = fitted
    points, kind = mapper.embedding_, "transform"
    asked = umap_service.ask(KEY, codes, points, SETTINGS, kind, codes[:2])
    assert umap_service.forecast(KEY, kind, len(codes))[1] is None  # nothing is measured yet
    wait_for(KEY, asked, seconds=600)
    while umap_service.status(KEY).state != "ready":
        time.sleep(0.05)
    measured = durations.read(maps.folder() / "guests" / "durations.json")
    assert set(measured) == {f"start {len(codes)}", f"first {kind}"}

    # a worker that is canceled leaves, and its question with it
    assert umap_service.cancel(KEY, asked) is None and umap_service.status(KEY).state == "ready"
    os.kill(pid_of(KEY), signal.SIGKILL)
    while processes.is_locked(maps.folder() / "guests" / KEY / "lock"):
        time.sleep(0.05)
    asked = umap_service.ask(KEY, codes, points, SETTINGS, kind, codes[5:7])
    elapsed, left = umap_service.forecast(KEY, kind, len(codes))
    assert left is not None and 0 <= left <= sum(measured.values())
    pid_of(KEY)
    umap_service.cancel(KEY, asked)
    assert umap_service.status(KEY).state == "none"
    assert not list((maps.folder() / "guests" / KEY).glob("ask-*"))
    assert not processes.is_locked(maps.folder() / "guests" / KEY / "lock")
    assert umap_service.answer(KEY, asked) is None


def test_a_question_of_another_visitor_outlives_a_withdrawn_one():
    codes = np.random.default_rng(0).normal(size=(240, 6)).astype(np.float32)
    asked = (KEY, codes, codes[:, :2], SETTINGS, "transform")
    mine, other = umap_service.ask(*asked, codes[:1]), umap_service.ask(*asked, codes[1:2])
    pid, waiting = pid_of(KEY), maps.folder() / "guests" / KEY
    umap_service.cancel(KEY, mine)
    os.kill(pid, 0)  # it is there
    assert [path.name for path in waiting.glob("ask-*")] == [f"ask-{other}.npz"]
    umap_service.cancel(KEY, other)
    assert not processes.is_locked(waiting / "lock")


def test_a_question_withdrawn_while_it_is_read_does_not_end_the_worker(tmp_path):
    assert umap_server.answer(None, tmp_path / "ask-gone.npz", lambda kind: None) is False


def pid_of(key):
    while not (pid := umap_service.status(key).pid):
        time.sleep(0.02)
    return pid


def test_a_map_made_again_is_the_same_map(fitted):
    codes, _, mapper = fitted
    again = maps.umap_of_map(codes, mapper.embedding_, SETTINGS)
    assert np.array_equal(again.embedding_, mapper.embedding_)
    assert np.allclose(again.graph_.toarray(), mapper.graph_.toarray())


def test_a_folder_that_cannot_be_written_is_one_sentence(fitted, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ConvaeError, match="set CONVAE_CACHE_DIR"):
        umap_service.ask(KEY, fitted[0], fitted[2].embedding_, SETTINGS, "transform", fitted[0][:1])


def test_a_question_that_is_refused_leaves_nothing(fitted):
    codes, _, mapper = fitted
    umap_service.folder().mkdir(parents=True, exist_ok=True)
    held = processes.take_lock(umap_service.slot())
    try:
        with pytest.raises(ConvaeError, match="busy with another map"):
            umap_service.ask(OTHER, codes, mapper.embedding_, SETTINGS, "transform", codes[:1])
    finally:
        os.close(held)
    assert not list((umap_service.folder() / OTHER).glob("ask-*"))


def test_only_two_kinds_of_questions_are_known():
    with pytest.raises(ValueError, match="fit"):
        umap_service.question("fit", np.zeros((1, 2)))
    one = umap_service.question("transform", np.zeros((1, 2)))
    assert one != umap_service.question("inverse_transform", np.zeros((1, 2)))
    assert one == umap_service.question("transform", np.zeros((1, 2), np.float64))


class Echo:
    """Stands in for a fitted UMAP: places come back doubled."""

    def transform(self, values):
        return 2 * values


def leaving(monkeypatch, when):
    """A worker that is idle at once, and calls `when` on the way out, its locks still held."""
    job = umap_service.folder() / KEY
    job.mkdir(parents=True, exist_ok=True)
    (job / "settings.json").write_text(json.dumps(asdict(SETTINGS)))
    np.savez(job / "map.npz", codes=np.zeros((3, 2)), points=np.zeros((3, 2)))
    monkeypatch.setattr(maps, "umap_of_map", lambda *_: Echo())
    locks = [processes.take_lock(path) for path in (job / "lock", umap_service.folder() / ".slot")]
    monkeypatch.setenv(processes.HANDED, ",".join(map(str, locks)))
    write_status = Job.write_status

    def written(self, **values):
        write_status(self, **values)
        if values["state"] == "none":
            when()

    monkeypatch.setattr(Job, "write_status", written)
    umap_server.work(job, idle_s=0.0)
    return job


def test_a_question_put_while_the_worker_leaves_is_answered(monkeypatch):
    asked = []

    def ask():
        if not asked:
            values = np.ones((1, 2), np.float32)
            found = umap_service.ask(KEY, values, values, SETTINGS, "transform", values)
            asked.append(found)

    monkeypatch.setattr(processes, "spawn", lambda *_: pytest.fail("its lock is still held"))
    job = leaving(monkeypatch, ask)
    assert umap_service.answer(KEY, asked[0]).tolist() == [[2.0, 2.0]]
    assert not list(job.glob("ask-*"))
    assert not processes.is_locked(job / "lock")
    assert not processes.is_locked(job.parent / ".slot")


def test_places_of_uploads_that_nobody_reads_are_removed(monkeypatch):
    old, new, public = (
        umap_service.folder() / KEY / f"answer-{umap_service.question(kind, values)}.npy"
        for kind, values in [
            ("transform", np.ones((1, 2))),
            ("transform", np.zeros((1, 2))),
            ("inverse_transform", np.ones((1, 2))),
        ]
    )
    old.parent.mkdir(parents=True)
    for path in (old, new, public):
        np.save(path, np.zeros((1, 2)))
    for path in (old, public):
        os.utime(path, (0, time.time() - umap_server.IDLE_S))
    leaving(monkeypatch, lambda: None)
    assert not old.exists() and new.exists() and public.exists()


def test_the_page_puts_its_question_again_where_no_worker_is_left(monkeypatch):
    from convae.ui.latent_map import umap_queries

    def rerun():
        raise InterruptedError("the page runs again")

    monkeypatch.setattr(umap_queries.st, "rerun", rerun)
    with pytest.raises(InterruptedError, match="runs again"):
        umap_queries._wait(KEY, "0" * 24, "transform", 3)
