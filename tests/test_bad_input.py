"""Wrong arguments of every public function and constructor: the exception names what was called.

Each argument of a valid call (`valid_calls`) is replaced by each of `WRONG`. A call may succeed
where the value has a meaning. If it fails, the exception must be of a class that Python has for
this, and its message must begin with the public name. A message of Python or NumPy, which does not
know the parameters, must list the arguments.
"""

import inspect
import pickle
import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnet
import valid_calls
from cnet import kernels, nn, optim
from cnet._explained import explain, explained
from cnet.dropin import kernels as dropin
from cnet.tensor import array_of
from cnet.utils import data
from valid_calls import matrix, parameters

NAMESPACES = (
    "cnet", "cnet.distributions", "cnet.linalg", "cnet.metrics", "cnet.nn", "cnet.nn.functional",
    "cnet.nn.init", "cnet.nn.utils", "cnet.ops", "cnet.optim", "cnet.optim.lr_scheduler",
    "cnet.transforms", "cnet.transforms.functional", "cnet.utils.data",
)  # fmt: skip

WITHOUT_CALLS = {
    "dtype", "finfo", "iinfo", "Size",  # NumPy's and Python's
    "device",  # the message of PyTorch
    "AutoAugmentPolicy", "InterpolationMode", "layout", "memory_format",  # sets of constants
    "profile", "summary",  # call a module, whose exceptions keep their names
    "Metric", "LRScheduler", "SparseAdam",  # they refuse to be constructed
    "capture", "check", "compile", "graph", "load", "save",  # tested with their modules
}  # fmt: skip
OF_SKLEARN = {"f1", "precision", "recall"}
SETTINGS = re.compile("set_|use_|seed|manual_seed|no_grad|enable_grad|inference_mode|autocast")

WRONG = {
    "text": "a", "None": None, "texts": ["a", "b"], "object": object(), "nan": float("nan"),
    "negative": -3, "huge": 2**70, "fraction": 1.5, "rank": np.ones((1,) * 7, np.float32),
    "characters": np.array(["a", "b"]), "float16": np.ones((2, 4, 6, 6), np.float16),
    "complex": np.ones((2, 2), complex), "objects": np.array([None, {}]), "empty": np.ones(0),
    "empty tuple": (), "tuple": (1, 2, 3, 4, 5, 6, 7), "nested": [[1, 2], [3]], "dict": {"a": 1},
    "bool": True, "scalar": np.float32(2), "vector": cnet.ones(7), "class": int,
}  # fmt: skip
SLOW = {
    "num_layers", "num_encoder_layers", "num_decoder_layers", "p", "N", "r",
    "steps", "indices_or_sections",
}  # fmt: skip
"""Parameters whose size is the work of a call, so that a huge number is no wrong value."""
FOREIGN = re.compile(
    "object has no attribute|unsupported operand|not supported between|not subscriptable|"
    "not iterable|could not|has no len|not callable|inhomogeneous|ambiguous|unpack|convert|ufunc|"
    "index out of range|must be real number,|interpreted|broadcast together|unhashable|C long"
)
"""Words of messages that do not name an argument."""


def _public() -> Iterator[Any]:
    known: set[int] = set()
    for namespace in NAMESPACES:
        module = import_module(namespace)
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name, None)
            own = str(getattr(value, "__module__", "")).startswith("cnet.")
            if name.startswith("_") or name in WITHOUT_CALLS or SETTINGS.match(name):
                continue
            if inspect.isclass(value) and issubclass(value, BaseException):
                continue
            if callable(value) and own and id(value) not in known:
                known.add(id(value))
                yield pytest.param(value, name, id=f"{namespace}.{name}".removeprefix("cnet."))


def _is_clear(error: Exception, function: Any, name: str) -> bool:
    message = str(error.args[0]) if len(error.args) == 1 else str(error)  # no quotes of KeyError
    if isinstance(error, TypeError) and re.search(
        r"\(\) (takes|missing|got)|must be given", message
    ):
        return True  # Python's message of a signature
    names = {name, name.rstrip("_"), function.__name__, f"linalg.{function.__name__}"}
    title, _, rest = message.partition(": ")
    return title in names and ("(arguments: " in rest or not FOREIGN.search(rest))


def test_public_functions_have_a_valid_call():
    missing = []
    for each in _public():
        try:
            valid_calls.arguments_of(each.id, each.values[0])
        except KeyError as error:
            missing.append(f"{each.id}: {error}")
    assert not missing


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("function", "name"), list(_public()))
def test_exceptions_name_what_was_called(function, name, request):
    if name in OF_SKLEARN:
        pytest.importorskip("sklearn")
    qualified = request.node.callspec.id
    valid = valid_calls.arguments_of(qualified, function)
    valid_calls.call(function, valid)
    unclear = []
    for parameter in inspect.signature(function).parameters.values():
        is_optional = parameter.kind >= parameter.VAR_POSITIONAL and parameter.name not in valid
        if is_optional or parameter.name.startswith("_"):
            continue
        for kind, wrong in WRONG.items():
            if kind == "huge" and parameter.name in SLOW:
                continue
            values = valid_calls.arguments_of(qualified, function)
            several = parameter.kind is parameter.VAR_POSITIONAL
            values[parameter.name] = [wrong, *values[parameter.name][1:]] if several else wrong
            try:
                valid_calls.call(function, values)
            except Exception as error:
                if not _is_clear(error, function, name):
                    unclear.append(f"{parameter.name}, {kind}: {type(error).__name__}: {error}")
    assert not unclear, "\n".join(unclear[:5])


KERNELS = {
    kernels.permute: {"shape": (2, 3), "axes": (1, 0)},
    kernels.flip: {"axes": (0,)},
    kernels.embed: {"shape": (2, 6), "index": (slice(None), slice(0, 6, 2)), "value": 0.0},
    kernels.accumulate: {"axis": 1, "product": False, "reverse": False},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", KERNELS, ids=lambda function: function.__name__)
def test_exceptions_of_kernels_of_layouts_name_what_was_called(function):
    valid = {"x": np.ones((2, 3)), **KERNELS[function]}
    function(**valid)
    unclear = []
    for parameter in valid:
        for kind, wrong in WRONG.items():
            try:
                function(**{**valid, parameter: wrong})
            except Exception as error:
                if not _is_clear(error, function, function.__name__):
                    unclear.append(f"{parameter}, {kind}: {type(error).__name__}: {error}")
    assert not unclear, "\n".join(unclear[:5])


MODULES = [
    each for each in _public() if inspect.isclass(each.values[0])
    and issubclass(each.values[0], nn.Module)
]  # fmt: skip
INPUTS = WRONG | {f"rank {rank}": cnet.ones(*(3,) * rank) for rank in range(7)} | {
    "integers": cnet.ones(2, 4, 6, 6, dtype=cnet.int64), "bools": cnet.ones(2, 4, 6, 6) > 0,
    "channels": cnet.ones(2, 5, 6, 6), "no images": cnet.ones(0, 4, 6, 6),
    "float64": cnet.ones(2, 4, 6, 6, dtype=cnet.float64),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "name"), MODULES)
def test_exceptions_of_calls_of_modules_name_what_was_called(kind, name, request):
    module = valid_calls.call(kind, valid_calls.arguments_of(request.node.callspec.id, kind))
    parameters = inspect.signature(module.forward).parameters.values()
    count = sum(
        each.default is each.empty and each.kind < each.VAR_POSITIONAL for each in parameters
    )
    unclear = []
    for case, wrong in INPUTS.items():
        try:
            module(*[wrong] * count)
        except Exception as error:
            message = str(error)
            foreign = FOREIGN.search(message.partition(": ")[2]) and "(arguments: " not in message
            if foreign or not re.match(r"[A-Za-z_][\w.]*(\(\))?:? ", message):
                unclear.append(f"{case}: {type(error).__name__}: {error}")
    assert not unclear, "\n".join(unclear[:5])


# ---- The messages --------------------------------------------------------------------------------

X = cnet.ones(2, 4, 6, 6)
SGD = partial(optim.SGD, lr=0.1)


def plateau() -> Any:
    return optim.lr_scheduler.ReduceLROnPlateau(SGD(parameters()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.functional.conv2d("a", X), "conv2d: input must be a Tensor or an array of"),
        (lambda: nn.functional.dropout(X, "a"), r"dropout: p must be a number \(got 'a'\)"),
        (lambda: nn.functional.dropout(X, inplace=X), "dropout: inplace must be a bool"),
        (lambda: cnet.sum(0.5), r"sum: input must be a Tensor or an array .* \(got 0.5\)"),
        (lambda: cnet.reshape(None, (2,)), r"reshape: input must .* \(got None\)"),
        (lambda: cnet.all(["a"]), "all: input must be"),
        (lambda: cnet.linalg.lstsq("a", X), "linalg.lstsq: A must be a Tensor or an array of"),
        (lambda: nn.ELU("a"), r"ELU: alpha must be a number \(got 'a'\)"),
        (lambda: optim.Adam(parameters(), betas=3), "Adam: betas must be a sequence of 2 numbers"),
        (lambda: nn.init.uniform_(matrix(), "a"), r"uniform_: a must be a number \(got 'a'\)"),
        (lambda: cnet.transforms.ColorJitter("a"), "ColorJitter: brightness must be"),
    ],
)  # fmt: skip
def test_the_argument_is_named(call, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        call()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: SGD(parameters()).step(3), TypeError, "SGD: closure must be a function"),
        (lambda: SGD(parameters(), lr=np.ones(3)), ValueError, "SGD: lr must have one element"),
        (lambda: plateau().step("a"), TypeError, "ReduceLROnPlateau.step: metrics must be a num"),
        (lambda: plateau().load_state_dict(3), TypeError, "ReduceLROnPlateau.load_state_dict: st"),
        (lambda: nn.Linear(2, 2).to("none"), TypeError, "to: dtype must be a dtype"),
        (lambda: nn.Sequential()["a"], TypeError, "Sequential: index must be an int or a slice"),
        (lambda: data.DataLoader(3), TypeError, "DataLoader: dataset must be a data set or a seq"),
        (lambda: data.DataLoader([1], sampler=3), TypeError, "DataLoader: sampler must be an iter"),
        (lambda: data.DataLoader([1], collate_fn=3), TypeError, "DataLoader: collate_fn must be a"),
        (lambda: cnet.datasets.ImageFolder(3), TypeError, r"ImageFolder: .* \(arguments: root=3\)"),
        (lambda: cnet.load(3), TypeError, r"load: .* \(arguments: f=3\)"),
        (lambda: cnet.save({}, None), TypeError, r"save: .* \(arguments: obj={}, f=None\)"),
        (lambda: cnet.capture(3), TypeError, "capture: function must be a function"),
        (lambda: parameters()[0].sum().backward("a"), TypeError, "backward: gradient must be real"),
        (lambda: matrix().__setitem__(0, "a"), TypeError, "setitem: value must be real numbers"),
        (lambda: nn.ReflectionPad2d(1)("a"), TypeError, "ReflectionPad2d: input must be a Tensor"),
        (lambda: cnet.softmax(matrix(), -3), IndexError, "softmax: dim must be in range for 2"),
        (lambda: cnet.diag(matrix(), 2**70), TypeError, "diag: diagonal must be .* 64 bits"),
        (lambda: cnet.permute(X, X), TypeError, "permute: dims must be an int"),
        (lambda: array_of([[1], [2, 3]]), ValueError, "array_of: all sequences of one dimen"),
        (lambda: kernels.arithmetic(X, X, ["a"]), ValueError, "arithmetic: operation must be one"),
        (lambda: dropin.conv2d(X, None), TypeError, "conv2d: x and weight must be arrays"),
        (lambda: dropin.relu([[1], [2, 3]]), ValueError, "relu: all sequences of x must have the"),
    ],
)  # fmt: skip
def test_an_exception_is_clear(call, kind, message):
    with pytest.raises(kind, match=f"^{message}"):
        call()


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: cnet.set_grad_enabled("a"), "set_grad_enabled: mode"),
        (lambda: cnet.use_exact("a"), "use_exact: exact"),
        (lambda: cnet.use_deterministic_algorithms("a"), "use_deterministic_algorithms: mode"),
        (lambda: matrix().requires_grad_("a"), "Tensor: requires_grad"),
        (lambda: nn.Linear(2, 2).requires_grad_("a"), "Tensor: requires_grad"),
        (lambda: cnet.tensor(1.0, requires_grad="a"), "tensor: requires_grad"),
        (lambda: cnet.ones(3, requires_grad="a"), "ones: requires_grad"),
        (lambda: matrix().new_ones(3, requires_grad="a"), "Tensor: requires_grad"),
        (lambda: nn.Parameter(matrix(), "a"), "Parameter: requires_grad"),
    ],
)  # fmt: skip
def test_a_setting_must_be_a_bool(call, argument):
    enabled = cnet.is_grad_enabled()
    with pytest.raises(TypeError, match=rf"^{argument} must be a bool \(got 'a'\)"):
        call()
    assert cnet.is_grad_enabled() == enabled
    assert not cnet.exact_is_on()


def test_a_setting_may_be_a_bool_of_numpy():
    assert matrix().requires_grad_(np.bool_(True)).requires_grad is True


def test_defaults_are_not_listed():
    def scaled(x: float, factor: int = 2) -> None: ...

    with pytest.raises(ValueError, match=r"^scaled: wrong \(arguments: x=0.5\)$"):
        explain(ValueError("wrong"), scaled, (0.5, 2), {})


def test_arguments_are_listed_for_messages_of_numpy():
    with pytest.raises(
        ValueError, match=r"^ColorJitter: .*\(arguments: brightness=ndarray of shape"
    ):
        cnet.transforms.ColorJitter(np.ones(3))


def test_local_response_norm_has_no_more_terms_than_channels():
    x = cnet.rand(2, 4, 3)
    whole = nn.functional.local_response_norm(x, 9, alpha=9.0)
    assert cnet.allclose(nn.functional.local_response_norm(x, 2**40, alpha=2.0**40), whole)


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
    with pytest.raises(TypeError, match=r"^var: correction must be a number or None"):
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


def test_methods_can_be_pickled():
    for name in dir(cnet.Tensor):
        method = getattr(cnet.Tensor, name)
        if inspect.isfunction(method):
            assert pickle.loads(pickle.dumps(method)) is method, name


def test_public_functions_can_be_pickled():
    for parameter in _public():
        function, _ = parameter.values
        if inspect.ismodule(function):
            continue
        assert pickle.loads(pickle.dumps(function)) is function, function


# ---- Warnings ------------------------------------------------------------------------------------


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
