"""Zips are counted before anything parses them, whatever they say of themselves."""

import io
import struct
import tracemalloc
import zipfile

import pytest

from convae.data import uploads, zips
from convae.errors import CheckpointError
from convae.models import upload


def zipped(count: int, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.txt", b"")
        archive.comment = comment
    return buffer.getvalue()


def listing_of(count: int, claimed: int, *, zip64: bool) -> bytes:
    """A zip that is all listing: `count` empty entries, said to be `claimed`."""
    entry = b"PK\x01\x02" + struct.pack("<HHHHHHLLLHHHHHLL", *[20, 20, *[0] * 14])
    body = entry * count
    if zip64:
        end64 = b"PK\x06\x06" + struct.pack(
            "<QHHLLQQQQ", 44, 45, 45, 0, 0, claimed, claimed, len(body), 0
        )
        body += end64 + b"PK\x06\x07" + struct.pack("<LQL", 0, len(body), 1)
        end = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    else:
        end = (claimed & 0xFFFF, claimed & 0xFFFF, len(body), 0)
    return body + b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, *end, 0)


@pytest.mark.parametrize("comment", [b"", b"a comment"])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh"])
def test_entries_are_counted_as_zipfile_finds_them(comment, before):
    data = before + zipped(7, comment)
    assert zips.count_entries(data, 50) == len(zipfile.ZipFile(io.BytesIO(data)).infolist()) == 7
    assert zips.count_entries(data, 6) == 7
    assert zips.count_entries(zipped(0), 50) == 0


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize(("count", "claimed"), [(70_000, 70_000), (70_000, 1), (70_000, 0)])
def test_a_false_number_of_entries_does_not_help(zip64, count, claimed):
    data = listing_of(count, claimed, zip64=zip64)
    assert len(zipfile.ZipFile(io.BytesIO(data)).infolist()) == count
    assert zips.count_entries(data, 50) == 51
    assert zips.count_entries(listing_of(40, 40, zip64=zip64), 50) == 40


def test_a_model_zip_with_a_million_entries_is_refused_before_it_is_parsed():
    data = b"PK" + listing_of(1_050_000, 1_050_000, zip64=True)
    assert len(data) < 50 * 2**20
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="more than 50 files"):
        upload.unpack(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_model_zip_may_be_stored_or_deflated_only(packing):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        archive.writestr("card.json", "{}")
    with pytest.raises(CheckpointError, match="is compressed in a way that is not supported"):
        upload.unpack(buffer.getvalue())


def test_a_zip_of_images_is_counted_by_its_entries_not_by_what_its_images_hold():
    mark = b"PK\x01\x02" * (uploads.MAX_ZIP_ENTRIES + 1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", mark)
    _, _, problems = uploads.decode_uploads([("b.zip", buffer.getvalue())])
    assert "a.png" in problems[0] and "is not an image" in problems[0]


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x05\x06", zipped(3)[:-1], zipped(3)[40:]])
def test_what_has_no_listing_is_refused(data):
    with pytest.raises(ValueError):
        zips.count_entries(data, 50)
