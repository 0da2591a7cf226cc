"""Damage to valid files: bit flips, truncation, splices, false lengths, and values out of place."""

import random
import re
from collections.abc import Sequence

LENGTHS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
VALUES = (
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"-1e999",
    b"NaN",
    b"Infinity",
    b"1" * 400,
    b"[]",
    b"{}",
    b"[" * 5000,
    b'"' + b"x" * 3000 + b'"',
    b'"\\ud800"',
    b'"\\u0000"',
    b"\xff\xfe",
    b"99999999999999999999",
    b"0.1",
    b'"../../etc/passwd"',
)
TOKEN = re.compile(rb'"[^"]*"|-?\d+(?:\.\d+)?|true|false|null')


def mutated(valid: Sequence[bytes], chance: random.Random, text: bool = False) -> bytes:
    """One of these valid files, damaged in one to three ways. text: JSON or an address, whose
    values are replaced, too."""
    data = bytearray(chance.choice(valid))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        damage = chance.choice((*DAMAGES, replace_value, replace_value) if text else DAMAGES)
        data = damage(data, chance, valid)
    return bytes(data)


def flip_bits(data: bytearray, chance: random.Random, valid: Sequence[bytes]) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 8)) if data else 0):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def truncate(data: bytearray, chance: random.Random, valid: Sequence[bytes]) -> bytearray:
    place = chance.randrange(len(data) + 1)
    return data[:place] if chance.random() < 0.8 else data[place:]


def splice(data: bytearray, chance: random.Random, valid: Sequence[bytes]) -> bytearray:
    """A piece of another file, or of the same one, over or between what is there."""
    other = chance.choice(valid)
    start = chance.randrange(len(other) + 1)
    piece = other[start : start + chance.choice((1, 4, 32, 500, 5000))]
    place = chance.randrange(len(data) + 1)
    gone = chance.choice((0, len(piece), 200))
    return data[:place] + piece + data[place + gone :]


def set_length(data: bytearray, chance: random.Random, valid: Sequence[bytes]) -> bytearray:
    """A number that a file format may take for a size or an offset."""
    size = chance.choice((1, 2, 4, 8))
    value = chance.choice(LENGTHS) & (256**size - 1)
    # headers and the ends of zips hold most of these numbers
    near = chance.choice((64, 200, len(data)))
    place = chance.randrange(max(1, min(near, len(data))))
    place = place if chance.random() < 0.6 else max(0, len(data) - 1 - place)
    data[place : place + size] = value.to_bytes(size, chance.choice(("little", "big")))
    return data


def replace_value(data: bytearray, chance: random.Random, valid: Sequence[bytes]) -> bytearray:
    places = [match.span() for match in TOKEN.finditer(data)]
    if places:
        start, end = chance.choice(places)
        data[start:end] = chance.choice(VALUES)
    return data


DAMAGES = (flip_bits, truncate, splice, set_length)
