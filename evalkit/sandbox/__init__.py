"""Where model-written code runs: `open_sandbox` looks up `sandbox.provider`; the protocols say what a sandbox is."""

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.canary import canary
from evalkit.sandbox.protocol import Call, Output, Sandbox, SandboxProvider, Session
from evalkit.sandbox.providers import SANDBOXES, open_sandbox
from evalkit.sandbox.tensor_bytes import Tensor

__all__ = [
    "SANDBOXES",
    "Call",
    "Output",
    "Sandbox",
    "SandboxConfig",
    "SandboxProvider",
    "Session",
    "Tensor",
    "canary",
    "open_sandbox",
]
