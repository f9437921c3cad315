"""Picture files in, upright RGB out, and back: the only door for bytes from outside.

Everything behind this module sees ``uint8 (H, W, 3)`` in RGB order. Decoding is Pillow's, with a
short list of formats, because files come from strangers: the size is read from the header and
judged before any pixel is decoded. BGR, OpenCV's order, never occurs: Pillow speaks RGB, and
OpenCV is only asked for geometry, drawing and filters, which do not care.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import (  # the plugins are imported for their decoders, so that Pillow looks for no others
    BmpImagePlugin,  # noqa: F401
    ExifTags,
    GifImagePlugin,  # noqa: F401
    Image,
    ImageCms,
    JpegImagePlugin,
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

#: The largest file read, in bytes (64 MiB): a camera's JPEG has 5 to 30.
MAX_FILE_BYTES = 64 * 1024 * 1024
#: The largest picture decoded, in pixels (width × height). 50 million end as 150 MB of RGB; on the
#: way they take 480 MiB, 670 if transparent, CMYK or turned, and 1,050 as a transparent WebP.
MAX_PIXELS = 50_000_000
#: File name endings of pictures, lower case: what a search through a folder picks up.
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
)

#: Pillow knows 40 formats, some of which run other programs; only these are ever tried.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_EXPECTED = "expected a JPEG, PNG, WebP, BMP, TIFF or GIF picture"
_SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})

#: Each scan of a JPEG goes over the whole picture and may take 34 bytes of the file. Progressive
#: photographs have about 10; libtiff draws the same line for the JPEGs in its files.
_MAX_SCANS = 100
#: Parts of a file (chunks, segments, reads). Photographs of any size have a few thousand; a file of
#: some megabytes can hold millions of empty ones, which keep a parser busy for minutes.
_MAX_BLOCKS = 200_000
_TOO_MANY_BLOCKS = "it consists of too many blocks"
#: A marker with its length. What else follows an FF has none: stuffed and fill bytes, restarts, and
#: the marks below C0, which decoders step over where they wait for a restart, or refuse.
_JPEG_SEGMENT = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])(..)", re.DOTALL)
_JPEG_START_LENGTH = 2
_JPEG_SCAN, _JPEG_END = b"\xda", b"\xd9"
#: libjpeg writes no longer side.
_MAX_JPEG_SIDE_PX = 65_500
#: The version that a BigTIFF, whose numbers have 64 bits, gives itself; all others say 42.
_BIG_TIFF = 43
_TILE_SIZE = (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH)

#: EXIF orientation → how to turn the stored picture upright; 1 (or nonsense) needs nothing.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(ValueError):
    """A file that cannot be used as a picture; the message is one line for whoever sent it."""


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """The picture in a file, upright: RGB uint8 (H, W, 3). Raises ``ImageError``."""
    name = os.fspath(path)
    try:
        # A pipe or device would block or never end, so look before opening.
        mode = os.stat(name).st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(f"{_shown(name)}: is a folder; {_EXPECTED}; name a file in it")
        if not stat.S_ISREG(mode):
            raise ImageError(f"{_shown(name)}: is not a regular file; {_EXPECTED}")
        with open(name, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ImageError(f"{_shown(name)}: no such file; check the path") from None
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{_shown(name)}: cannot be read ({reason}); check the path") from None
    return decode_image(data, Path(name).name)


def decode_image(data: bytes, name: str) -> np.ndarray:
    """The picture in the bytes of a file, upright by EXIF: RGB uint8 (H, W, 3).

    ``name`` is used in messages only; the format is told by the content. Animated files give
    their first frame; transparent pixels lie on white, the paper that cut-out portraits are made
    for; 16 bits are scaled to 8. Raises ``ImageError`` for everything that is not a whole,
    reasonably sized picture. Safe to call from several threads.
    """
    shown = _shown(name)
    if not data:
        raise ImageError(f"{shown}: the file is empty (0 bytes); {_EXPECTED}; send it again")
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(
            f"{shown}: the file is larger than {MAX_FILE_BYTES >> 20} MiB; save a smaller picture"
        )
    try:
        with Image.open(_FiniteFile(data), formats=_FORMATS) as image:
            _check_size(image.size, shown)
            if isinstance(image, JpegImagePlugin.JpegImageFile):
                _check_scans(data, shown)
            elif isinstance(image, TiffImagePlugin.TiffImageFile):
                _check_tags(image, data, shown)
                _check_tiles(image, shown)
            image.load()
            return _upright_rgb(image, shown)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        # Pillow's own alarm, at more than our limit; its text names its limit instead of ours.
        raise ImageError(_too_many_pixels(shown, "more")) from None
    except Image.UnidentifiedImageError:
        raise ImageError(
            f"{shown}: {_guess_content(data)}; {_EXPECTED}; convert it to JPEG or PNG"
        ) from None
    except Exception as error:
        # Decoders meet hostile bytes here and raise nearly anything (OSError, SyntaxError,
        # struct.error, MemoryError, ...): each means that these bytes are not a whole picture.
        detail = " ".join(str(error).split())[:100] or type(error).__name__
        raise ImageError(
            f"{shown}: the picture is damaged or incomplete ({_shown(detail)}); "
            f"{_EXPECTED}; save or send it again"
        ) from error


class _FiniteFile(io.BytesIO):
    """Bytes that can be read a limited number of times: ``_MAX_BLOCKS``."""

    _reads_left = _MAX_BLOCKS

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise OSError(_TOO_MANY_BLOCKS)
        return super().read(size)


def encode_jpeg(image_rgb: np.ndarray, quality: int = 92) -> bytes:
    """A JPEG file of an RGB uint8 (H, W, 3) picture; ``quality`` in 1..95.

    Raises ``ImageError`` for a picture longer than any JPEG.
    """
    height_px, width_px = image_rgb.shape[:2]
    if max(height_px, width_px) > _MAX_JPEG_SIDE_PX:
        raise ImageError(
            f"the picture has {width_px} × {height_px} pixels, a side of a JPEG at most "
            f"{_MAX_JPEG_SIDE_PX:,}; shrink it"
        )
    buffer = io.BytesIO()
    Image.fromarray(image_rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encode_png(image_rgb: np.ndarray) -> bytes:
    """A PNG file, without loss, of an RGB uint8 (H, W, 3) picture."""
    buffer = io.BytesIO()
    Image.fromarray(image_rgb).save(buffer, "PNG", compress_level=3)  # 3: twice as fast as 6
    return buffer.getvalue()


def _check_size(size: tuple[int, int], shown: str) -> None:
    width_px, height_px = size
    if width_px < 1 or height_px < 1:
        raise ImageError(f"{shown}: the picture has no pixels ({width_px} × {height_px})")
    if width_px * height_px > MAX_PIXELS:
        raise ImageError(_too_many_pixels(shown, f"{width_px} × {height_px}"))


def _check_scans(data: bytes, shown: str) -> None:
    """Walks the segments of the first picture in a JPEG file, as the decoder will.

    The bytes of a scan's marker also occur by chance: in thumbnails and profiles, which are
    stepped over by their length, and in what phones put after the picture's end.
    """
    position, scans = _JPEG_START_LENGTH, 0
    for _ in range(_MAX_BLOCKS):
        segment = _JPEG_SEGMENT.search(data, position)
        if segment is None or segment[1] == _JPEG_END:
            return
        scans += segment[1] == _JPEG_SCAN
        if scans > _MAX_SCANS:
            raise ImageError(
                f"{shown}: the JPEG has more than {_MAX_SCANS} scans, photographs have about 10; "
                "save it again"
            )
        position = segment.start(2) + int.from_bytes(segment[2])
    raise OSError(_TOO_MANY_BLOCKS)


def _check_tags(image: TiffImagePlugin.TiffImageFile, data: bytes, shown: str) -> None:
    """Refuses a TIFF that says something twice, or to one reader only.

    Pillow, which says the sizes, keeps the last of equal tags; libtiff, which decodes, the first.
    Nor does Pillow know all types of numbers, or the big-endian kind of BigTIFF, that libtiff does.
    """
    order = "<" if data.startswith(b"II") else ">"
    is_big = struct.unpack_from(order + "H", data, 2)[0] == _BIG_TIFF
    if is_big and order == ">":
        raise OSError("big-endian BigTIFF")
    number_format, entry_format = ("Q", "HHQ8s") if is_big else ("H", "HHI4s")
    start = image.tag_v2.offset
    (number,) = struct.unpack_from(order + number_format, data, start)
    start += struct.calcsize(order + number_format)
    entries = data[start : start + number * struct.calcsize(order + entry_format)]
    tags = Counter(tag for tag, *_ in struct.iter_unpack(order + entry_format, entries))
    for tag, times in tags.items():
        if times > 1 or (tag in _TILE_SIZE and tag not in image.tag_v2):
            raise ImageError(
                f"{shown}: the tag {tag} of the TIFF occurs {times} times or has no plain number; "
                "expected each tag once; save it again"
            )


def _check_tiles(image: TiffImagePlugin.TiffImageFile, shown: str) -> None:
    """A tile is decoded whole, however little of it is in the picture."""
    width_px, height_px = (image.tag_v2.get(tag, 0) for tag in _TILE_SIZE)
    if width_px * height_px > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise ImageError(
            f"{shown}: the picture is in tiles of {width_px} × {height_px} pixels, at most {limit} "
            "million are read; save it without tiles"
        )


def _too_many_pixels(shown: str, came: str) -> str:
    limit = MAX_PIXELS // 1_000_000
    return f"{shown}: the picture has {came} pixels, at most {limit} million are read; shrink it"


def _upright_rgb(image: Image.Image, shown: str) -> np.ndarray:
    """RGB uint8 (H, W, 3) of a loaded picture of any colour mode."""
    orientation = _orientation(image)
    if image.mode in _SIXTEEN_BIT_MODES:
        image = _eight_bits(image)
    elif image.mode in ("I", "F"):
        raise ImageError(
            f"{shown}: has 32 bits a pixel, whose black and white are not defined; "
            "save it with 8 or 16 bits"
        )
    elif image.mode == "CMYK":
        image = _rgb_from_cmyk(image)
    elif image.has_transparency_data:
        image = _on_white(image if image.mode == "RGBA" else image.convert("RGBA"))
    if image.mode != "RGB":
        image = image.convert("RGB")
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    return np.array(image)  # a copy: what Pillow lends is read-only


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits ÷ 257, rounded, in 16-bit sums: floats would take four times the memory.

    Of 257 h + d (h the high byte, |d| < 256) the first line leaves 256 h + d.
    """
    sixteen = np.array(image)
    sixteen -= sixteen >> 8
    sixteen += 127
    return Image.fromarray((sixteen >> 8).astype(np.uint8))


def _on_white(image_rgba: Image.Image) -> Image.Image:
    white = Image.new("RGB", image_rgba.size, "white")
    white.paste(image_rgba, mask=image_rgba)
    return white


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 where EXIF is absent or damaged.

    Asked after loading: Pillow turns TIFF by itself then and forgets the tag.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF raises nearly anything, and the pixels are still good
        return 1


def _rgb_from_cmyk(image: Image.Image) -> Image.Image:
    """Through the picture's ICC profile where it has a sound one, else by the plain formula."""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None  # a damaged profile costs exact colours, not the picture
        if converted is not None:
            return converted
    return image.convert("RGB")


#: First bytes → what people send by mistake.
_FOREIGN = (
    (0, b"%PDF", "is a PDF document"),
    (0, b"PK\x03\x04", "is a zip archive or office document"),
    (0, b"<", "is a web page, SVG or XML text"),
    (4, b"ftypavif", "is an AVIF picture"),
    (4, b"ftyphei", "is a HEIC picture"),
    (4, b"ftypmif", "is a HEIC picture"),
    (4, b"ftyp", "is a video"),
)


def _guess_content(data: bytes) -> str:
    for offset, magic, what in _FOREIGN:
        if data.startswith(magic, offset):
            return what
    return "is not a picture that can be read"


def _shown(text: str) -> str:
    """One printable line: control, bidirectional and undecodable characters become escapes."""
    escaped = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
    return escaped if len(escaped) <= 160 else f"{escaped[:80]}…{escaped[-79:]}"
