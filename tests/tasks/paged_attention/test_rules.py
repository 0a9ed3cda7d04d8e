"""What a source may contain: right solutions pass, and no door to the interpreter or to torch's machinery is open."""

import ast
import json
from pathlib import Path

import pytest
import yaml
from evalkit_tasks.paged_attention import rules
from evalkit_tasks.paged_attention.grade import read_source

from .shipped import paths

FUNCTION = "def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):\n    return query\n"


def judged(source):
    tree = rules.parse(f"{source}\n{FUNCTION}")
    assert isinstance(tree, ast.Module), tree
    return rules.check(tree)


@pytest.mark.parametrize("path", paths("correct"), ids=lambda path: path.stem)
def test_right_solutions_keep_the_rules(path):
    assert isinstance(read_source(path.read_text(), 20_000), str)


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "import torch as t\nx = t.float32",
        "import torch.nn.functional as F\ny = F.softmax",
        "import torch.nn as nn\ny = nn.functional.softmax",
        "import torch.nn as nn\ny = nn.Softmax(dim=-1)(torch.ones(2))",
        "from torch.nn import Softmax, Flatten\ny = Flatten(0)(torch.ones(2)).cpu()",
        "import torch.linalg as LA\nfrom torch.func import vmap\nfrom torch.special import expit\nimport torch.fft",
        "from torch import Tensor, einsum",
        "from torch.nn import functional as F",
        "from __future__ import annotations",
        "from typing import Optional, Tuple",
        "import math\nx = math.sqrt(2) + math.inf",
        "import math as m\nx = m.pi * m.log2(8)",
        "from math import sqrt, inf\nx = sqrt(inf)",
        "x = torch.finfo(torch.float32).min",
        "def f(x: list[int], y: dict[str, float] = {}) -> tuple: return x",
        "x = torch.zeros(1, dtype=float)",
        "x = isinstance(1, (int, float))",
        "if __name__ == '__main__':\n    print('demo')",
        "try:\n    x = 1\nexcept (ValueError, RuntimeError) as error:\n    raise TypeError(str(error))",
        "with torch.no_grad():\n    x = torch.ones(2).T.mT.H",
        "with torch.inference_mode():\n    x = torch.ones(1).grad",
        "_cache = {}\n_ = 1",
        "mask, sums, types, inputs = 1, 2, 3, 4",
        "f = lambda x: x * 2\ny = list(map(f, range(3)))",
        "x = torch.linalg.norm(torch.ones(2)) + torch.special.expit(torch.ones(2))",
        "x = torch.func.vmap(torch.sum)",
        "y = [i for i in range(3) if i not in (1, 2)]",
        "x = torch.FloatTensor([1]).type(torch.DoubleTensor)",
        "x = torch.ones(2).numel() + torch.Size((2,)).numel() + (3).bit_length()",
        "values, indices = torch.ones(2).sort()\nx = torch.ones(2).max(-1).values, torch.ones(2).max(-1).indices",
        "rows = []\nrows.append(1)\nx = ', '.join(map(str, rows))",
    ],
)
def test_what_a_solution_may_need_is_allowed(source):
    assert judged(source) is None


FORBIDDEN = """\
import os
import sys as math
import torch.utils
import torch._C
import numpy as np
import typing
from os import path
from torch import jit
from torch import _C
from torch import *
from torch.utils import checkpoint
from . import config
from typing import get_type_hints
from math import *
exec("1")
eval("1")
compile("1", "", "exec")
__import__("os")
open("/etc/passwd")
input()
globals()
locals()
vars()
getattr(torch, "jit")
setattr(torch, "x", 1)
delattr(torch, "x")
type(torch)
type("T", (), {})
super()
breakpoint()
memoryview(b"")
__builtins__["exec"]
x = __loader__
import torch as __builtins__
import math as __builtins__
from torch import nn as __builtins__
def __builtins__(): pass
def f(__builtins__): pass
def f(): global __builtins__
f = lambda *__builtins__: 1
for __builtins__ in (): pass
match torch:\\n    case __builtins__: pass
match [torch]:\\n    case [*__builtins__]: pass
match torch:\\n    case {**__builtins__}: pass
match torch:\\n    case object() as __builtins__: pass
try: pass\\nexcept ValueError as __builtins__: pass
(__builtins__ := torch)
del __builtins__
from typing import ForwardRef
x = torch._C
x = torch.jit
x = torch.sys
x = torch.os.environ
x = torch.utils._python_dispatch
x = torch.compile(torch.sum)
x = torch.nn.functional.np
x = torch.nn.Module
x = torch.nn.Linear(2, 2)
x = torch.nn.Softmax(0).apply_(abs)
x = torch.nn.Softmax(0).register_forward_hook(print)
from torch.nn import Module
x = torch.DisableTorchFunction
x = torch.CompilationUnit("")
x = torch.ones(1).__class__
x = ().__class__.__bases__
x = (lambda: 0).__globals__
x = (i for i in ()).gi_frame
x = torch.ones(1).numpy()
x = torch.ones(1).data_ptr()
x = torch.ones(1).apply_(abs)
x = torch.ones(1).register_hook(print)
x = torch.ones(1).set_(torch.ones(2))
x = torch.set_num_threads(4)
torch.allclose = 1
torch.Tensor.add = 1
del torch.sum
torch.x += 1
for torch.x in (): pass
x = [0 for torch.x in ()]
with torch.no_grad() as torch.x: pass
x = abs
f = [sum]
x = list(map(len, ()))
def f(g=max): return g
import math; f = math.exp
import math; f = [math.exp]
import math; m = math
import math; m = [math]
import math; x = (lambda m: m.exp)(math)
import math; x = list(map(math.prod, ()))
x = list(map(torch.Size.numel, ()))
f = torch.Size.numel
f = torch.Size((2,)).numel
x = sorted((), key=torch.Size.numel)
x = list(map(int.from_bytes, ()))
x = list(map(range(9).index, ()))
x = list(map("{}e{}".format, (), ()))
x = list(map({}.get, ()))
@int.bit_count\\ndef f(): pass
match torch.Size((2,)):\\n    case object(numel=f): pass
import math as m; f = m.exp
from math import exp; f = exp
from math import exp as e; f = [e]
sum = 1
def f(max): return max
def len(x): return x\\ny = len(1)
class A: pass
async def f(): pass
match torch:\\n    case object(__class__=c): pass
match torch:\\n    case object(sys=c): pass
x = torch.Tensor.__mul__
x = eval
x = ｅxec
"""


@pytest.mark.parametrize("source", FORBIDDEN.replace("\\n", "\N{SYMBOL FOR NEWLINE}").splitlines())
def test_doors_are_shut(source):
    fault = judged(source.replace("\N{SYMBOL FOR NEWLINE}", "\n"))
    assert fault is not None
    assert fault.category == "forbidden"
    assert fault.message.startswith("Line ")


def test_the_first_offence_in_reading_order_is_named():
    fault = judged("import math\nx = 1\ny = open\nimport os")
    assert fault.message == "Line 3: the name open is not allowed"


@pytest.mark.parametrize(
    "source",
    [
        "def paged_attention(): pass",
        "def outer():\n    def paged_attention_decode(): pass",
        "f = lambda paged_attention_decode: 1",
        "class A:\n    def paged_attention_decode(self): pass",
        "print('paged_attention_decode')",
    ],
)
def test_a_source_without_the_function_at_its_top_level_is_a_parse_error(source):
    assert rules.parse(source).category == "parse_error"


@pytest.mark.parametrize(
    "source",
    [
        "paged_attention_decode = lambda *arguments: arguments[0]",
        "if True:\n    def paged_attention_decode(): pass",
        "try:\n    from torch import sum as paged_attention_decode\nexcept ImportError:\n    pass",
    ],
)
def test_the_function_may_be_bound_in_any_way(source):
    assert isinstance(rules.parse(source), ast.Module)


def test_odd_style_raises_no_warning_in_the_evaluator():
    assert isinstance(rules.parse(f"x = '\\d'\ny = 1 is 1\n{FUNCTION}"), ast.Module)


SURVEY = """
import json, types
import torch.nn.functional
names = json.loads({submodules!r})
seen, modules, capitals, setters = set(), set(), set(), set()
queue = [torch]
while queue:
    module = queue.pop()
    if id(module) in seen:
        continue
    seen.add(id(module))
    for name in dir(module):
        value = getattr(module, name, None)
        if name.startswith("_"):
            continue
        if isinstance(value, types.ModuleType):
            modules.add(name)
            if name in names:
                queue.append(value)
        elif name[0].isupper():
            capitals.add(name)
        elif name.startswith(("set_", "register", "import", "parse", "load", "save", "compile_", "jit")):
            setters.add(name)
print(json.dumps([sorted(modules), sorted(capitals), sorted(setters)]))
"""


async def test_every_module_in_the_namespaces_of_this_torch_is_judged(sandbox):
    submodules = yaml.safe_load(Path(rules.__file__).with_suffix(".yaml").read_text())["submodules"]
    async with sandbox.session() as session:
        survey = SURVEY.format(submodules=json.dumps([*submodules, "torch", "grad", "cpu"]))
        output = await session.run(survey, timeout_s=60, preload=("torch",))
    assert output.error is None
    modules, capitals, setters = json.loads(output.stdout)
    assert {"jit", "utils", "nn"} <= set(modules)
    open_doors = [name for name in modules if judged(f"x = torch.{name}") is None]
    # `torch` is another name of what may be imported; torch.nn.grad holds nothing but derivatives of convolutions;
    # torch.cpu, whose name is that of a method of tensors, little that concerns a machine without other devices.
    assert set(open_doors) <= {*submodules, "torch", "grad", "cpu"}
    assert {name for name in capitals if judged(f"x = torch.{name}") is None} == set(rules.CAPITALS) & set(capitals)
    assert [name for name in setters if judged(f"x = torch.{name}") is None] == []


WALK = """
import builtins, json, math, sys, types, typing, warnings
import torch.func, torch.nn.functional
warnings.simplefilter("ignore")
forbidden, prefixes, capitals, modules = map(tuple, json.loads({names!r}))

def allowed(name):
    return name in capitals or not (name in forbidden or name.startswith(prefixes) or name[0].isupper())

def suspended(): yield

ours = {{sys.modules[name] for name in modules}} | {{torch.functional, torch.nn.grad, torch.cpu}}
doors = {{id(f): f.__name__ for f in (exec, eval, compile, open, getattr, setattr, type, vars, globals, sys.settrace)}}
leaf = torch.ones(2, 2, requires_grad=True)
error = []
for fail in (lambda: 1 / 0, lambda: leaf.nothing, lambda: next(iter(())), lambda: nothing):
    try: fail()
    except Exception as caught: error.append(caught)
roots = [torch, math, leaf, leaf.exp(), leaf.max(0), leaf.shape, suspended(), suspended, allowed, torch.nn.Softmax(0),
         torch.no_grad(), torch.vmap(torch.exp), torch.Generator(), torch.finfo(torch.float32), [], {{}}, "", 1, 1.0]
roots += error + [ExceptionGroup("", error)] + [getattr(typing, name) for name in dir(typing) if name[0].isupper()]
roots.remove(typing.ForwardRef)
seen, found, todo = {{}}, [], [(type(root).__name__, root, 0) for root in roots]
while todo:
    path, thing, depth = todo.pop()
    if id(thing) in seen: continue
    seen[id(thing)] = thing
    if isinstance(thing, types.ModuleType) and thing not in ours or id(thing) in doors:
        found.append(path)
    elif isinstance(thing, (types.FrameType, types.CodeType, types.TracebackType)):
        found.append(path)
    elif depth < 4 and (depth < 1 or not isinstance(thing, torch.Tensor)):
        for name in filter(allowed, dir(thing)):
            try: todo.append((path + "." + name, getattr(thing, name), depth + 1))
            except Exception: pass
print(json.dumps([len(seen), found]))
"""


async def test_no_allowed_attribute_leads_to_a_module_a_frame_or_a_function_that_evaluates(sandbox):
    names = [
        sorted(rules.FORBIDDEN_ATTRIBUTES),
        rules.FORBIDDEN_PREFIXES,
        sorted(rules.CAPITALS),
        sorted(rules.MODULES),
    ]
    async with sandbox.session() as session:
        output = await session.run(WALK.format(names=json.dumps(names)), timeout_s=60, preload=("torch",))
    assert output.error is None
    count, found = json.loads(output.stdout)
    assert count > 2_000
    assert found == []
