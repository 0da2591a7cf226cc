"""One large file from the network: resumed after an interruption, verified before it is renamed."""

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from convae.data import disk_cache
from convae.errors import DataError

TIMEOUT_S = 20.0  # of silence, not of the whole download
ATTEMPTS = 5  # in a row that brought less than a megabyte
BACK_OFF_S = 1.0  # doubled after each of them
_CHUNK = 2**18
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses worth a retry


class _GivenUp(Exception):
    """The file cannot be downloaded from this address; the message says why."""


def fetch(
    urls: Sequence[str],
    target: Path,
    size: int,
    sha256: str,
    progress: disk_cache.Progress | None = None,
) -> None:
    """Download `target`, `size` bytes with that checksum, from the first of `urls` that can.

    What has arrived stays in `target`.part, also after an error or a kill, and the next call goes
    on from there. DataError: no address could give it (the message gives the reason for each), or a
    full disk.
    """
    part = target.with_name(target.name + ".part")
    report = _Reporter(progress, size, f"downloading {target.name}")
    with disk_cache.writing_to(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for url in urls:
        host = url[:200]
        try:
            host = urlsplit(url).netloc[:200] or host
            _fetch_from(url, part, size, report)
        except _GivenUp as error:
            reasons.append(f"{host}: {error}")
            continue
        except (ValueError, http.client.InvalidURL):  # an address that cannot be parsed
            reasons.append(f"{host}: not a valid address")
            continue
        if progress:
            progress(size, size, f"checking {target.name}")
        with open(part, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest == sha256:
            with disk_cache.writing_to(target.parent):
                part.replace(target)
            return
        part.unlink()  # it cannot be trusted, so the next attempt starts from the beginning
        reasons.append(f"{host}: what it sent has a wrong checksum and was deleted")
    raise DataError(
        f"{target.name} could not be downloaded ({'; '.join(reasons)}). Check the connection and "
        "try again; a download that was cut goes on where it stopped."
    )


class _Reporter:
    """At most ten progress reports per second; the network may deliver a thousand pieces."""

    def __init__(self, progress: disk_cache.Progress | None, size: int, what: str):
        self.progress, self.size, self.what = progress, size, what
        self.last_s = -1.0

    def __call__(self, done: int) -> None:
        now_s = time.monotonic()
        if self.progress and (done == self.size or now_s - self.last_s >= 0.1):
            self.last_s = now_s
            self.progress(done, self.size, self.what)


def _fetch_from(url: str, part: Path, size: int, report: _Reporter) -> None:
    """Append to `part` until it has `size` bytes; _GivenUp when this address cannot be used."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise _GivenUp("not an http or https address")
    failures = 0
    while True:
        before = _length(part)
        if before > size:
            part.unlink()
            before = 0
        if before == size:
            return
        try:
            _stream(url, part, before, size, report)
            reason = "the connection was cut"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # the server has less than the partial file: start again
                part.unlink(missing_ok=True)
            elif error.code not in _PASSING:
                raise _GivenUp(f"HTTP status {error.code}") from None
            reason = f"HTTP status {error.code}"
        except http.client.InvalidURL:
            raise
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        after = _length(part)
        if after == size:
            return
        failures = failures + 1 if after - before < 2**20 else 1
        if failures >= ATTEMPTS:
            raise _GivenUp(reason)
        time.sleep(BACK_OFF_S * 2 ** (failures - 1))


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _stream(url: str, part: Path, start: int, size: int, report: _Reporter) -> None:
    headers = {"User-Agent": "convae", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        if response.status == 206:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise _GivenUp("it resumes at another place than asked")
        else:  # the server does not support Range: from the beginning
            start = 0
            length = response.headers.get("Content-Length")
            if length and int(length) != size:  # a login page, say; keep the partial file
                raise _GivenUp(f"it sends another file ({length} bytes instead of {size})")
        with disk_cache.writing_to(part.parent):
            file = open(part, "ab" if start else "wb", buffering=0)
        with file:
            done = start
            report(done)
            while chunk := response.read1(_CHUNK):
                done += len(chunk)
                if done > size:
                    raise _GivenUp(f"it sends more than the {size} bytes there should be")
                _write(file, chunk)
                report(done)
            os.fsync(file.fileno())


def _write(file: BinaryIO, chunk: bytes) -> None:
    """Writes all bytes: an unbuffered write may be partial when the disk is full."""
    view = memoryview(chunk)
    with disk_cache.writing_to(Path(file.name).parent):
        while view:
            view = view[file.write(view) :]
