"""The download of CIFAR-10 in a process of its own, from a server on the loopback interface."""

import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from convae.data import cifar10, cifar10_job
from convae.errors import DataError
from tests.support.waiting import wait_for


class Server(ThreadingHTTPServer):
    """Announces the size of the archive and sends a megabyte of zeros every 0.2 s; or a status."""

    daemon_threads = True

    def __init__(self, status=200):
        self.status = status
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/cifar.tar.gz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(self.server.status)
        if self.server.status != 200:
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_header("Content-Length", str(cifar10.SIZE))
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(2**20))
                time.sleep(0.2)
        except OSError:
            pass

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch):
    servers = []

    def serve(status=200):
        servers.append(Server(status))
        monkeypatch.setenv("CONVAE_CIFAR10_URL", servers[-1].url)

    yield serve
    cifar10_job.cancel()
    for server in servers:
        server.shutdown()
        server.server_close()


def test_nothing_runs_before_the_first_start():
    assert cifar10_job.status() == cifar10_job.Status()


def test_it_reports_progress_and_a_second_start_joins_the_first(serve):
    serve()
    cifar10_job.start()
    wait_for(lambda: cifar10_job.status().done > 2**20, 60)
    first = cifar10_job.status()
    assert first.state == "working" and first.total == cifar10.SIZE and 0 < first.share < 1
    cifar10_job.start()
    assert cifar10_job.status().pid == first.pid


def test_cancel_ends_it_and_keeps_what_has_arrived(serve):
    serve()
    cifar10_job.start()
    wait_for(lambda: cifar10_job.status().done > 2**20, 60)
    cifar10_job.cancel()
    assert cifar10_job.status().state == "none"
    part = cifar10.archive().with_name(cifar10.archive().name + ".part")
    assert part.stat().st_size > 2**20


def test_a_refusal_is_a_sentence_and_it_can_be_started_again(serve):
    serve(404)
    cifar10_job.start()
    wait_for(lambda: cifar10_job.status().state == "failed", 60)
    assert "HTTP status 404" in cifar10_job.status().message
    serve()
    cifar10_job.start()
    wait_for(lambda: cifar10_job.status().done > 0, 60)


def test_a_killed_process_is_named(serve):
    serve()
    cifar10_job.start()
    wait_for(lambda: cifar10_job.status().pid > 0, 60)
    os.kill(cifar10_job.status().pid, signal.SIGKILL)
    wait_for(lambda: cifar10_job.status().state == "failed", 20)
    assert "ended unexpectedly" in cifar10_job.status().message


def test_where_nothing_can_be_written_there_is_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONVAE_DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises((DataError, OSError)):
        cifar10_job.start()


@pytest.mark.parametrize(("value", "starts"), [("", 0), ("off", 0), ("auto", 1), (" AUTO ", 1)])
def test_the_server_starts_it_if_configured(monkeypatch, value, starts):
    started = []
    monkeypatch.setattr(cifar10_job, "start", lambda: started.append(1))
    monkeypatch.setenv("CONVAE_CIFAR10", value)
    cifar10_job.start_if_configured()
    assert len(started) == starts
