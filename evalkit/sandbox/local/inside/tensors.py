"""Tensors across the boundary, seen from the child: bytes to torch tensors and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .frames import MAX_FRAME

DTYPES = (
    "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
    "complex64", "complex128",
)  # fmt: skip


class BadReply(Exception):
    """A function returned something that may not cross the boundary."""


def load(specs: Sequence[dict[str, Any]], payload: bytes) -> list[Any]:
    """Fresh, writable tensors from `{dtype, shape, nbytes}` and their concatenated bytes."""
    import torch

    tensors, start = [], 0
    for spec in specs:
        dtype, size = getattr(torch, spec["dtype"]), spec["nbytes"]
        if size:
            flat = torch.frombuffer(bytearray(payload[start : start + size]), dtype=dtype)
            tensors.append(flat.reshape(spec["shape"]))
        else:
            tensors.append(torch.empty(spec["shape"], dtype=dtype))
        start += size
    return tensors


MAX_BYTES = MAX_FRAME - (1 << 20)
"""Of all tensors of one answer."""


def dump(
    value: Any, what: str = "the function returned", room: int = MAX_BYTES
) -> tuple[list[dict[str, Any]], list[bytes]]:
    """`{dtype, shape, nbytes}` and the bytes of one tensor, or of a tuple or list of them; in `room` bytes.

    Raises `BadReply` for more than 64 values, and for more bytes than fit.
    """
    several = type(value) in (tuple, list)
    values = list(value) if several else [value]
    if len(values) > 64:
        raise BadReply(f"{what} {len(values)} values, more than 64")
    specs, buffers = [], []
    for index, item in enumerate(values):
        place = f"item {index} of what {what}" if several else f"what {what}"
        spec = _spec(item, place)
        room -= spec["nbytes"]
        if room < 0:
            raise BadReply(f"{place} has shape {spec['shape']}: more than an answer of {MAX_FRAME >> 20} MiB holds")
        specs.append(spec)
        buffers.append(_bytes(item))
    return specs, buffers


def _spec(item: Any, what: str) -> dict[str, Any]:
    import torch

    if type(item) not in (torch.Tensor, torch.nn.Parameter):
        raise BadReply(f"{what} is a {type(item).__name__}, not a torch.Tensor")
    dtype = str(item.dtype).removeprefix("torch.")
    if dtype not in DTYPES or item.layout is not torch.strided or item.device.type != "cpu":
        raise BadReply(f"{what} is a {item.layout} {item.dtype} tensor on {item.device}, not a plain dense one")
    shape = [int(size) for size in item.shape]
    return {"dtype": dtype, "shape": shape, "nbytes": math.prod(shape) * item.element_size()}


def _bytes(item: Any) -> bytes:
    import torch

    if not item.numel():
        return b""
    plain = item.detach().resolve_conj().resolve_neg().contiguous()
    data: bytes = plain.reshape(-1).view(torch.uint8).numpy().tobytes()
    return data
