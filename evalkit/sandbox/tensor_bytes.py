"""Tensors as bytes: the only values that cross the boundary between the host and a sandboxed child."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # NumPy is loaded where it calculates
    import numpy as np

ITEMSIZE = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
    "complex64": 8, "complex128": 16,
}  # fmt: skip
"""Bytes per element of every dtype that may cross."""


@dataclass(frozen=True)
class Tensor:
    """A dense, contiguous, row-major array: dtype name, shape, raw little-endian bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def __post_init__(self) -> None:
        if self.dtype not in ITEMSIZE:
            raise ValueError(f"dtype {self.dtype!r} may not cross")
        if len(self.data) != math.prod(self.shape) * ITEMSIZE[self.dtype]:
            raise ValueError(f"{len(self.data)} bytes for shape {self.shape} of {self.dtype}")

    @classmethod
    def of(cls, array: np.ndarray, dtype: str | None = None) -> Tensor:
        """From a numpy array, rounded to `dtype` (which may be bfloat16, that numpy lacks)."""
        import numpy as np

        if dtype == "bfloat16":
            bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
            rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16  # round to nearest, ties to even
            return cls("bfloat16", array.shape, rounded.astype(np.uint16).tobytes())
        array = np.ascontiguousarray(array, dtype=dtype)
        return cls(str(array.dtype), array.shape, array.tobytes())

    def numpy(self) -> np.ndarray:
        """As a numpy array; bfloat16 comes as float32, which holds it exactly."""
        import numpy as np

        if self.dtype == "bfloat16":
            wide = np.frombuffer(self.data, np.uint16).astype(np.uint32) << 16
            return wide.view(np.float32).reshape(self.shape)
        return np.frombuffer(self.data, self.dtype).reshape(self.shape)
