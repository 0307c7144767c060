"""PyTorch's own test samples, converted to cnet.

`torch.testing._internal`, which PyTorch's wheel contains, has for every operation and module a
generator of sample inputs and of inputs that must raise an error. Importing this module needs
PyTorch.
"""

from collections.abc import Iterator
from itertools import islice
from types import ModuleType

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import FunctionInput, module_db

import cnet

TOLERANCES = {"float32": (1e-3, 1e-4), "float64": (1e-7, 1e-7), "float16": (1e-2, 1e-3)}
"""Relative and absolute; the absolute one is multiplied by the largest number if that exceeds 1."""

CALLS = {
    "einsum": lambda f: lambda operands, equation: f(equation, *operands),
    "nn.functional.embedding": lambda f: lambda weight, input, **k: f(input, weight, **k),
    "where": lambda f: lambda x, condition, other, **k: f(condition, x, other, **k),
}
"""Functions whose samples have another order of arguments."""

SAMPLES = 200
"""The largest number of samples of an operation with a dtype."""

OPERATIONS = {}
"""The lists of PyTorch's descriptions of an operation, by name and alias.

Without those that select a part of the results, to test gradients.
"""
for _operation in op_db:
    if _operation.variant_test_name == "grad_oriented":
        continue
    for _name in (_operation.name, *(alias.name for alias in _operation.aliases)):
        OPERATIONS.setdefault(_name, []).append(_operation)
MODULES = {info.module_cls.__name__: info for info in module_db}


def ours(name: str):
    """The function of a name in `op_db`, or the method of `Tensor`."""
    place, _, plain = name.rpartition(".")
    if place == "nn.functional":
        function = getattr(cnet.functional, plain, None) or getattr(cnet, plain)
    else:
        function = _find(cnet, name)
        if not callable(function) or isinstance(function, ModuleType):
            function = getattr(cnet.Tensor, name)
    return CALLS[name](function) if name in CALLS else function


def _find(root, path: str):
    for part in path.split("."):
        root = getattr(root, part, None)
    return root


def leaves(structure) -> Iterator:
    """The tensors of either library in nested sequences and dicts."""
    if isinstance(structure, (torch.Tensor, cnet.Tensor)):
        yield structure
    elif isinstance(structure, (list, tuple)):
        for item in structure:
            yield from leaves(item)
    elif isinstance(structure, dict):
        yield from leaves(list(structure.values()))


class Converter:
    """Converts arguments of PyTorch; a tensor that appears twice is one tensor.

    Without copies, the tensors have the strides of PyTorch's and share their memory.
    """

    def __init__(self, copy: bool = True) -> None:
        self.made = {}
        self.copy = copy

    def __call__(self, x):
        if isinstance(x, torch.Tensor):
            return self.made.setdefault(id(x), (x, tensor(x, self.copy)))[1]
        if isinstance(x, (tuple, list)):
            return type(x)(map(self, x)) if type(x) in (tuple, list) else tuple(map(self, x))
        if isinstance(x, dict):
            return {key: self(value) for key, value in x.items()}
        if isinstance(x, slice):
            return slice(self(x.start), self(x.stop), self(x.step))
        if isinstance(x, (torch.dtype, torch.layout, torch.memory_format)):
            return getattr(cnet, str(x).removeprefix("torch."))
        if isinstance(x, torch.device):
            return cnet.device(str(x))
        if isinstance(x, torch.nn.Module):
            return getattr(cnet.nn, type(x).__name__)()
        if isinstance(x, FunctionInput):
            return self(x.args), self(x.kwargs)
        if callable(x) and getattr(x, "__module__", "").startswith("torch"):
            return ours(f"nn.functional.{x.__name__}")
        return x


def call(function, args, kwargs):
    """Call a function of cnet with arguments of PyTorch, which must raise an error."""
    convert = Converter(copy=False)
    return function(*convert(args), **convert(kwargs))


def tensor(x: torch.Tensor, copy: bool) -> cnet.Tensor:
    values = x.detach().clone() if copy else x.detach()
    return cnet.Tensor(values.numpy(), requires_grad=x.requires_grad)


def _described(name: str) -> list:
    return OPERATIONS.get(name, OPERATIONS.get(name.rpartition(".")[2], []))


def of_operation(name: str, dtype: str) -> Iterator:
    """PyTorch's descriptions of an operation, each with its samples."""
    for operation in _described(name):
        if getattr(torch, dtype) in operation.dtypes:
            found = operation.sample_inputs(
                "cpu", getattr(torch, dtype), requires_grad=operation.supports_autograd
            )
            yield from ((operation, sample) for sample in islice(found, SAMPLES))


def errors_of_operation(name: str) -> Iterator:
    """PyTorch's descriptions of an operation, each with its inputs that must raise an error."""
    for operation in _described(name):
        if operation.error_inputs_func is not None:
            yield from ((operation, error.sample_input) for error in operation.error_inputs("cpu"))


def of_module(name: str, dtype: str, training: bool) -> Iterator:
    """The module of cnet and of PyTorch with equal state, and the arguments of the call."""
    info = MODULES.get(name)
    if info is None:
        return
    found = info.module_inputs_func(
        info, device="cpu", dtype=getattr(torch, dtype), requires_grad=True, training=training
    )
    for sample in found:
        args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
        if "proj_size" in kwargs:
            continue  # not supported
        theirs = info.module_cls(*args, **kwargs).to(getattr(torch, dtype)).train(training)
        convert = Converter()
        module = getattr(cnet.nn, name)(*convert(args), **convert(kwargs))
        module.to(getattr(cnet, dtype)).train(training)
        if name.startswith("Lazy"):
            theirs(*sample.forward_input.args)
        state = theirs.state_dict()
        module.load_state_dict({key: value.numpy().copy() for key, value in state.items()})
        if sample.forward_input is not None:
            yield module, theirs, sample.forward_input


def errors_of_module(name: str) -> Iterator:
    """PyTorch's inputs of a module that must raise an error."""
    info = MODULES.get(name)
    if info is None or info.module_error_inputs_func is None:
        return
    errors = info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=False
    )
    yield from (error.module_error_input for error in errors)


def array(x) -> np.ndarray:
    """A result of either library as an array."""
    return x.detach().resolve_neg().numpy() if isinstance(x, torch.Tensor) else np.asarray(x.data)


def assert_same(ours, theirs, seen: str) -> None:
    """Compare two results: structure, dtypes, shapes and values."""
    ours, theirs = list(leaves(ours)), list(leaves(theirs))
    assert len(ours) == len(theirs), seen
    for y, expected in zip(ours, theirs, strict=True):
        assert array(y).dtype == array(expected).dtype, seen
        assert_close(y, expected, seen)


def assert_close(y, expected, seen: str) -> None:
    y, expected = array(y), array(expected)
    assert y.shape == expected.shape, seen
    rtol, atol = TOLERANCES.get(expected.dtype.name, (0, 0))
    if seen.removeprefix("gradients of ").startswith("cov("):
        rtol, atol = TOLERANCES["float32"]  # PyTorch keeps the dtype of the weights, float32
    finite = expected[np.isfinite(expected)]
    atol *= max(1.0, float(np.abs(finite).max(initial=0.0)))
    np.testing.assert_allclose(y, expected, rtol=rtol, atol=atol, err_msg=seen)


def cotangents(outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """A fixed gradient for each output."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(y.shape, generator=generator, dtype=y.dtype) for y in outputs]


def assert_same_gradients(ours, theirs, inputs: Converter, seen: str) -> None:
    """Compare the gradients of all tensors that were converted and require grad."""
    pairs = [
        (y, expected)
        for y, expected in zip(leaves(ours), leaves(theirs), strict=True)
        if expected.requires_grad and expected.numel()
    ]
    wanted = [pair for pair in inputs.made.values() if pair[0].requires_grad]
    if not pairs or not wanted:
        return
    assert all(y.requires_grad for y, _ in pairs), seen
    start = cotangents([expected for _, expected in pairs])
    expected = torch.autograd.grad(
        [expected for _, expected in pairs], [x for x, _ in wanted], start, allow_unused=True
    )
    cnet.autograd.backward([y for y, _ in pairs], [g.numpy() for g in start])
    for (x, own), gradient in zip(wanted, expected, strict=True):
        gradient = torch.zeros_like(x) if gradient is None else gradient.to_dense()
        assert_close(cnet.zeros_like(own) if own.grad is None else own.grad, gradient, seen)
