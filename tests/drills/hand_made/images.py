"""Bad images."""

import pickle
import struct
import zlib

from tests.drills.hand_made.payload import Inputs, Payload


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + checked


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, color: int = 2) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IEND", b"")


def images(valid: list[bytes]) -> Inputs:
    png, jpeg, webp, bmp, gif = valid[:5]
    data = _chunk(b"IDAT", zlib.compress(bytes(97 * 32)))
    bomb = zlib.compress(bytes(60_000_000))
    result = {
        "empty": b"",
        "one byte": b"\0",
        "text": b"not an image",
        "html": b"<html><script>1",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://evil.example/"/></svg>',
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\n",
        "pdf": b"%PDF-1.4\n1 0 obj",
        "pickle": pickle.dumps(Payload()),
        "elf": b"\x7fELF" + bytes(64),
        "tiff": b"II*\0\x08\0\0\0\0\0",
        "ico": b"\0\0\1\0\1\0" + bytes(40),
        "ppm": b"P6 99999 99999 255\n",
        "gimp": b"gimp xcf file\0" + bytes(40),
        "ends after its signature": png[:8],
        "zeros": bytes(4096),
        "ff": b"\xff" * 4096,
        "claims 100,000 x 100,000": _png(100_000, 100_000, data),
        "no pixels": _png(0, 0, data),
        "2^31 wide": _png(2**31 - 1, 1, data),
        "no data": _png(32, 32),
        "79 megapixels of nothing": _png(8900, 8900, data),
        "unknown depth": _png(9, 9, depth=3),
        "a bomb as a color profile": _png(32, 32, _chunk(b"iCCP", b"x\0\0" + bomb), data),
        "a bomb as text": _png(32, 32, _chunk(b"zTXt", b"x\0\0" + bomb), data),
        "a bomb as pixels": _png(32, 32, _chunk(b"IDAT", bomb)),
        "data follow its end": png + b"<?php system('id'); ?>",
        "wrong check sum": png[:-20] + b"\0" * 8 + png[-12:],
        "an image and a pickle": png + pickle.dumps(Payload()),
        "only the start": jpeg[:2],
        "65,535 wide": jpeg.replace(b"\0\x28\0\x38", b"\xff\xff\xff\xff", 1),
        "negative height": bmp[:22] + struct.pack("<i", -(2**31)) + bmp[26:],
        "2^31 pixels": bmp[:18] + struct.pack("<ii", 2**31 - 1, 2**31 - 1) + bmp[26:],
        "size beyond its end": webp[:4] + b"\xff\xff\xff\x7f" + webp[8:],
        "gif of 65,535": gif[:6] + b"\xff\xff\xff\xff" + gif[10:],
        "too many bytes": bytes(33 * 2**20),
    }
    for kind, content in zip(("png", "jpeg", "webp", "bmp", "gif"), valid, strict=False):
        result[f"half a {kind}"] = content[: len(content) // 2]
        result[f"{kind} without its last bytes"] = content[:-9]
    return result
