"""Functions at the top level of PyTorch, and its `amp`, `jit`, `onnx` and `utils.checkpoint`."""

import subprocess
import sys

import numpy as np
import pytest

import cnet
import cnet.cuda.amp
from cnet import amp, jit, nn, tensor
from cnet import functional as F
from cnet.utils.checkpoint import checkpoint, checkpoint_sequential

X = np.random.default_rng(0).standard_normal((2, 4, 6))

CALLS = {
    "adaptive_max_pool1d": ((X, 3), {}, lambda: F.adaptive_max_pool1d(X, 3)),
    "max_pool1d_with_indices": ((X, 2), {}, lambda: F.max_pool1d(X, 2)),
    "batch_norm": (
        (X, None, np.arange(4.0), X[0, :, 0], X[0, :, 0] ** 2, False, 0.1, 1e-5),
        {"cudnn_enabled": True},
        lambda: F.batch_norm(X, X[0, :, 0], X[0, :, 0] ** 2, None, np.arange(4.0)),
    ),
    "instance_norm": (
        (X, np.arange(4.0), None, None, None, True, 0.1, 1e-3),
        {},
        lambda: F.instance_norm(X, weight=np.arange(4.0), eps=1e-3),
    ),
    "embedding": ((X[0], np.array([1, 0])), {}, lambda: F.embedding(np.array([1, 0]), X[0])),
    "constant_pad_nd": ((X, (1, 2), 3.0), {}, lambda: F.pad(X, (1, 2), value=3.0)),
    "layer_norm": ((X, (6,)), {}, lambda: F.layer_norm(X, (6,))),
    "pixel_shuffle": (
        (X.reshape(1, 4, 2, 6), 2),
        {},
        lambda: F.pixel_shuffle(X.reshape(1, 4, 2, 6), 2),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_with_another_signature(name):
    args, kwargs, expected = CALLS[name]
    arrays = [tensor(x) if isinstance(x, np.ndarray) else x for x in args]
    result = getattr(cnet, name)(*arrays, **kwargs)
    result = result[0] if isinstance(result, tuple) else result
    np.testing.assert_allclose(result, expected())
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    if name in ("batch_norm", "instance_norm"):
        kwargs = {"cudnn_enabled": True}
    theirs = [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in args]
    function = getattr(torch, name)
    found = function(*theirs, **kwargs)
    found = found[0] if isinstance(found, tuple) else found
    np.testing.assert_allclose(result, found.numpy(), rtol=1e-6, atol=1e-12)


def network():
    cnet.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 2))


@pytest.mark.parametrize("way", [checkpoint, lambda net, x: checkpoint_sequential(net, 2, x)])
@pytest.mark.parametrize("needs_grad", [True, False])
def test_checkpoints_have_the_same_gradients(way, needs_grad):
    found = []
    for run in (lambda net, x: net(x), way):
        net, x = network(), cnet.tensor(X[0], dtype=cnet.float32, requires_grad=needs_grad)
        cnet.manual_seed(1)
        y = run(net, x)
        drawn = cnet.rand(1).item()
        (y * y).sum().backward()
        assert cnet.rand(1).item() != drawn
        found.append(
            [y.detach(), *([x.grad] if needs_grad else []), *(p.grad for p in net.parameters())]
        )
    for own, expected in zip(*found, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-6)


def test_mixed_precision_is_disabled():
    with pytest.warns(UserWarning, match="cuda is not available"), cnet.cuda.amp.autocast():
        assert (cnet.ones(2) @ cnet.ones(2)).dtype == np.float32
    with pytest.raises(NotImplementedError, match="not supported on the CPU"):
        amp.autocast("cpu")
    with pytest.warns(UserWarning, match="GradScaler: cuda is not available"):
        scaler = cnet.cuda.amp.GradScaler()
    w = nn.Parameter(cnet.ones(1))
    optimizer = cnet.optim.SGD([w], lr=0.5)
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.5]
    assert scaler.state_dict() == {}
    assert not scaler.is_enabled()

    @cnet.autocast("cuda", enabled=False)
    def double(x):
        return 2 * x

    assert double(1) == 2


def test_scripts_are_python():
    @jit.script
    def double(x: cnet.Tensor) -> cnet.Tensor:
        return 2 * x

    @jit.ignore(drop=True)
    def triple(x):
        return 3 * x

    assert (double(1), triple(1), jit.ignore(double)(1)) == (2, 3, 2)
    assert not jit.is_scripting()
    with pytest.raises(NotImplementedError, match=r"jit\.trace is not supported"):
        jit.trace(double, cnet.ones(1))


def test_models_are_not_exported():
    assert not cnet.onnx.is_in_onnx_export()
    with pytest.raises(NotImplementedError, match=r"onnx\.export is not supported"):
        cnet.onnx.export(nn.Identity(), cnet.ones(1), "model.onnx")


def test_gradcheck_of_pytorch():
    class Wrong(cnet.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad

    x = cnet.tensor(X, requires_grad=True)
    assert cnet.autograd.gradcheck(cnet.exp, (x,), eps=1e-6, atol=1e-4, fast_mode=True)
    assert not cnet.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False)
    with pytest.raises(cnet.GradcheckError):
        cnet.autograd.gradcheck(Wrong.apply, (x,))
    with pytest.raises(NotImplementedError, match="check_forward_ad"):
        cnet.autograd.gradcheck(cnet.exp, (x,), check_forward_ad=True)
    with pytest.raises(TypeError, match="unexpected argument 'tolerance'"):
        cnet.autograd.gradcheck(cnet.exp, (x,), tolerance=1)


def test_lists_of_safe_classes_have_no_effect(tmp_path):
    cnet.serialization.add_safe_globals([nn.Linear])
    cnet.save({"x": 1}, tmp_path / "x.safetensors")
    with cnet.serialization.safe_globals([nn.Linear]):
        assert cnet.serialization.load(tmp_path / "x.safetensors") == {"x": 1}


def test_checkpoint_is_an_attribute_of_utils():
    code = "import cnet\ncnet.utils.checkpoint.checkpoint, cnet.utils.model_zoo.load_url"
    subprocess.run([sys.executable, "-c", code], check=True)
