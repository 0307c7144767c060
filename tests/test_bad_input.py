"""Wrong arguments of every public function and constructor: the exception names what was called.

A valid call is found by the names of the parameters (`VALUES`). Then each argument is replaced by
each of `WRONG`. A call may succeed where the value has a meaning; if it fails, the exception must
be of a class that Python has for this, and its message must begin with the public name.
"""

import inspect
import itertools
import pickle
import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnet
from cnet import nn, optim
from cnet._explained import explained
from cnet.utils import data

NAMESPACES = (
    "cnet", "cnet.distributions", "cnet.linalg", "cnet.metrics", "cnet.nn", "cnet.nn.functional",
    "cnet.nn.init", "cnet.nn.utils", "cnet.ops", "cnet.optim", "cnet.optim.lr_scheduler",
    "cnet.transforms", "cnet.transforms.functional", "cnet.utils.data",
)  # fmt: skip

WITHOUT_MESSAGES = {
    "dtype", "finfo", "iinfo", "Size", "from_dlpack",  # NumPy's and Python's
    "BoolTensor", "Buffer", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "Generator",
    "HalfTensor", "IntTensor", "LongTensor", "Parameter", "ShortTensor", "UninitializedBuffer",
    "UninitializedParameter", "device",  # of Tensor and device
    "GradScaler", "autocast", "compile", "capture", "graph", "check", "load", "save",
    "set_flush_denormal", "use_exact", "histogram", "detach", "interpolate", "tensor", "as_tensor",
    "rand_like", "randint_like", "randn_like",
}  # fmt: skip
SETTINGS = re.compile("set_|use_|seed|manual_seed|no_grad|enable_grad|inference_mode|empty")


def matrix() -> Any:
    return cnet.tensor([[2.0, 1.0], [1.0, 3.0]])


def images() -> Any:
    return cnet.ones(2, 4, 6, 6)


def pixels() -> Any:
    return np.full((8, 8, 3), 100, np.uint8)


def parameters() -> list[Any]:
    return [nn.Parameter(matrix())]


ANY: list[Any] = [
    matrix, images, lambda: cnet.tensor([1.0, 2.0]), lambda: cnet.tensor([0, 1]),
    lambda: cnet.ones(2, 4, 6), lambda: cnet.ones(2, 4, 6, 6, 6), 2, 0, 0.5, lambda: (2, 2),
    lambda: [matrix(), matrix()],
]  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "dim": [0, 1], "other": [matrix, 2], "kernel_size": [2], "output_size": [3, (3, 3)],
    "target": [matrix, images, lambda: cnet.tensor([0, 1])],
    "weight": [lambda: cnet.ones(4, 4, 3, 3), matrix],
    "index": [lambda: cnet.tensor([0, 1]), lambda: cnet.tensor([[0, 1]])], "size": [(2, 3), 2],
    "running_mean": [lambda: cnet.zeros(4)], "running_var": [lambda: cnet.ones(4)],
    "num_features": [4], "num_classes": [3], "in_channels": [4], "out_channels": [4],
    "in_features": [2], "out_features": [3], "embed_dim": [4], "num_heads": [2], "num_groups": [2],
    "groups": [2], "num_channels": [4], "input_size": [4], "hidden_size": [3], "d_model": [4],
    "dim_feedforward": [4],
    "nhead": [2], "num_embeddings": [5], "embedding_dim": [3], "normalized_shape": [(2,), 2],
    "params": [parameters], "parameters": [parameters], "lr": [0.1], "p": [0.5],
    "optimizer": [lambda: optim.SGD(parameters(), lr=0.1)], "step_size": [2], "gamma": [0.9],
    "milestones": [lambda: [2, 4]], "T_max": [5], "T_0": [5], "base_lr": [0.01], "max_lr": [0.1],
    "total_steps": [10], "lr_lambda": [lambda: lambda epoch: 0.9], "pad": [(1, 1)],
    "model": [lambda: nn.Sequential(nn.Linear(2, 2))], "module": [lambda: nn.Linear(2, 2)],
    "img": [pixels, lambda: cnet.ones(3, 8, 8)], "transforms": [list], "angle": [30],
    "mean": [lambda: [0.5] * 3, 0.0], "std": [lambda: [0.5] * 3, 1.0], "degrees": [30],
    "dataset": [lambda: data.TensorDataset(matrix())], "data_source": [lambda: [1, 2, 3]],
    "sampler": [lambda: data.SequentialSampler([1, 2])], "batch_size": [2], "drop_last": [False],
    "probs": [0.5, lambda: [0.5, 0.5]], "mode": ["fan_in"], "equation": ["ij,jk->ik"],
    "upscale_factor": [2], "downscale_factor": [2], "padding": [1], "max_norm": [1.0],
}  # fmt: skip
"""Values by the name of a parameter; functions are called for a new one."""

SMALL = {"d_model": 4, "nhead": 2, "dim_feedforward": 4}
"""Optional parameters whose default values make large modules."""

WRONG = {
    "text": "a", "None": None, "texts": ["a", "b"], "object": object(), "nan": float("nan"),
    "negative": -3, "rank": np.ones((1,) * 7, np.float32), "characters": np.array(["a", "b"]),
    "float16": np.ones((2, 4, 6, 6), np.float16),
}  # fmt: skip


def _public() -> Iterator[Any]:
    for namespace in NAMESPACES:
        module = import_module(namespace)
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name, None)
            own = str(getattr(value, "__module__", "")).startswith("cnet.")
            if name.startswith("_") or name in WITHOUT_MESSAGES or SETTINGS.match(name):
                continue
            if inspect.isclass(value) and issubclass(value, BaseException):
                continue
            if callable(value) and own:
                yield pytest.param(value, name, id=f"{namespace}.{name}")


def _made(value: Any) -> Any:
    return value() if inspect.isfunction(value) else value


def _valid(function: Callable[..., Any], required: list[str]) -> dict[str, Any] | None:
    """Values of the required parameters with which a call succeeds."""
    choices = [VALUES.get(name, []) + ANY for name in required]
    count = {0: 1, 1: 20, 2: 8, 3: 5}.get(len(required), 3)
    combinations = itertools.product(*[choice[:count] for choice in choices])
    for values in itertools.islice(combinations, 600):
        try:
            function(**dict(zip(required, map(_made, values), strict=True)))
        except Exception:
            continue
        return dict(zip(required, values, strict=True))
    return None


def _is_clear(error: Exception, function: Any, name: str) -> bool:
    message = str(error.args[0]) if len(error.args) == 1 else str(error)  # no quotes of KeyError
    if isinstance(error, TypeError) and re.search(
        r"\(\) (takes|missing|got)|must be given", message
    ):
        return True  # Python's message of a signature
    names = {name, name.rstrip("_"), function.__name__, f"linalg.{function.__name__}"}
    return message.partition(":")[0] in names


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("function", "name"), list(_public()))
def test_exceptions_name_what_was_called(function, name):
    parameters = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    required = [
        each.name for each in parameters if each.default is each.empty or each.name in SMALL
    ]
    valid = _valid(function, required)
    if valid is None:
        pytest.skip("no valid arguments in VALUES")
    unclear = []
    for parameter in parameters:
        for kind, wrong in WRONG.items():
            values = {key: _made(value) for key, value in valid.items()}
            values[parameter.name] = wrong
            try:
                function(**values)
            except (KeyboardInterrupt, SystemExit):
                raise
            except Exception as error:
                if not _is_clear(error, function, name):
                    unclear.append(f"{parameter.name}, {kind}: {type(error).__name__}: {error}")
    assert not unclear, "\n".join(unclear[:5])


# ---- The messages --------------------------------------------------------------------------------

X = cnet.ones(2, 4, 6, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.functional.conv2d("a", X), "conv2d: input must be a Tensor or an array of"),
        (lambda: nn.functional.dropout(X, "a"), r"dropout: p must be a number \(got 'a'\)"),
        (lambda: nn.functional.dropout(X, inplace=X), "dropout: inplace must be a bool"),
        (lambda: cnet.sum(0.5), r"sum: input must be a Tensor or an array .* \(got 0.5\)"),
        (lambda: cnet.reshape(None, (2,)), r"reshape: input must .* \(got None\)"),
        (lambda: cnet.all(["a"]), "all: input must be"),
        (lambda: cnet.linalg.lstsq("a", X), "linalg.lstsq: operands must be tensors"),
        (lambda: nn.ELU("a"), r"ELU: alpha must be a number \(got 'a'\)"),
        (lambda: optim.Adam(parameters(), betas=3), "Adam: betas must be a sequence of numbers"),
        (lambda: nn.init.uniform_(matrix(), "a"), r"uniform_: a must be a number \(got 'a'\)"),
        (lambda: cnet.transforms.ColorJitter("a"), "ColorJitter: brightness must be"),
    ],
)  # fmt: skip
def test_the_argument_is_named(call, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        call()


def test_messages_of_inner_functions_get_the_public_name():
    with pytest.raises(ValueError, match=r"^cosine_embedding_loss: shapes"):
        nn.functional.cosine_embedding_loss(matrix(), matrix(), cnet.ones(7))


def test_exceptions_of_functions_of_the_caller_are_not_changed():
    def distance(a, b):
        raise ValueError("of the caller")

    with pytest.raises(ValueError, match=r"^of the caller"):
        nn.functional.triplet_margin_with_distance_loss(X, X, X, distance_function=distance)


def test_a_subclass_of_the_caller_is_not_explained():
    class Net(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            raise TypeError(f"width {width}")

    with pytest.raises(TypeError, match=r"^width a"):
        Net("a")


def test_an_explained_function_has_its_signature_and_name():
    @explained
    def scaled(x: float, factor: int = 2) -> float:
        """Doc."""
        return x * factor

    assert scaled(0.5) == 1.0
    assert (scaled.__name__, scaled.__doc__) == ("scaled", "Doc.")
    assert list(inspect.signature(scaled).parameters) == ["x", "factor"]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        scaled()


def test_exceptions_of_compiled_code_get_the_public_name():
    with pytest.raises(TypeError, match=r"^var: only 0-dimensional"):
        cnet.var(cnet.ones(3), correction=np.ones((1, 1)))


def test_exceptions_of_numpy_that_arguments_do_not_explain_are_not_changed():
    with pytest.raises(MemoryError, match="Unable to allocate"):
        cnet.zeros(10**7, 10**7)


def test_a_cause_is_kept():
    def interrupted() -> Iterator[Any]:
        yield from parameters()
        raise StopIteration

    with pytest.raises(RuntimeError, match=r"^SGD: generator raised StopIteration") as caught:
        optim.SGD(interrupted(), lr=0.1)
    assert isinstance(caught.value.__cause__, StopIteration)


# ---- Functions of the caller ---------------------------------------------------------------------


class OwnError(ValueError):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Inputs(data.Dataset):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> int:
        return i


def loaded(callback: Any) -> None:
    next(iter(data.DataLoader(Inputs(), batch_size=2, collate_fn=callback)))


def hooked(callback: Any) -> None:
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(callback)
    layer(matrix())


def hooked_backward(callback: Any) -> None:
    y = matrix().requires_grad_() * 2
    y.register_hook(callback)
    y.sum().backward()


def differentiated(callback: Any) -> None:
    class Custom(cnet.autograd.Function):
        forward = staticmethod(callback)

    Custom.apply(matrix())


CALLS = [
    loaded, hooked, hooked_backward, differentiated,
    lambda callback: cnet.transforms.Lambda(callback)(matrix()),
    lambda callback: nn.Linear(2, 2).apply(callback),
    lambda callback: optim.SGD(parameters(), lr=0.1).step(callback),
    lambda callback: optim.lr_scheduler.LambdaLR(optim.SGD(parameters(), lr=0.1), callback),
    lambda callback: cnet.autograd.functional.jacobian(callback, matrix()),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "error",
    [
        TypeError("of the caller"), KeyError("key"), OwnError(3), KeyboardInterrupt(),
        FileNotFoundError(2, "absent", "file"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_exceptions_of_callbacks_are_not_changed(call, error):
    cause = ZeroDivisionError()

    def callback(*args: Any) -> None:
        raise error from cause

    with pytest.raises(type(error)) as caught:
        call(callback)
    assert caught.value is error
    assert error.__cause__ is cause
    assert caught.traceback[-1].name == "callback"


# ---- Functions as objects ------------------------------------------------------------------------


def test_methods_in_place_have_a_name_and_a_signature():
    x = matrix()
    for method in (x.add_, x.scatter_, x.squeeze_, x.float, x.sum):
        assert pickle.loads(pickle.dumps(method)).__func__ is method.__func__
    assert pickle.loads(pickle.dumps(cnet.Tensor.add_)) is cnet.Tensor.add_
    assert list(inspect.signature(x.add_).parameters) == ["other", "alpha"]


def test_public_functions_can_be_pickled():
    for parameter in _public():
        function, _ = parameter.values
        if inspect.ismodule(function):
            continue
        assert pickle.loads(pickle.dumps(function)) is function, function


# ---- Warnings ------------------------------------------------------------------------------------

SGD = partial(optim.SGD, lr=0.1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: SGD([nn.Parameter(matrix())] * 2),
        lambda: nn.InstanceNorm2d(5)(X),
        lambda: nn.utils.clip_grad_norm(parameters(), 1.0),
        lambda: nn.init.trunc_normal_(matrix(), mean=9.0),
        lambda: nn.functional.softmax(matrix()),
        lambda: nn.Sequential(nn.Softmax())(matrix()),
        lambda: nn.MSELoss()(matrix(), cnet.ones(2)),
        lambda: nn.MSELoss(size_average=True),
        lambda: nn.functional.kl_div(matrix(), matrix()),
        lambda: nn.Dropout2d()(matrix()),
        lambda: optim.lr_scheduler.StepLR(SGD(parameters()), 1).step(),
        lambda: data.random_split([1, 2], [1.0, 0.0]),
    ],
)
def test_warnings_point_at_the_line_of_the_caller(call):
    with pytest.warns() as caught:
        call()
    assert [Path(each.filename).name for each in caught] == ["test_bad_input.py"] * len(caught)
