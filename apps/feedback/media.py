"""Images and sounds as they are kept: told by their bytes, cut down to what is seen or heard, without what a device wrote into them.

Where a picture was taken, with which telephone, and what somebody hung behind its end is left out; nothing is decoded here.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_JPEG_KEPT = {0xE0, 0xEE}  # of the application segments: JFIF, and Adobe's, which tells the colours
_PNG_KEPT = {
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs",
}  # fmt: skip
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WAV_KEPT = {b"fmt ", b"data", b"fact"}
_WEBP_METADATA = 0x08 | 0x04  # flags of EXIF and XMP
_PNG = b"\x89PNG\r\n\x1a\n"


class Unreadable(Exception):
    """The bytes are none of the forms that are kept, or broken off."""


@dataclass(frozen=True, slots=True)
class Media:
    """What is kept of a file."""

    media_type: str
    suffix: str
    content: bytes


def media_of(content: bytes) -> Media:
    """Return what is kept of an image (JPEG, PNG, WebP) or a sound (WAV); raise `Unreadable` for anything else."""
    known: tuple[tuple[bool, str, str, Callable[[bytes], bytes]], ...] = (
        (content[:3] == b"\xff\xd8\xff", "image/jpeg", "jpg", _jpeg),
        (content[:8] == _PNG, "image/png", "png", _png),
        (content[:4] == b"RIFF" and content[8:12] == b"WEBP", "image/webp", "webp", _webp),
        (content[:4] == b"RIFF" and content[8:12] == b"WAVE", "audio/wav", "wav", _wav),
    )
    for is_it, media_type, suffix, cut in known:
        if is_it:
            try:
                return Media(media_type, suffix, cut(content))
            except (struct.error, IndexError) as error:
                raise Unreadable from error
    raise Unreadable


def _jpeg(content: bytes) -> bytes:
    kept, at = [content[:2]], 2
    while True:
        if content[at] != 0xFF:
            raise Unreadable
        marker = content[at + 1]
        if marker == 0xDA:  # the picture itself, up to its end
            end = content.rfind(b"\xff\xd9")
            if end < at:
                raise Unreadable
            return b"".join([*kept, content[at : end + 2]])
        (length,) = struct.unpack(">H", content[at + 2 : at + 4])
        if length < 2 or at + 2 + length > len(content):
            raise Unreadable
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or marker in _JPEG_KEPT:
            kept.append(content[at : at + 2 + length])
        at += 2 + length


def _png(content: bytes) -> bytes:
    kept, at = [_PNG], 8
    while True:
        length, name = struct.unpack(">I4s", content[at : at + 8])
        end = at + 12 + length
        if end > len(content):
            raise Unreadable
        if name in _PNG_KEPT:
            kept.append(content[at:end])
        if name == b"IEND":
            return b"".join(kept)
        at = end


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    (size,) = struct.unpack("<I", content[4:8])
    if size + 8 > len(content):
        raise Unreadable
    at = 12
    while at + 8 <= size + 8:
        name, length = struct.unpack("<4sI", content[at : at + 8])
        if at + 8 + length > len(content):
            raise Unreadable
        yield name, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _riff(kind: bytes, parts: list[tuple[bytes, bytes]]) -> bytes:
    if not parts:
        raise Unreadable
    body = kind + b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp(content: bytes) -> bytes:
    parts = [(name, data) for name, data in _chunks(content) if name in _WEBP_KEPT]
    return _riff(b"WEBP", [(n, bytes([d[0] & ~_WEBP_METADATA]) + d[1:] if n == b"VP8X" else d) for n, d in parts])


def _wav(content: bytes) -> bytes:
    return _riff(b"WAVE", [(name, data) for name, data in _chunks(content) if name in _WAV_KEPT])
