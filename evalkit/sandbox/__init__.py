"""Where model-written code runs: `open_sandbox` and the types of what comes back."""

from evalkit.sandbox.canary import canary
from evalkit.sandbox.local.sandbox import open_sandbox
from evalkit.sandbox.protocol import Call, Output, Sandbox, Session
from evalkit.sandbox.tensor_bytes import Tensor

__all__ = ["Call", "Output", "Sandbox", "Session", "Tensor", "canary", "open_sandbox"]
