"""The number of entries in a zip, counted before it is parsed.

zipfile builds an object for each entry: a file of 50 MB with a million of them costs 400 MB."""

import struct
import zipfile

END, END64, LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
ENTRY = b"PK\x01\x02"
END_SIZE, END64_SIZE, LOCATOR64_SIZE, ENTRY_SIZE = 22, 56, 20, 46
MAX_COMMENT = 2**16 - 1
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others can need gigabytes of memory


def count_entries(data: bytes, most: int) -> int:
    """The number of entries in the listing of a zip, or `most` + 1 if there are more.

    The end record (or its zip64 form) says where the listing is and how many entries it has. As
    that number may be false, the entries themselves are walked too. ValueError where there is no
    listing.
    """
    end = data.rfind(END, max(0, len(data) - END_SIZE - MAX_COMMENT))
    if end < 0 or end + END_SIZE > len(data):
        raise ValueError("no end record")
    claimed, size, offset = struct.unpack_from("<HLL", data, end + 10)
    start, locator = end, end - LOCATOR64_SIZE
    if locator >= 0 and data[locator : locator + 4] == LOCATOR64:
        start = locator - END64_SIZE
        if start < 0 or data[start : start + 4] != END64:
            raise ValueError("no zip64 end record")
        claimed, size, offset = struct.unpack_from("<QQQ", data, start + 32)
    if claimed > most:
        return most + 1
    # where zipfile looks, too: just before the end record, with any data before the zip
    place = start - size
    if place < 0 or offset > place:
        raise ValueError("the listing lies outside the file")
    count = 0
    while count <= most and place + ENTRY_SIZE <= start and data[place : place + 4] == ENTRY:
        name, extra, comment = struct.unpack_from("<HHH", data, place + 28)
        place += ENTRY_SIZE + name + extra + comment
        count += 1
    return count
