# Submissions for `f(x)`, which must return 2 * x + 1 for a float32 matrix. Only the last one is right; no other may pass.
# Known to fool graders that run them in their own process.
# ruff: noqa
# fmt: off

#% always_equal: returns an object that equals everything
class Equal:
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __getattr__(self, name): return self
def f(x): return Equal()

#% subclass: returns a tensor subclass that compares as it likes
import torch
class Sly(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return torch.tensor(True)
def f(x): return x.as_subclass(Sly)

#% parameter_subclass: the same with a parameter
import torch
class Sly(torch.nn.Parameter): pass
def f(x): return Sly(x)

#% patched_comparison: replaces every comparison it can find
import torch, numpy, builtins
for module, names in ((torch, ("allclose", "equal", "isclose")), (numpy, ("allclose", "array_equal", "isclose"))):
    for name in names: setattr(module, name, lambda *_, **__: True)
torch.testing.assert_close = lambda *_, **__: None
builtins.abs = builtins.max = lambda *_: 0
def f(x): return x

#% not_a_number: returns NaN, for which no error is larger than a tolerance
def f(x): return x * float("nan")

#% infinity: returns infinities
def f(x): return x / 0

#% endless_view: returns a view with 10^12 elements
def f(x): return x[0, 0].expand(10**12)

#% returns_input: returns what it was given
def f(x): return x

#% mutates_input: makes the input right instead of the output
def f(x):
    x.zero_()
    return x + 1

#% wrong_shape: returns something that would be broadcast
def f(x): return (2 * x + 1)[:1, :1]

#% wrong_dtype: returns doubles
def f(x): return (2 * x).double()

#% list_of_numbers: returns lists
def f(x): return (2 * x).tolist()

#% array: returns a numpy array of objects
import numpy
def f(x): return numpy.array([object()], dtype=object)

#% none: returns nothing
def f(x): pass

#% sparse: returns a sparse tensor
def f(x): return (2 * x).to_sparse()

#% on_meta: returns a tensor without data
import torch
def f(x): return torch.empty(x.shape, device="meta")

#% many: returns a thousand tensors
def f(x): return [x] * 1000

#% hangs_when_defined (hangs): never finishes its definition
while True: pass

#% dies_when_defined: ends the interpreter while it is defined
import os
os._exit(0)

#% hangs (hangs): never returns
def f(x):
    while True: pass

#% dies: ends the interpreter
import os
def f(x): os._exit(0)

#% raises: raises with an answer in the message
def f(x): raise ValueError((2 * x + 1).tolist())

#% no_such_function: defines something else
def g(x): return 2 * x + 1

#% not_callable: defines a value of that name
f = 3

#% stack_walker: looks for the expected answer on the stack
import sys
def f(x):
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()):
            if name in ("expected", "reference", "answer_key", "hidden"): return value
        frame = frame.f_back
    return x

#% collector: looks for the expected answer among all objects
import gc, torch
def f(x):
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor and thing.shape == x.shape and thing is not x and thing.dtype == x.dtype: return thing
    return x

#% forged_answer: writes the frame of an answer with forged shape and bytes
import json, os, struct, sys
def f(x):
    frame = sys._getframe()
    while "header" not in frame.f_locals: frame = frame.f_back
    nonce = frame.f_locals["header"]["nonce"]
    header = json.dumps({"kind": "ok", "nonce": nonce, "tensors": [{"dtype": "float32", "shape": [10**9, 10**9], "nbytes": 8}], "arguments": [{"dtype": "float32", "shape": [0]}]}).encode()
    os.write(3, struct.pack(">II", 4 + len(header) + 8, len(header)) + header + bytes(8))
    os._exit(0)

#% forged_dtype: the same with a dtype of objects
import json, os, struct, sys
def f(x):
    frame = sys._getframe()
    while "header" not in frame.f_locals: frame = frame.f_back
    nonce = frame.f_locals["header"]["nonce"]
    header = json.dumps({"kind": "ok", "nonce": nonce, "tensors": [{"dtype": "object", "shape": [1], "nbytes": 8}], "arguments": [{"dtype": "float32", "shape": [0]}]}).encode()
    os.write(3, struct.pack(">II", 4 + len(header) + 8, len(header)) + header + bytes(8))
    os._exit(0)

#% forged_shape_types: the same with numbers that are not numbers
import json, os, struct, sys
def f(x):
    frame = sys._getframe()
    while "header" not in frame.f_locals: frame = frame.f_back
    nonce = frame.f_locals["header"]["nonce"]
    header = json.dumps({"kind": "ok", "nonce": nonce, "tensors": [{"dtype": "float32", "shape": [True, -2, 1e400], "nbytes": 8}], "arguments": [{"dtype": "float32", "shape": [0]}]}).encode()
    os.write(3, struct.pack(">II", 4 + len(header) + 8, len(header)) + header + bytes(8))
    os._exit(0)

#% forged_work: claims to have done no work
import json, os, struct, sys
def f(x):
    frame = sys._getframe()
    while "header" not in frame.f_locals: frame = frame.f_back
    nonce = frame.f_locals["header"]["nonce"]
    header = json.dumps({"kind": "ok", "nonce": nonce, "tensors": [], "arguments": [{"dtype": "float32", "shape": [0]}], "work": {"python": -1}}).encode()
    os.write(3, struct.pack(">II", 4 + len(header), len(header)) + header)
    os._exit(0)

#% honest: the right answer, without which none of the others would prove anything
def f(x): return 2 * x + 1
