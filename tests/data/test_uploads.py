import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from convae.data import decoding, uploads
from convae.errors import DataError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(color=RED, size=(40, 40), kind="PNG", mode="RGB", **options):
    return encoded(Image.new(mode, size, color), kind, **options)


def decoded(*files):
    """(images, problems) of these bytes, named 1.png, 2.png or 3.zip."""
    named = [(f"{n}.{'zip' if d[:2] == b'PK' else 'png'}", d) for n, d in enumerate(files, 1)]
    return uploads.decode_uploads(named)[::2]


def zipped(*members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 999)), (b"IEND", b"")):
        parts += [
            struct.pack(">I", len(body)),
            kind,
            body,
            struct.pack(">I", zlib.crc32(kind + body)),
        ]
    return b"".join(parts)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("size", [(40, 40), (32, 32), (7, 5), (300, 90), (1, 500)])
def test_every_format_and_size_becomes_32x32(kind, size):
    image = uploads.decode_upload(plain((200, 40, 90), size, kind))
    assert image.shape == (32, 32, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - (200, 40, 90)).max() < 12


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_becomes_rgb(mode):
    white = encoded(Image.new("L", (50, 50), 255).convert(mode) if mode != "I;16" else wide(65535))
    assert uploads.decode_upload(white).min() == 255


def test_cmyk_jpeg_becomes_rgb():
    data = encoded(Image.new("RGB", (64, 64), BLUE).convert("CMYK"), "JPEG")
    red, _, blue = uploads.decode_upload(data)[16, 16]
    assert blue > 200 and red < 60


def wide(value):
    return Image.fromarray(np.full((50, 50), value, np.uint16))


def test_sixteen_bits_are_scaled_and_not_clipped():
    assert set(uploads.decode_upload(encoded(wide(128 * 257))).ravel().tolist()) == {128}


def test_transparent_areas_are_shown_on_white():
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((0, 0, 0, 128), (16, 0, 32, 32))
    shown = uploads.decode_upload(encoded(image))
    assert shown[0, 0].tolist() == [255, 255, 255]
    assert abs(int(shown[0, 31, 0]) - 127) <= 1


def test_the_middle_square_is_kept():
    wide_image = Image.new("RGB", (96, 32), RED)
    wide_image.paste(GREEN, (32, 0, 64, 32))
    assert (uploads.decode_upload(encoded(wide_image)) == GREEN).all()


def test_fit_square_leaves_a_fitting_image_alone():
    image = Image.new("RGB", (32, 32), RED)
    assert decoding.fit_square(image) is image
    assert decoding.fit_square(image, 8).size == (8, 8)


def test_photographs_stand_upright():
    image = Image.new("RGB", (64, 64), RED)
    image.paste(BLUE, (0, 0, 64, 32))  # the top, as stored
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    shown = uploads.decode_upload(encoded(image, "PNG", exif=exif.tobytes()))
    assert shown[2, 16].tolist() == list(RED) and shown[29, 16].tolist() == list(BLUE)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_used_and_said(kind):
    frames = [Image.new("RGB", (32, 32), color) for color in (RED, GREEN)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    image, notes = uploads.decode_upload_with_notes(data)
    assert image[0, 0, 0] > 240 and image[0, 0, 1] < 15
    assert notes == ["The image is an animation; its first frame is used."]
    assert uploads.decode_upload_with_notes(plain())[1] == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"hello", "is not an image that can be read here; give a PNG, JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image"),
        (plain(kind="TIFF"), "is not an image"),
        (plain(kind="PPM"), "is not an image"),
        (b"\0" * (32 * 2**20 + 1), r"too large a file \(32.0 MB; at most 32 MB\)"),
        (png_that_claims(5000, 4000), r"too large \(5000 x 4000 pixels in a file of 0 kB\)"),
        (png_that_claims(9000, 9000), r"too large \(9000 x 9000 pixels; at most 80 megapixels\)"),
        (png_that_claims(12000, 9000), "more than 89 megapixels; at most 80"),
        (png_that_claims(60000, 60000), "more than 89 megapixels; at most 80"),
        (png_that_claims(1000, 1000), "damaged or incomplete"),
        (plain(kind="JPEG", size=(200, 200))[:-300], "damaged or incomplete"),
        (plain(kind="PNG", size=(200, 200))[:-30], "damaged or incomplete"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(data, message):
    with pytest.raises(DataError, match=message) as caught:
        uploads.decode_upload(data)
    text = str(caught.value)
    assert text.startswith("The image ") and text.endswith(".") and "\n" not in text
    assert caught.value.__suppress_context__


def test_damaged_files_of_any_kind_end_in_a_sentence():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8))
    for kind in decoding.UPLOAD_FORMATS:
        whole = encoded(noise, kind)
        for _ in range(40):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 5):
                data[place] = rng.integers(0, 256)
            try:
                assert uploads.decode_upload(bytes(data)).shape == (32, 32, 3)
            except DataError:
                pass


def test_one_bad_file_does_not_lose_the_others():
    found, problems = decoded(plain(RED), b"nonsense", plain(BLUE))
    assert [tuple(image[0, 0]) for image in found] == [RED, BLUE]
    assert len(problems) == 1 and problems[0].startswith('"2.png" is not an image')


def test_no_files_give_no_images():
    found, problems = decoded()
    assert found.shape == (0, 32, 32, 3) and found.dtype == np.uint8 and problems == []


def test_a_zip_among_images_is_unpacked_in_memory():
    archive = zipped(
        ("a/one.png", plain(GREEN)),
        ("__MACOSX/._one.png", b"junk"),
        (".DS_Store", b"junk"),
        ("../../evil.png", plain(BLUE)),
        ("notes.txt", b"hello"),
        ("broken.jpg", b"hello"),
    )
    found, problems = decoded(plain(RED), archive)
    assert [tuple(image[0, 0]) for image in found] == [RED, GREEN, BLUE]
    assert problems[0] == 'The zip "2.zip" also holds 1 file that is not an image; left out.'
    assert problems[1].startswith('"broken.jpg" in the zip "2.zip" is not an image')
    assert ".." not in " ".join(problems)


def test_animations_among_uploads_are_named_by_their_place():
    frames = [Image.new("RGB", (32, 32), color) for color in (RED, GREEN)]
    film = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    _, problems = decoded(plain(), film)
    assert problems == ['"2.png" is an animation; its first frame is used.']


def test_links_encrypted_and_oddly_packed_members_are_left_out():
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    archive = zipped((link, b"/etc/passwd"), ("fine.png", plain()))
    encrypted = bytearray(zipped(("secret.png", plain())))
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    odd = zipped(("odd.png", plain()), compression=zipfile.ZIP_LZMA)
    found, problems = decoded(archive, bytes(encrypted), odd)
    assert len(found) == 1
    assert problems == [
        '"link.png" in the zip "1.zip" is a link, not a file; left out.',
        '"secret.png" in the zip "2.zip" is encrypted; left out.',
        '"odd.png" in the zip "3.zip" is packed in an unusual way; left out.',
    ]


def test_a_zip_bomb_is_not_unpacked():
    found, problems = decoded(zipped(("bomb.bmp", b"\0" * 7_000_000)))
    assert len(found) == 0
    assert problems == [
        '"bomb.bmp" in the zip "1.zip" unpacks to more than 200 times its size; left out.'
    ]


def test_a_member_that_lies_about_its_size_is_cut_off(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", 1000)
    noise = np.random.default_rng(0).bytes(5000)
    found, problems = decoded(zipped(("large.png", noise)))
    assert len(found) == 0 and "too large a file" in problems[0]


def test_what_a_zip_unpacks_to_is_capped(monkeypatch):
    content = plain(size=(64, 64))
    monkeypatch.setattr(uploads, "MAX_ZIP_BYTES", 2 * len(content))
    found, problems = decoded(zipped(*((f"{i}.png", content) for i in range(4))))
    assert len(found) == 2
    assert "only the first 2 images are used" in problems[0]


def test_the_members_of_a_zip_are_capped(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 3)
    archive = zipped(*((f"{i}.png", plain()) for i in range(5)))
    found, problems = decoded(archive, plain())
    assert len(found) == 3
    assert problems[0] == 'The zip "1.zip" holds 5 images; the first 3 are used.'
    assert problems[1].startswith('"2.png" and all after it were left out: at most 3 images')


def test_a_zip_with_an_endless_listing_is_not_even_opened(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_ZIP_ENTRIES", 3)
    _, problems = decoded(zipped(*((f"{i}.txt", b"") for i in range(4))))
    assert problems == ['The zip "1.zip" has more than 3 entries; give a smaller one.']


@pytest.mark.parametrize(("end", "count"), [(None, 2), (-30, 0)])
def test_the_work_of_decoding_is_capped(end, count, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_WORK_PIXELS", 3000)
    found, problems = decoded(*[plain(size=(40, 40))[:end]] * 4)
    assert len(found) == count and '"3.png" and all after it were left out' in problems[-1]


@pytest.mark.parametrize("data", [b"PK", b"PK\x03\x04" + b"\0" * 50, zipped()[:-1]])
def test_a_damaged_zip_is_named(data):
    found, problems = decoded(data, plain())
    assert len(found) == 1 and problems[0].startswith('The zip "1.zip" is damaged')


@pytest.mark.parametrize("data", [b"", b"no zip at all", plain()])
def test_a_file_named_zip_that_is_none_is_called_so(data):
    found = uploads.decode_uploads([("bad.ZIP", data), ("fine.png", plain())])
    assert found.names == ["fine.png"]
    assert found.problems == [
        'The zip "bad.ZIP" is damaged or not a zip and cannot be opened; make it again and retry.'
    ]


def test_damage_inside_a_zip_costs_one_image():
    archive = bytearray(zipped(("a.png", plain()), ("b.png", plain())))
    archive[archive.index(b"a.png") + 12] ^= 255
    found, problems = decoded(bytes(archive))
    assert len(found) == 1
    assert problems == ['"a.png" in the zip "1.zip" is damaged inside the zip; left out.']


def test_zips_inside_zips_are_not_opened():
    nested = zipped(("inner.zip", zipped(("a.png", plain()))), ("inner.png", zipped(("b", b""))))
    found, problems = decoded(nested)
    assert len(found) == 0 and '"inner.png" in the zip "1.zip" is not an image' in problems[1]


def test_a_zip_without_images_says_what_belongs_in_it():
    _, problems = decoded(zipped(("a.txt", b"hello")))
    assert problems == [
        'The zip "1.zip" holds no images; put PNG, JPEG, WebP, BMP or GIF files in it.'
    ]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("cat.png", '"cat.png"'),
        ("/home/me/secret/cats/one (2).png", '"cats/one (2).png"'),
        ("C:\\Users\\me\\cat.png", '"me/cat.png"'),
        ("Grüße 猫.png", '"Grüße 猫.png"'),
        ("a<img src=x>`*[x](y)`\u202egnp.exe", '"a_img src_x____x_(y)__gnp.exe"'),
        ("x" * 200 + ".png", f'"{"x" * 30}...{"x" * 23}.png"'),
        ("a\nb\0c.png", '"a_b_c.png"'),
    ],
)
def test_names_in_messages_are_cleaned(given, shown):
    assert uploads.shown_name(given) == shown


def test_every_image_has_a_name_of_its_own():
    both = [("a.zip", zipped(("x/1.png", plain()))), ("b.zip", zipped(("x/1.png", plain())))]
    names = uploads.decode_uploads([*both, ("../../1.png", plain()), ("1.png", plain())]).names
    assert names == ["x/1.png", "x/2 1.png", "1.png", "2 1.png"]
