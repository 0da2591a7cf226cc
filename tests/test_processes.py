import fcntl
import os
import threading

import pytest

from convae import processes
from tests.support.waiting import wait_for

WAITER = """
import sys, time
from convae import processes
processes.keep_locks()
print("up", flush=True)
time.sleep(60)
"""


def test_a_lock_is_held_once_and_waited_for(tmp_path):
    path = tmp_path / "lock"
    assert not processes.is_locked(path)
    held = processes.take_lock(path)
    assert processes.is_locked(path) and processes.take_lock(path) is None
    threading.Timer(0.3, os.close, [held]).start()
    assert processes.take_lock(path, wait_s=0.05) is None
    later = processes.take_lock(path, wait_s=10)
    assert later is not None and processes.is_locked(path)
    os.close(later)
    assert not processes.is_locked(path)


def test_looking_at_a_lock_never_makes_taking_it_fail(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    looker = os.open(path, os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)  # what is_locked does, interrupted in the middle
    threading.Timer(0.3, os.close, [looker]).start()
    held = processes.take_lock(path)
    assert held is not None and processes.is_locked(path)
    os.close(held)
    done = threading.Event()

    def look():
        while not done.is_set():
            processes.is_locked(path)

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for thread in lookers:
        thread.start()
    try:
        for _ in range(100):
            held = processes.take_lock(path)
            assert held is not None
            os.close(held)
    finally:
        done.set()
        for thread in lookers:
            thread.join()


def test_a_spawned_process_holds_its_locks_and_a_kill_frees_them(tmp_path, monkeypatch):
    (tmp_path / "waiter.py").write_text(WAITER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lock = processes.take_lock(tmp_path / "lock")
    processes.spawn(["waiter"], tmp_path / "log.txt", [lock])
    os.close(lock)
    wait_for(lambda: "up" in (tmp_path / "log.txt").read_text(), 30)
    assert processes.is_locked(tmp_path / "lock")
    (pid,) = _holders(tmp_path / "lock")
    assert os.getsid(pid) == pid != os.getsid(0)
    os.kill(pid, 9)
    wait_for(lambda: not processes.is_locked(tmp_path / "lock"), 30)


def _holders(path):
    """Processes that have this file open; Linux tells."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            names = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if str(path) in names:
            found.add(int(pid))
    return found


def test_locks_that_were_handed_down_are_handed_no_further(tmp_path, monkeypatch):
    lock = processes.take_lock(tmp_path / "lock")
    os.set_inheritable(lock, True)
    monkeypatch.setenv(processes.HANDED, str(lock))
    assert processes.keep_locks() == [lock] and not os.get_inheritable(lock)
    assert processes.HANDED not in os.environ and processes.keep_locks() == []
    os.close(lock)
