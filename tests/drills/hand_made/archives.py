"""Bad zips of images, archives and npz files."""

import io
import pickle
import zipfile

import numpy as np

from tests.drills.hand_made.payload import Inputs, Payload


def member(name: str, content: bytes, **attributes: object) -> tuple[zipfile.ZipInfo, bytes]:
    about = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(about, key, value)
    return about, content


def zipped(*members: tuple[zipfile.ZipInfo, bytes], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for about, content in members:
            archive.writestr(about, content)
        archive.comment = comment
    return buffer.getvalue()


def zips(png: bytes) -> Inputs:
    deflated = {"compress_type": zipfile.ZIP_DEFLATED}
    one = zipped(member("a.png", png))
    end = one.rfind(b"PK\x05\x06")
    return {
        "only PK": b"PK",
        "end record alone": b"PK\x05\x06" + bytes(18),
        "no end": one[:end],
        "a bomb": zipped(member("a.png", bytes(40_000_000), **deflated)),
        "bomb of many": zipped(
            *(member(f"{n}.png", bytes(8_000_000), **deflated) for n in range(9))
        ),
        "a zip in a zip": zipped(member("a.zip", one)),
        "named as an image": zipped(member("a.png", one)),
        "a link": zipped(member("a.png", b"/etc/passwd", external_attr=0o120777 << 16)),
        "absolute path": zipped(member("/etc/cron.d/a.png", png)),
        "path upward": zipped(member("../../../tmp/a.png", png)),
        "backslashes": zipped(member("..\\..\\a.png", png)),
        "drive": zipped(member("C:\\a.png", png)),
        "script as a name": zipped(member('<img src=x onerror="alert(1)">.png', png)),
        "markdown as a name": zipped(member("[a](http://evil.example) ![](x).png", b"no image")),
        "bidi name": zipped(member("a\u202egnp.png", b"no image")),
        "long name": zipped(member("a" * 60_000 + ".png", b"no image")),
        "no name": zipped(member("", png)),
        "dots": zipped(member("..png", png)),
        "the same name twice": zipped(member("a.png", png), member("a.png ", png)),
        "encrypted": one[:6]
        + b"\1"
        + one[7:].replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1", 1),
        "lzma": zipped(member("a.png", png, compress_type=zipfile.ZIP_LZMA)),
        "bzip2": zipped(member("a.png", png, compress_type=zipfile.ZIP_BZIP2)),
        "unknown method": one.replace(b"\x14\0\0\0\0\0", b"\x14\0\0\0\x63\0"),
        "text alone": zipped(member("a.txt", b"text")),
        "clutter alone": zipped(member("__MACOSX/a.png", png)),
        "a folder alone": zipped(member("a.png/", b"")),
        "empty": zipped(),
        "10,001 entries": zipped(*(member(f"{n}.png", b"") for n in range(10_001))),
        "false count": one[: end + 8] + b"\xff\xff\xff\xff" + one[end + 12 :],
        "listing beyond its end": one[: end + 16] + b"\xff\xff\xff\x7f" + one[end + 20 :],
        "a long comment": zipped(member("a.png", png), comment=b"x" * 65_535),
        "data before it": b"PK" + bytes(1000) + one,
        "damaged inside": one[:60] + bytes(40) + one[100:],
        "an image and a text": zipped(member("a.png", png), member("b.png", b"no image")),
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


def npz() -> Inputs:
    from tests.drills.readers import arrays

    pictures, labels = np.zeros((4, 32, 32, 3), np.uint8), np.arange(4)
    objects = np.array([Payload()], object)
    header = b"\x93NUMPY\1\0v\0{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 32, 32, 3), }"
    return {
        "empty": b"",
        "a pickle": pickle.dumps(Payload()),
        "text": b"text",
        "a zip of text": zipped(member("a.txt", b"x")),
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
        "a shape of 2^50": zipped(
            member("test_images.npy", (header % 2**50).ljust(127) + b"\n" + bytes(64))
        ),
        "code as a header": zipped(
            member(
                "test_images.npy",
                b"\x93NUMPY\1\0v\0" + b"__import__('os').system('id')".ljust(117) + b"\n",
            )
        ),
    }
