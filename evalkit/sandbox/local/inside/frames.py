"""Frames on a byte stream, for both sides: total length, header length, JSON header, raw payload. No pickles."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

LENGTHS = struct.Struct(">II")
"""Bytes after the first length, and how many of them are the header."""
MAX_FRAME = 64 << 20
MAX_HEADER = 1 << 20


class FrameError(Exception):
    """The bytes are not a frame."""


def pack(header: dict[str, Any], payload: bytes | bytearray | memoryview = b"") -> bytes:
    """One frame."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((LENGTHS.pack(4 + len(text) + len(payload), len(text)), text, payload))


def unpack(body: bytes | bytearray | memoryview) -> tuple[dict[str, Any], bytes]:
    """Header and payload of what follows the first length. Strict: the sender may be hostile.

    Raises `FrameError` for bytes that are not a frame.
    """
    if len(body) < 4:
        raise FrameError("a frame without a header")
    (size,) = struct.unpack_from(">I", body)
    if size > MAX_HEADER or 4 + size > len(body):
        raise FrameError("a header longer than allowed")
    try:
        header = json.loads(bytes(body[4 : 4 + size]).decode())
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a header that is not JSON ({type(error).__name__})") from None
    if type(header) is not dict:
        raise FrameError("a header that is not an object")
    return header, bytes(body[4 + size :])


def read(descriptor: int) -> tuple[dict[str, Any], bytes]:
    """The next frame of a blocking descriptor. EOFError when the other side is gone."""
    (size,) = struct.unpack(">I", _read_exactly(descriptor, 4))
    return unpack(_read_exactly(descriptor, size))


def write(descriptor: int, frame: bytes) -> None:
    """All of `frame` to a blocking descriptor."""
    rest = memoryview(frame)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read_exactly(descriptor: int, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        chunk = os.read(descriptor, min(1 << 20, size - len(data)))
        if not chunk:
            raise EOFError
        data += chunk
    return data
