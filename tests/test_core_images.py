"""core.images: what people send becomes upright RGB or one clear line, and nothing else."""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import threading
import time
import zlib
from operator import itemgetter

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from core import images
from core.images import ImageError, decode_image, encode_jpeg, encode_png, read_image

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF", "gif": "GIF"}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A seeded drawing, uint8 (48, 64, 3): a red left half, a blue corner, smooth shading."""
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[..., 1] = np.linspace(0, 90, 48, dtype=np.uint8)[:, None]
    rgb[:, :32, 0] = 220
    rgb[:12, 48:, 2] = 255
    return rgb


def file_of(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def png_with_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has a few bytes of pixels: a decompression bomb's beginning."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + chunk(b"IEND", b"")
    )


def with_scans(picture: np.ndarray, extra: int) -> bytes:
    """A progressive JPEG whose last scan, a refinement, comes ``extra`` times more."""
    data = file_of(Image.fromarray(picture), "JPEG", progressive=True)
    last_scan = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last_scan * extra + data[-2:]


def tiled_tiff(side_px: int, tile_px: int) -> bytes:
    """A grey TIFF of one deflated tile, of which the upper left corner is the picture."""
    pixels = zlib.compress(bytes(tile_px * tile_px))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[256] = tags[257] = side_px
    tags[258], tags[259], tags[262], tags[277] = 8, 8, 1, 1  # bits, deflate, 0 is black, channels
    tags[TiffImagePlugin.TILEWIDTH] = tags[TiffImagePlugin.TILELENGTH] = tile_px
    tags[324], tags[325] = 8, len(pixels)  # where the tile lies
    head = struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels
    return head + tags.tobytes(len(head))


def assert_one_clear_line(error: ImageError, name: str) -> None:
    text = str(error)
    assert text.startswith(name)
    assert text.isprintable(), "a message must be one printable line"
    assert 20 < len(text) < 400


# --- what can be read ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_rgb_picture(picture: np.ndarray, suffix: str) -> None:
    options = {"quality": 95} if suffix in ("jpg", "webp") else {}
    data = file_of(Image.fromarray(picture), FORMATS[suffix], **options)
    rgb = decode_image(data, f"x.{suffix}")
    assert rgb.dtype == np.uint8 and rgb.shape == picture.shape
    assert np.abs(rgb.astype(int) - picture).mean() < 4
    assert rgb[30, 10, 0] > 180 and rgb[30, 10, 2] < 60, "red must stay in the first channel"


def test_png_round_trip_is_exact_and_jpeg_is_close(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_image(encode_png(picture), "x"), picture)
    close = decode_image(encode_jpeg(picture), "x")
    assert np.abs(close.astype(int) - picture).mean() < 4


def test_a_decoded_picture_can_be_written_to(picture: np.ndarray) -> None:
    rgb = decode_image(encode_png(picture), "x")
    rgb[0, 0] = 7
    assert rgb[0, 0].tolist() == [7, 7, 7]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_undone(
    picture: np.ndarray, orientation: int, format_name: str
) -> None:
    stored = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.swapaxes(0, 1),
        6: np.rot90(picture),
        7: picture[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(picture, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = file_of(Image.fromarray(np.ascontiguousarray(stored)), format_name, exif=exif)
    upright = decode_image(data, "x")
    assert upright.shape == picture.shape
    assert np.abs(upright.astype(int) - picture).mean() < 8


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_nonsense_orientation_and_damaged_exif_leave_the_picture(
    picture: np.ndarray, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = file_of(Image.fromarray(picture), "JPEG", exif=exif)
    assert decode_image(data, "x").shape == picture.shape
    damaged = data.replace(b"Exif\x00\x00", b"Exif\x00\x00\xff\xff", 1)
    assert decode_image(damaged, "x").shape == picture.shape


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_colour_modes_become_rgb(picture: np.ndarray, mode: str) -> None:
    format_name = "TIFF" if mode == "CMYK" else "PNG"
    rgb = decode_image(file_of(Image.fromarray(picture).convert(mode), format_name), "x")
    assert rgb.dtype == np.uint8 and rgb.shape == picture.shape


def test_grayscale_has_three_equal_channels(picture: np.ndarray) -> None:
    rgb = decode_image(file_of(Image.fromarray(picture).convert("L"), "JPEG"), "x")
    assert (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all()


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(format_name: str) -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None].repeat(4, axis=0)
    rgb = decode_image(file_of(Image.fromarray(ramp), format_name), "x")
    assert (np.abs(rgb[0, :, 0].astype(int) - np.arange(256)) <= 1).all()


def test_each_sixteen_bit_value_becomes_the_nearest_of_eight() -> None:
    values = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    rgb = decode_image(file_of(Image.fromarray(values), "PNG"), "x")
    assert np.abs(rgb[..., 0] - values / 257).max() < 0.503


def test_half_transparent_pixels_are_mixed_with_white(picture: np.ndarray) -> None:
    alpha = np.linspace(0, 255, picture.shape[0] * picture.shape[1]).reshape(picture.shape[:2])
    rgba = np.dstack([picture, alpha.astype(np.uint8)])
    rgb = decode_image(file_of(Image.fromarray(rgba), "PNG"), "x")
    opacity = rgba[..., 3:] / 255
    assert np.abs(rgb - (opacity * picture + (1 - opacity) * 255)).max() <= 1


def test_transparent_pixels_lie_on_white(picture: np.ndarray) -> None:
    rgba = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    rgba[:, :32, 3] = 0
    rgb = decode_image(file_of(Image.fromarray(rgba), "PNG"), "x")
    assert (rgb[:, :32] == 255).all()
    np.testing.assert_array_equal(rgb[:, 32:], picture[:, 32:])
    palette = Image.fromarray(picture).quantize(8)
    transparent = palette.getpixel((0, 0))
    for format_name in ("GIF", "PNG"):
        data = file_of(palette, format_name, transparency=transparent)
        assert decode_image(data, "x")[0, 0].tolist() == [255, 255, 255]


def test_palette_with_transparency_in_bytes_reads_without_a_warning(picture: np.ndarray) -> None:
    palette = Image.fromarray(picture).quantize(8)
    data = file_of(palette, "PNG", transparency=bytes([0, 128, 255]))
    assert decode_image(data, "x").shape == picture.shape


def test_cmyk_uses_its_profile_or_the_plain_formula(picture: np.ndarray) -> None:
    cmyk = Image.fromarray(picture).convert("CMYK")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for options in ({}, {"icc_profile": b"damaged" * 40}, {"icc_profile": srgb}):
        rgb = decode_image(file_of(cmyk, "JPEG", quality=95, **options), "x")
        assert np.abs(rgb.astype(int) - picture).mean() < 8


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animated_files_give_their_first_frame(picture: np.ndarray, format_name: str) -> None:
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    data = file_of(frames[0], format_name, save_all=True, append_images=frames[1:])
    assert np.abs(decode_image(data, "x").astype(int) - picture).mean() < 8


def test_multi_picture_jpeg_of_phones_reads(picture: np.ndarray) -> None:
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    data = file_of(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert np.abs(decode_image(data, "x").astype(int) - picture).mean() < 8


def test_progressive_jpegs_with_many_scans_read(picture: np.ndarray) -> None:
    plain = file_of(Image.fromarray(picture), "JPEG", progressive=True)
    many = with_scans(picture, 100 - plain.count(b"\xff\xda"))
    assert decode_image(many, "x").shape == picture.shape


def test_marks_of_scans_that_are_none_are_not_counted(picture: np.ndarray) -> None:
    """In a comment, in the other pictures of a file, and in a motion photo's video."""
    mark = b"\xff\xda\x00\x08" * 1000
    image = Image.fromarray(picture)
    noise = random.Random(0).randbytes(2_000_000)
    frames = [Image.fromarray(np.roll(picture, shift, axis=1)) for shift in range(20)]
    many = {"save_all": True, "append_images": frames, "progressive": True}
    for data in (
        file_of(image, "JPEG", comment=mark),
        file_of(image, "JPEG", progressive=True) + mark + noise,
        file_of(image, "MPO", **many),
    ):
        assert data.count(b"\xff\xda") > 100
        assert np.abs(decode_image(data, "x").astype(int) - picture).mean() < 8


def test_tiles_larger_than_the_picture_read() -> None:
    assert decode_image(tiled_tiff(100, 128), "x").shape == (100, 100, 3)


def test_the_content_decides_not_the_name(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_image(encode_png(picture), "renamed.jpg"), picture)


def test_one_pixel_and_very_long_pictures_read() -> None:
    for shape in ((1, 1, 3), (1, 40_000, 3), (40_000, 1, 3)):
        assert decode_image(encode_png(np.zeros(shape, np.uint8)), "x").shape == shape


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\x00", "not a picture"),
        (b"hello world" * 50, "not a picture"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04 ...", "zip"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "HEIC"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00", "AVIF"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00", "video"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (b"P6 2 2 255 " + bytes(12), "not a picture"),  # a format Pillow knows and we do not offer
    ],
)
def test_non_images_are_refused_with_one_line(data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        decode_image(data, "x.jpg")
    assert_one_clear_line(caught.value, "x.jpg")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
def test_truncated_files_are_refused_not_shown_half_grey(suffix: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = file_of(Image.fromarray(noise), FORMATS[suffix])
    with pytest.raises(ImageError) as caught:
        decode_image(data[: int(len(data) * kept)], f"cut.{suffix}")
    assert_one_clear_line(caught.value, f"cut.{suffix}")


@pytest.mark.parametrize(
    ("width", "height"), [(10_000, 10_000), (12_000, 9_000), (50_000, 50_000), (2**31 - 1, 2)]
)
def test_huge_pictures_are_refused_before_their_pixels_are_decoded(width: int, height: int) -> None:
    start = time.perf_counter()
    with pytest.raises(ImageError, match="at most 50 million") as caught:
        decode_image(png_with_header(width, height), "bomb.png")
    assert time.perf_counter() - start < 0.5
    assert_one_clear_line(caught.value, "bomb.png")


def test_a_claimed_size_without_the_pixels_is_refused() -> None:
    with pytest.raises(ImageError, match="damaged or incomplete"):
        decode_image(png_with_header(3000, 3000), "short.png")


def test_millions_of_empty_blocks_do_not_keep_the_parser_busy() -> None:
    chunk = struct.pack(">I", 0) + b"abCd" + struct.pack(">I", zlib.crc32(b"abCd"))
    data = png_with_header(9, 9)
    with pytest.raises(ImageError, match="too many blocks"):
        decode_image(data[:33] + chunk * 300_000 + data[33:], "blocks.png")


def test_hundreds_of_scans_are_refused_before_they_are_decoded() -> None:
    data = with_scans(np.zeros((1024, 1024, 3), np.uint8), 2000)
    start = time.perf_counter()
    with pytest.raises(ImageError, match="more than 100 scans") as caught:
        decode_image(data, "scans.jpg")
    assert time.perf_counter() - start < 0.5
    assert_one_clear_line(caught.value, "scans.jpg")


@pytest.mark.parametrize("disguise", [b"\xff", b"\xff\x01", b"\xff\xd0", b"\xff\xe0\x00\x00"])
def test_scans_behind_marks_that_decoders_step_over_are_counted(
    picture: np.ndarray, disguise: bytes
) -> None:
    def disguised(extra: int) -> bytes:
        head, first, others = with_scans(picture, extra).partition(b"\xff\xda")
        return head + first + others.replace(b"\xff\xda", disguise + b"\xff\xda")

    assert decode_image(disguised(5), "x").shape == picture.shape
    with pytest.raises(ImageError, match="more than 100 scans"):
        decode_image(disguised(200), "scans.jpg")


def test_scans_behind_an_invalid_mark_in_the_place_of_a_restart_are_counted(
    picture: np.ndarray,
) -> None:
    image = Image.fromarray(picture)
    data = file_of(image, "JPEG", progressive=True, restart_marker_blocks=1)
    start = data.rfind(b"\xff\xda")
    header = data[start : start + 2 + data[start + 3]]
    invalid = b"\xff\x02\x7f\x00"  # whoever takes it for a segment steps over 32 kB

    def hidden(extra: int) -> bytes:
        return data[:-2] + (header + invalid) * extra + data[-2:]

    assert decode_image(hidden(5), "x").shape == picture.shape
    with pytest.raises(ImageError, match="more than 100 scans"):
        decode_image(hidden(200), "scans.jpg")


def test_millions_of_empty_segments_behind_a_scan_are_refused(picture: np.ndarray) -> None:
    data = encode_jpeg(picture)
    with pytest.raises(ImageError, match="too many blocks"):
        decode_image(data[:-2] + b"\xff\xe1\x00\x02" * 300_000 + data[-2:], "blocks.jpg")


def test_a_tile_much_larger_than_the_picture_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageError, match="tiles of 16384 × 16384 pixels") as caught:
        decode_image(tiled_tiff(16, 16_384), "tile.tif")
    assert_one_clear_line(caught.value, "tile.tif")


def hand_made_tiff(
    order: str, is_big: bool, tiles: list[tuple[int, int, int]], start: int = 0x2000
) -> bytes:
    """A grey TIFF of 16 × 16 px in one deflated tile; ``tiles``: tag, type and value as written.

    The tags lie at ``start``.
    """
    pixels = zlib.compress(bytes(1024 * 1024))
    number, entry, version = ("Q", "HHQ", 43) if is_big else ("H", "HHI", 42)
    place = struct.pack(order + ("HHQ" if is_big else "I"), *((8, 0) if is_big else ()), start)
    mark = {"<": b"II", ">": b"MM"}[order]
    head = (mark + struct.pack(order + "H", version) + place).ljust(16, b"\0") + pixels
    plain = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 324: 16, 325: len(pixels)}
    entries = sorted(
        [*((tag, 4, value) for tag, value in plain.items()), *tiles], key=itemgetter(0)
    )
    ifd = struct.pack(order + number, len(entries))
    for tag, kind, value in entries:
        values = struct.pack(order + {4: "I", 17: "q"}[kind], value)
        ifd += struct.pack(order + entry, tag, kind, 1) + values.ljust(8 if is_big else 4, b"\0")
    return head.ljust(start, b"\0") + ifd + bytes(8)


TILE, TWICE = [(322, 4, 1024), (323, 4, 1024)], [(322, 4, 40_000), (323, 4, 40_000)]


@pytest.mark.parametrize(("order", "is_big"), [("<", False), (">", False), ("<", True)])
def test_a_tile_whose_size_is_said_twice_is_refused(order: str, is_big: bool) -> None:
    """Pillow read the second, small size, and libtiff decoded a tile of the first, huge one."""
    assert decode_image(hand_made_tiff(order, is_big, TILE), "x").shape == (16, 16, 3)
    with pytest.raises(ImageError, match="the tag 322 of the TIFF occurs 2 times") as caught:
        decode_image(hand_made_tiff(order, is_big, TWICE + TILE), "twice.tif")
    assert_one_clear_line(caught.value, "twice.tif")


def test_a_tile_whose_size_only_the_decoder_can_read_is_refused() -> None:
    tiles = [(322, 17, 40_000), (323, 17, 40_000)]  # 17: signed, 64 bits
    with pytest.raises(ImageError, match=r"the tag 322 of the TIFF .* no plain number"):
        decode_image(hand_made_tiff("<", True, tiles), "x.tif")


def test_a_kind_of_tiff_that_only_the_decoder_can_read_is_refused() -> None:
    """Pillow takes the head of a big-endian BigTIFF for a plain one whose tags lie at 0x80000."""
    data = hand_made_tiff(">", False, TILE, start=0x80000)
    with pytest.raises(ImageError, match="big-endian BigTIFF"):
        decode_image(b"MM\0\x2b\0\x08\0\0" + data[8:], "x.tif")


def test_a_picture_longer_than_any_jpeg_is_refused() -> None:
    row = np.zeros((1, 65_501, 3), np.uint8)
    assert decode_image(encode_jpeg(row[:, 1:]), "x").shape == (1, 65_500, 3)
    for picture in (row, row.swapaxes(0, 1)):
        with pytest.raises(ImageError, match="65,500"):
            encode_jpeg(picture)


def test_files_over_the_byte_limit_are_refused() -> None:
    with pytest.raises(ImageError, match="larger than 64 MiB"):
        decode_image(bytes(images.MAX_FILE_BYTES + 1), "large.jpg")


@pytest.mark.parametrize("mode", ["F", "I"])
def test_thirty_two_bits_a_pixel_are_refused_with_the_reason(mode: str) -> None:
    with pytest.raises(ImageError, match="32 bits"):
        decode_image(file_of(Image.new(mode, (4, 4)), "TIFF"), "depth.tif")


@pytest.mark.parametrize("name", ["a\nb\x1b[31m.jpg", "\u202egpj.exe", "\udcff.jpg", "n" * 900])
def test_odd_names_become_one_printable_line(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(b"", name)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400
    str(caught.value).encode("utf-8")


def test_paths_that_cannot_be_read_are_refused(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")  # opening it would wait for ever
    for path, says in (
        (tmp_path / "missing.jpg", "no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe.jpg", "not a regular file"),
        (str(tmp_path / "a\x00b.jpg"), "cannot be read"),
        (tmp_path / ("n" * 300), "cannot be read"),
    ):
        with pytest.raises(ImageError, match=says) as caught:
            read_image(path)
        assert str(caught.value).isprintable()


def test_a_file_with_an_odd_name_reads(tmp_path, picture: np.ndarray) -> None:
    path = tmp_path / "ü 写真\n🙂.png"
    path.write_bytes(encode_png(picture))
    np.testing.assert_array_equal(read_image(path), picture)


# --- manners ------------------------------------------------------------------------------------


def test_pillow_keeps_its_own_limits() -> None:
    from PIL import ImageFile

    assert Image.MAX_IMAGE_PIXELS == 89_478_485
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_threads_decode_side_by_side(picture: np.ndarray) -> None:
    files = [file_of(Image.fromarray(picture), name) for name in FORMATS.values()]
    expected = [decode_image(data, "x") for data in files]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            for number, data in enumerate(files):
                if not np.array_equal(decode_image(data, "x"), expected[number]):
                    wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- fuzz ---------------------------------------------------------------------------------------


def seed_files() -> list[bytes]:
    """Small files of every format, and the odd variants of some."""
    noise = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    smooth = np.kron(noise[::8, ::8], np.ones((8, 8, 1), np.uint8))
    image, other = Image.fromarray(smooth), Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    both = {"save_all": True, "append_images": [other]}
    return [
        *(file_of(image, name) for name in FORMATS.values()),
        file_of(image, "JPEG", progressive=True, exif=exif),
        file_of(image.convert("CMYK"), "JPEG"),
        file_of(image.convert("RGBA"), "PNG"),
        file_of(Image.fromarray(noise[..., 0].astype(np.uint16) * 256), "PNG"),
        file_of(image, "WEBP", lossless=True),
        file_of(image, "TIFF", compression="tiff_lzw", exif=exif),
        file_of(image, "TIFF", compression="jpeg"),
        *(file_of(image, name, **both) for name in ("GIF", "WEBP", "PNG", "TIFF", "MPO")),
        file_of(image.quantize(16), "BMP"),
    ]


def mutated(rng: random.Random, files: list[bytes]) -> bytes:
    """One file damaged in one of the ways that disks, networks and enemies have."""
    data = bytearray(rng.choice(files))
    kind = rng.randrange(6)
    if kind == 0:  # bit flips anywhere
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:  # extreme bytes in the header, where sizes and counts are
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(min(len(data), 64))] = rng.choice((0, 1, 127, 128, 255))
    elif kind == 2:  # cut
        del data[rng.randrange(len(data)) :]
    elif kind == 3:  # a block inserted
        at = rng.randrange(len(data))
        data[at:at] = rng.randbytes(rng.randint(1, 64))
    elif kind == 4:  # the head of one format on the body of another
        at = rng.randint(4, 64)
        data[:at] = rng.choice(files)[:at]
    else:  # a block removed or repeated
        at, length = rng.randrange(len(data)), rng.randint(1, 64)
        data[at : at + length] = data[at : at + length] * rng.choice((0, 2, 50))
    return bytes(data)


@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged metadata, and may
def test_fuzz_3000_damaged_files_give_a_picture_or_an_image_error() -> None:
    rng, files = random.Random(20), seed_files()
    pictures, slowest_s = 0, 0.0
    peak_before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(3000):
        data = mutated(rng, files)
        start = time.perf_counter()
        try:
            rgb = decode_image(data, f"fuzz {number}")
        except ImageError as error:
            assert_one_clear_line(error, f"fuzz {number}")
        else:
            pictures += 1
            assert rgb.dtype == np.uint8 and rgb.ndim == 3 and rgb.shape[2] == 3
            assert 0 < rgb.shape[0] * rgb.shape[1] <= images.MAX_PIXELS
        slowest_s = max(slowest_s, time.perf_counter() - start)
    assert pictures > 300, "damage must not be so heavy that decoders are never reached"
    assert slowest_s < 5
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert peak_kib - peak_before_kib < 1_000_000, "at most a few times the largest picture"


def test_warnings_as_errors_still_give_only_image_errors() -> None:
    rng, files = random.Random(21), seed_files()
    for number in range(300):  # under pytest's filterwarnings = error
        try:
            decode_image(mutated(rng, files), f"fuzz {number}")
        except ImageError as error:
            assert_one_clear_line(error, f"fuzz {number}")
