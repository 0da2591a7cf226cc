"""Bad inputs made by hand: reader -> {what it is: its bytes}."""

import hashlib
import io
import json
import pickle
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
import safetensors.torch
import torch

if TYPE_CHECKING:
    from tests.drills.readers import Readers

Inputs = dict[str, bytes]
DEEP = b"[" * 100_000


class Payload:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple:
        import os

        return os.system, ("echo executed > executed",)


def inputs(readers: "Readers") -> dict[str, Inputs]:
    """All of them, by the reader that gets them."""
    valid = {name: reader.valid for name, reader in readers.all().items()}
    png = valid["images"][0]
    return {
        "images": images(valid["images"]),
        "zips": zips(png),
        "bundles": bundles(readers),
        "weights": weights(readers.weights),
        "cards": cards(readers.facts),
        "states": {
            "pickle": pickle.dumps(Payload()),
            "torch pickle": _torch(Payload()),
            "empty": b"",
            "a number": _torch(3),
            "a zip": valid["zips"][0],
        },
        "histories": histories(valid["histories"][0]),
        "configs": configs(),
        "statuses": {
            "a list": b"[]",
            "deep": DEEP,
            "not UTF-8": b"\xff\xfe{}",
            "other types": b'{"state": 5, "epoch": "x", "message": {}}',
            "newer": b'{"format": 99}',
            "large numbers": b'{"state": "done", "epoch": 1e400}',
        },
        "npz": npz(),
        "archives": archives(valid["archives"], png),
        "kept sets": {
            "count too large": _kept(count=10**9),
            "negative": _kept(count=-2),
            "text": _kept(count="2"),
            "a path": _kept(split="../../../etc/passwd"),
            "no names": b"{}",
            "names of other types": _kept(names=[1, None]),
        },
        "addresses": addresses(),
    }


def _torch(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _kept(count: object = 2, split: str = "test", names: object = ("a",)) -> bytes:
    about = {
        "class_names": list(names),
        "unreadable": 0,
        "splits": {split: {"count": count, "fingerprint": "ab"}},
    }
    return json.dumps(about).encode()


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


def _member(name: str, content: bytes, **attributes: object) -> tuple[zipfile.ZipInfo, bytes]:
    about = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(about, key, value)
    return about, content


def _zip(*members: tuple[zipfile.ZipInfo, bytes], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for about, content in members:
            archive.writestr(about, content)
        archive.comment = comment
    return buffer.getvalue()


def zips(png: bytes) -> Inputs:
    deflated = {"compress_type": zipfile.ZIP_DEFLATED}
    one = _zip(_member("a.png", png))
    end = one.rfind(b"PK\x05\x06")
    return {
        "only PK": b"PK",
        "end record alone": b"PK\x05\x06" + bytes(18),
        "no end": one[:end],
        "a bomb": _zip(_member("a.png", bytes(40_000_000), **deflated)),
        "bomb of many": _zip(
            *(_member(f"{n}.png", bytes(8_000_000), **deflated) for n in range(9))
        ),
        "a zip in a zip": _zip(_member("a.zip", one)),
        "named as an image": _zip(_member("a.png", one)),
        "a link": _zip(_member("a.png", b"/etc/passwd", external_attr=0o120777 << 16)),
        "absolute path": _zip(_member("/etc/cron.d/a.png", png)),
        "path upward": _zip(_member("../../../tmp/a.png", png)),
        "backslashes": _zip(_member("..\\..\\a.png", png)),
        "drive": _zip(_member("C:\\a.png", png)),
        "script as a name": _zip(_member('<img src=x onerror="alert(1)">.png', png)),
        "markdown as a name": _zip(_member("[a](http://evil.example) ![](x).png", b"no image")),
        "bidi name": _zip(_member("a\u202egnp.png", b"no image")),
        "long name": _zip(_member("a" * 60_000 + ".png", b"no image")),
        "no name": _zip(_member("", png)),
        "dots": _zip(_member("..png", png)),
        "the same name twice": _zip(_member("a.png", png), _member("a.png ", png)),
        "encrypted": one[:6]
        + b"\1"
        + one[7:].replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1", 1),
        "lzma": _zip(_member("a.png", png, compress_type=zipfile.ZIP_LZMA)),
        "bzip2": _zip(_member("a.png", png, compress_type=zipfile.ZIP_BZIP2)),
        "unknown method": one.replace(b"\x14\0\0\0\0\0", b"\x14\0\0\0\x63\0"),
        "text alone": _zip(_member("a.txt", b"text")),
        "clutter alone": _zip(_member("__MACOSX/a.png", png)),
        "a folder alone": _zip(_member("a.png/", b"")),
        "empty": _zip(),
        "10,001 entries": _zip(*(_member(f"{n}.png", b"") for n in range(10_001))),
        "false count": one[: end + 8] + b"\xff\xff\xff\xff" + one[end + 12 :],
        "listing beyond its end": one[: end + 16] + b"\xff\xff\xff\x7f" + one[end + 20 :],
        "a long comment": _zip(_member("a.png", png), comment=b"x" * 65_535),
        "data before it": b"PK" + bytes(1000) + one,
        "damaged inside": one[:60] + bytes(40) + one[100:],
        "an image and a text": _zip(_member("a.png", png), _member("b.png", b"no image")),
    }


def weights(valid: bytes) -> Inputs:
    length = int.from_bytes(valid[:8], "little")
    header, body = json.loads(valid[8 : 8 + length]), valid[8 + length :]

    def file(changed: object, content: bytes = body) -> bytes:
        packed = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return len(packed).to_bytes(8, "little") + packed + content

    name = next(key for key in header if key.endswith("weight"))
    tensors = safetensors.torch.load(valid)
    changed = {"nan": torch.nan, "inf": torch.inf}
    return {
        "empty": b"",
        "a pickle": pickle.dumps(Payload()),
        "a torch file": _torch(tensors),
        "header of 2^63": b"\xff" * 8 + valid[8:],
        "no header": file(b""),
        "a list": file(b"[]"),
        "deep": file(DEEP),
        "no tensors": file({}, b""),
        "a body too short": valid[:-4],
        "a body too long": valid + bytes(4),
        "a tensor twice": file(
            b"{" + json.dumps(header)[1:-1].encode() + b"," + json.dumps(header)[1:].encode()
        ),
        "offsets beyond": file(header | {name: header[name] | {"data_offsets": [0, 2**60]}}),
        "offsets overlap": file(header | {name: header[name] | {"data_offsets": [0, 4]}}),
        "a huge shape": file(header | {name: header[name] | {"shape": [2**40, 2**40]}}),
        "a negative shape": file(header | {name: header[name] | {"shape": [-1]}}),
        "another type": file(header | {name: header[name] | {"dtype": "F64"}}),
        "an unknown type": file(header | {name: header[name] | {"dtype": "EVIL"}}),
        "one tensor more": safetensors.torch.save(tensors | {"../evil": torch.zeros(1)}),
        **{
            key: safetensors.torch.save(tensors | {name: torch.full_like(tensors[name], value)})
            for key, value in changed.items()
        },
    }


def bundles(readers: "Readers") -> Inputs:
    card = readers.facts

    def model(changed: object = card, content: bytes = readers.weights, **more: bytes) -> bytes:
        text = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        members = {"card.json": text, "model.safetensors": content} | more
        return _zip(*(_member(name, data) for name, data in members.items()))

    def settings(**changes: object) -> dict:
        return card | {"config": card["config"] | {"model": card["config"]["model"] | changes}}

    return {
        "a pickle": pickle.dumps(Payload()),
        "a torch file": _torch({"a": torch.zeros(2)}),
        "a text": b"hello",
        "empty": b"",
        "empty zip": _zip(),
        "card alone": _zip(_member("card.json", b"{}")),
        "weights alone": _zip(_member("model.safetensors", readers.weights)),
        "weights without a card": readers.weights,
        "card is a list": model([]),
        "card is deep": model(DEEP),
        "no config": model({}),
        "config is a list": model(card | {"config": []}),
        "unknown setting": model(card | {"config": {"evil": 1}}),
        "newer": model(card | {"format": 99}),
        "huge dimension": model(settings(latent_dim=10**12)),
        "huge width": model(settings(base_channels=128, latent_dim=1024)),
        "another architecture": model(settings(architecture="__import__('os')")),
        "other weights": model(content=bytes(1000)),
        "wrong digest": model(card | {"sha256": "0" * 64}),
        "name is a path": model(card | {"name": "../../../tmp/evil"}),
        "name is a list": model(card | {"name": []}),
        "long name": model(card | {"name": "x" * 10**6}),
        "name in other letters": model(card | {"name": "\u202e\u0000<b>"}),
        "data of another machine": model(
            card | {"config": card["config"] | {"data": {"spec": "folder:/etc"}}}
        ),
        "start from a file": model(
            card | {"config": card["config"] | {"init_from": "/etc/passwd"}}
        ),
        "not finite": model(json.dumps(card).replace("12.5", "NaN").encode()),
        "60 members": model(**{f"{n}.txt": b"" for n in range(60)}),
        "path upward": _zip(
            _member("../card.json", json.dumps(card).encode()),
            _member("../../model.safetensors", readers.weights),
        ),
    }


def cards(facts: dict) -> Inputs:
    return {
        "empty": b"",
        "a list": b"[]",
        "deep": DEEP,
        "not UTF-8": b"\xff\xfe",
        "a number": b"5",
        "NaN": json.dumps(facts).replace("12.5", "NaN").encode(),
        "no config": b'{"name": "mine"}',
        "another digest": json.dumps(facts | {"sha256": hashlib.sha256(b"").hexdigest()}).encode(),
        "digest is a list": json.dumps(facts | {"sha256": [1]}).encode(),
        "figures are texts": json.dumps(facts | {"metrics": {"test": {"psnr": "high"}}}).encode(),
        "newer": json.dumps(facts | {"format": 99}).encode(),
        "no digest": json.dumps(facts | {"format": 2}).encode(),
        "digest of another card": json.dumps(facts | {"format": 2, "digest": "0" * 64}).encode(),
        "own digest is a list": json.dumps(facts | {"format": 2, "digest": [1]}).encode(),
        "NaN below a digest": b'{"config": {}, "x": NaN, "digest": "0"}',
        "deep below a digest": b'{"digest": "0", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        "format is a text": json.dumps(facts | {"format": "x"}).encode(),
    }


def histories(valid: bytes) -> Inputs:
    line = valid.split(b"\n")[0]
    return {
        "torn last line": valid[:-20],
        "torn first line": valid[20:],
        "zeros": bytes(4096) + b"\n" + valid,
        "deep": DEEP + b"\n" + valid,
        "long line": b'"' + b"x" * 2_000_000 + b'"\n' + valid,
        "lists": b"[1]\n" * 9,
        "NaN": line.replace(b"10.0", b"NaN") + b"\n",
        "infinite": line.replace(b"10.0", b"1e999") + b"\n",
        "texts": line.replace(b"10.0", b'"x"') + b"\n",
        "negative steps": line.replace(b'"step": 5', b'"step": -5') + b"\n",
        "an epoch twice": (line + b"\n") * 3,
        "backward": b"\n".join(reversed(valid.split(b"\n"))) + b"\n",
        "not UTF-8": b"\xff\xfe\n" + valid,
        "surrogates": line.replace(b"{", b'{"what": "\\ud800", ', 1) + b"\n",
        "windows lines": valid.replace(b"\n", b"\r\n"),
    }


def configs() -> Inputs:
    texts = (
        "",
        "[]",
        "5",
        "null",
        "{",
        "NaN",
        '{"epochs": NaN}',
        '{"epochs": 1e999}',
        '{"epochs": "10"}',
        '{"epochs": -1}',
        '{"epochs": 10.5}',
        '{"epochs": true}',
        '{"epochs": 99999999999999999999999}',
        '{"evil": 1}',
        '{"data": "shapes"}',
        '{"data": {"spec": ""}}',
        '{"data": {"spec": "\\ud800"}}',
        '{"model": {"latent_dim": 1e400}}',
        '{"model": {"base_channels": 9}}',
        '{"model": []}',
        "{\"learning_rate\": \"__import__('os').system('id')\"}",
        '{"seed": -1}',
        '{"loss": "exec"}',
        '{"noise_range": true}',
        '{"__class__": "os.system"}',
    )
    return {text: text.encode() for text in texts} | {"deep": DEEP, "not UTF-8": b"\xff\xfe{}"}


def npz() -> Inputs:
    from tests.drills.readers import arrays

    pictures, labels = np.zeros((4, 32, 32, 3), np.uint8), np.arange(4)
    objects = np.array([Payload()], object)
    header = b"\x93NUMPY\1\0v\0{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 32, 32, 3), }"
    return {
        "empty": b"",
        "a pickle": pickle.dumps(Payload()),
        "text": b"text",
        "a zip of text": _zip(_member("a.txt", b"x")),
        "images are objects": arrays(test_images=objects),
        "labels are objects": arrays(test_images=pictures, test_labels=objects),
        "names are objects": arrays(test_images=pictures, test_labels=labels, class_names=objects),
        "floats": arrays(test_images=pictures.astype(float)),
        "another size": arrays(test_images=pictures[:, :16]),
        "no images": arrays(test_images=pictures[:0]),
        "fewer labels": arrays(test_images=pictures, test_labels=labels[:2]),
        "negative labels": arrays(test_images=pictures, test_labels=labels - 9),
        "huge labels": arrays(test_images=pictures, test_labels=labels + 2**60),
        "labels are floats": arrays(test_images=pictures, test_labels=labels / 2),
        "a shape of 2^50": _zip(
            _member("test_images.npy", (header % 2**50).ljust(127) + b"\n" + bytes(64))
        ),
        "code as a header": _zip(
            _member(
                "test_images.npy",
                b"\x93NUMPY\1\0v\0" + b"__import__('os').system('id')".ljust(117) + b"\n",
            )
        ),
    }


def archives(valid: list[bytes], png: bytes) -> Inputs:
    from tests.drills.readers import tarred

    return {
        "empty": b"",
        "text": b"text",
        "a tar that ends early": valid[1][:700],
        "half a gz": valid[2][: len(valid[2]) // 2],
        "path upward in a tar": tarred({"../../evil/1.png": png, "/etc/2.png": png}),
        "no images in a tar": tarred({"a.txt": b"text"}),
        "images that are none": tarred({"a/1.png": b"text", "b/2.png": b""}),
        "class of markup": tarred({"<script>alert(1)</script>/1.png": png, "b/2.png": png}),
        "a size of 2^63": valid[1][:124] + b"\x80" + b"\xff" * 11 + valid[1][136:],
    }


def addresses() -> Inputs:
    texts = (
        "latent-seed=inf",
        "latent-seed=nan",
        "latent-seed=1e309",
        "latent-seed=",
        "latent-seed=-1e9",
        "latent-seed=1_0",
        "latent-n_neighbors=0x10",
        "latent-method=__import__('os')",
        "train-run=../../etc/passwd",
        "train-run=%00",
        "model=<script>alert(1)</script>",
        "data=folder:/etc",
        "data=npz:/etc/passwd",
        "data=own:../../x",
        "data=%ff%fe",
        "latent-selection=eJz~",
        "latent-selection=" + "A" * 5000 + "~",
        "latent-spot=nan~nan~x",
        "present=2",
        "reconstruct-which=" + "x" * 100_000,
        "&&&===&",
        "a[]=1&a[]=2",
        "train-chosen=a&train-chosen=%3Cb%3E",
        "denoise-strength-gaussian=1;2",
        "data=javascript:alert(1)",
        "data=%E2%80%AEtxt",
        "tour-step=[x](http://evil.example)",
    )
    return {text[:60]: text.encode() for text in texts}
