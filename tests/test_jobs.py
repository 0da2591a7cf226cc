import os
import subprocess
import sys
import time

import pytest

from convae import processes
from convae.jobs import Job
from tests.support.waiting import wait_for

WORKER = """
import os, sys, time
from pathlib import Path
from convae import processes
from convae.jobs import Job
processes.keep_locks()
Job(Path(sys.argv[1])).write_status(state="working", pid=os.getpid())
time.sleep(60)
"""


@pytest.fixture
def job(tmp_path):
    (tmp_path / "job").mkdir()
    return Job(tmp_path / "job")


def test_a_job_runs_from_the_start_of_its_process_until_it_is_terminated(
    job, tmp_path, monkeypatch
):
    (tmp_path / "job_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert not job.running() and job.read_status() == {}
    lock = job.take_lock()
    job.spawn(["job_worker", str(job.path)], [lock])
    os.close(lock)
    assert job.running() and job.take_lock() is None
    wait_for(lambda: job.read_status().get("state") == "working", 30)
    pid = job.read_status()["pid"]
    job.terminate()
    assert not job.running()
    wait_for(lambda: _ended(pid), 30)
    assert job.signal() is False


def _ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_terminate_gives_up_after_its_time(job):
    lock = job.take_lock()
    began = time.monotonic()
    job.terminate(wait_s=0.2)
    assert 0.2 <= time.monotonic() - began < 5 and job.running()
    os.close(lock)


@pytest.mark.parametrize("pid", ["1", 0, -1, 1, None, 1.5, [2]])
def test_a_damaged_process_id_is_never_signaled(job, pid, monkeypatch):
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("signaled"))
    job.write_status(pid=pid)
    assert job.signal() is False


def test_a_process_that_ended_is_not_signaled_again(job):
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    job.write_status(pid=process.pid)
    assert job.signal() is False


def test_two_jobs_do_not_share_a_lock(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    lock = Job(tmp_path / "a").take_lock()
    assert Job(tmp_path / "a").running() and not Job(tmp_path / "b").running()
    processes.release_lock(lock)
    assert not Job(tmp_path / "a").running()
