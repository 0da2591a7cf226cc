"""Against a real server on this machine, which cuts, forgets, refuses and lies on request."""

import errno
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from convae.data import download
from convae.errors import DataError

BODY = np.random.default_rng(0).bytes(3 * 2**20)
SHA256 = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """What it does is set from outside; what it was asked for is in `ranges`."""

    body = BODY
    status = 200
    cut_after = ()  # bytes sent before the connection is cut, one for each request in turn
    knows_range = True
    says_length = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges = []
        self.url = f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.ranges.append(wanted)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(wanted[6:-1]) if wanted and server.knows_range else 0
        if start >= len(server.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            place = f"bytes {start}-{len(server.body) - 1}/{len(server.body)}"
            self.send_header("Content-Range", place)
        if server.says_length:
            self.send_header("Content-Length", str(len(server.body) - start))
        self.end_headers()
        turn = len(server.ranges) - 1
        end = start + server.cut_after[turn] if turn < len(server.cut_after) else None
        self.wfile.write(server.body[start:end])


@pytest.fixture
def make_server():
    servers = []

    def make():
        server = Server()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server

    yield make
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    waits = []
    monkeypatch.setattr(download.time, "sleep", waits.append)
    return waits


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "file.bin"


def fetch(target, *servers, progress=None):
    urls = [getattr(server, "url", server) for server in servers]
    download.fetch(urls, target, len(BODY), SHA256, progress)


def part_of(target):
    return target.with_name("file.bin.part")


def put_part(target, content):
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(content)


def test_a_download_arrives_whole_and_reports_progress(server, target):
    reports = []
    fetch(target, server, progress=lambda *report: reports.append(report))
    assert target.read_bytes() == BODY and not part_of(target).exists()
    done = [report[0] for report in reports]
    assert done == sorted(done) and done[-1] == len(BODY)
    assert {report[1] for report in reports} == {len(BODY)}
    assert reports[0][2] == "downloading file.bin" and reports[-1][2] == "checking file.bin"


def test_download_resumes_after_a_cut(server, target, no_waiting):
    server.cut_after = (1_000_000, 500_000)
    fetch(target, server)
    assert target.read_bytes() == BODY
    assert server.ranges == [None, "bytes=1000000-", "bytes=1500000-"]
    assert no_waiting == [1, 2]


def test_download_resumes_in_a_later_call(server, target):
    server.cut_after = (1_000_000,) + (0,) * download.ATTEMPTS
    with pytest.raises(DataError, match="the connection was cut"):
        fetch(target, server)
    assert part_of(target).stat().st_size == 1_000_000
    server.ranges, server.cut_after = [], ()
    fetch(target, server)
    assert server.ranges == ["bytes=1000000-"] and target.read_bytes() == BODY


def test_a_slow_line_that_cuts_every_megabyte_gets_there(server, target, monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    server.cut_after = (2**20,) * 2
    fetch(target, server)
    assert target.read_bytes() == BODY


def test_a_cut_without_a_length_is_noticed_too(server, target):
    server.says_length = False
    server.cut_after = (1_000_000,)
    fetch(target, server)
    assert target.read_bytes() == BODY


def test_a_server_that_ignores_range_sends_it_all_again(server, target):
    server.cut_after, server.knows_range = (1_000_000,), False
    fetch(target, server)
    assert server.ranges == [None, "bytes=1000000-"] and target.read_bytes() == BODY


def test_a_server_that_always_cuts_is_given_up(server, target, no_waiting):
    server.cut_after, server.knows_range = (500_000,) * 99, False
    with pytest.raises(DataError, match="the connection was cut.*goes on where it stopped"):
        fetch(target, server)
    assert len(server.ranges) == download.ATTEMPTS


def test_a_wrong_checksum_is_deleted(server, target):
    server.body = BODY[:-1] + bytes([BODY[-1] ^ 1])
    with pytest.raises(DataError, match="127.0.0.1:.* has a wrong checksum and was deleted"):
        fetch(target, server)
    assert not target.exists() and not part_of(target).exists()


def test_a_part_that_was_damaged_meanwhile_is_not_kept(make_server, target):
    put_part(target, b"damaged!" * 1000)
    fetch(target, make_server(), make_server())
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("status", [403, 404, 410])
def test_the_second_mirror_is_asked_when_the_first_has_nothing(status, make_server, target):
    first, second = make_server(), make_server()
    first.status = status
    fetch(target, first, second)
    assert target.read_bytes() == BODY and len(first.ranges) == 1


def test_the_second_mirror_goes_on_where_the_first_broke_off(make_server, target):
    first, second = make_server(), make_server()
    first.cut_after = (1_000_000,) + (0,) * 99
    fetch(target, first, second)
    assert second.ranges == ["bytes=1000000-"] and target.read_bytes() == BODY


def test_a_busy_server_is_asked_again(server, target, no_waiting):
    server.status = 503
    with pytest.raises(DataError, match="HTTP status 503"):
        fetch(target, server)
    assert len(server.ranges) == download.ATTEMPTS and no_waiting == [1, 2, 4, 8]


def test_when_all_fail_each_reason_is_given(make_server, target):
    first, second = make_server(), make_server()
    first.status, second.body = 404, b"<html>Please log in</html>"
    message = (
        f"file.bin could not be downloaded .127.0.0.1:{first.server_port}: HTTP status 404; "
        f"127.0.0.1:{second.server_port}: it sends another file .26 bytes instead of {len(BODY)}"
    )
    with pytest.raises(DataError, match=message):
        fetch(target, first, second)


def test_a_login_page_does_not_cost_what_has_arrived(server, target):
    put_part(target, BODY[:1000])
    server.body, server.knows_range = b"<html>Please log in</html>", False
    with pytest.raises(DataError, match="another file"):
        fetch(target, server)
    assert part_of(target).read_bytes() == BODY[:1000]


def test_a_server_that_never_stops_is_stopped(server, target):
    server.body, server.says_length = BODY + b"more", False
    with pytest.raises(DataError, match="sends more than the 3145728 bytes"):
        fetch(target, server)


def test_a_part_that_is_complete_is_only_checked(server, target):
    put_part(target, BODY)
    fetch(target, server)
    assert server.ranges == [] and target.read_bytes() == BODY


def test_a_part_that_is_too_long_is_begun_again(server, target):
    put_part(target, BODY + b"more")
    fetch(target, server)
    assert server.ranges == [None] and target.read_bytes() == BODY


def test_a_server_with_less_than_we_have_is_asked_for_all(server, target):
    put_part(target, BODY[:2_000_000])
    server.body = BODY[:1_000_000]
    with pytest.raises(DataError, match="another file .1000000 bytes"):
        fetch(target, server)
    assert server.ranges == ["bytes=2000000-", None]


def test_nobody_there_is_a_sentence(server, target):
    with pytest.raises(DataError, match="127.0.0.1:1: .*refused"):
        fetch(target, "http://127.0.0.1:1/file.bin")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "nonsense"])
def test_only_web_addresses_are_opened(url, target):
    with pytest.raises(DataError, match="not an http or https address"):
        fetch(target, url)


def test_silence_ends_in_a_timeout(target, monkeypatch):
    import socket

    monkeypatch.setattr(download, "TIMEOUT_S", 0.05)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(DataError, match="timed out"):
            fetch(target, f"http://127.0.0.1:{silent.getsockname()[1]}/file.bin")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_is_a_sentence_and_not_an_attempt(server, target):
    target.parent.mkdir()
    part_of(target).symlink_to("/dev/full")
    with pytest.raises(DataError, match="is full: free some space, or set CONVAE_DATA_DIR"):
        fetch(target, server)
    assert len(server.ranges) == 1


def test_what_had_arrived_before_the_disk_was_full_is_kept(server, target, monkeypatch):
    write, written = download._write, []

    def full_after_a_while(file, chunk):
        if sum(written) > 1_000_000:
            with download.disk_cache.writing_to(target.parent):
                raise OSError(errno.ENOSPC, "No space left on device")
        written.append(len(chunk))
        write(file, chunk)

    monkeypatch.setattr(download, "_write", full_after_a_while)
    with pytest.raises(DataError, match="is full"):
        fetch(target, server)
    monkeypatch.setattr(download, "_write", write)
    fetch(target, server)
    assert server.ranges == [None, f"bytes={sum(written)}-"] and target.read_bytes() == BODY


def test_an_interrupted_download_keeps_its_part(server, target):
    def interrupt(done, total, what):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(target, server, progress=interrupt)
    assert part_of(target).exists()
