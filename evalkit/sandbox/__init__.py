"""Sandboxes for model-written code: `open_sandbox` looks up `sandbox.provider`; the protocols define a sandbox."""

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.canary import canary
from evalkit.sandbox.functions import PURE
from evalkit.sandbox.protocol import (
    Builtins,
    Call,
    FunctionReply,
    GradingSandbox,
    Output,
    Sandbox,
    SandboxProvider,
    Session,
)
from evalkit.sandbox.providers import SANDBOXES, open_sandbox
from evalkit.sandbox.tensor_bytes import Tensor

__all__ = [
    "PURE",
    "SANDBOXES",
    "Builtins",
    "Call",
    "FunctionReply",
    "GradingSandbox",
    "Output",
    "Sandbox",
    "SandboxConfig",
    "SandboxProvider",
    "Session",
    "Tensor",
    "canary",
    "open_sandbox",
]
