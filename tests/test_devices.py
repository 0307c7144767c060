"""Devices, memory formats, printing, and modules that exist for compatibility."""

import copy

import pytest

import cnet

x = cnet.zeros(2, 3)


def test_devices_are_values():
    cpu, cuda = cnet.device("cpu"), cnet.device("cuda:1")
    assert (cuda.type, cuda.index, str(cuda)) == ("cuda", 1, "cuda:1")
    assert repr(cuda) == "device(type='cuda', index=1)"
    assert cuda == cnet.device("cuda", 1) == cnet.device(cuda) == copy.deepcopy(cuda) != cpu
    assert len({cuda, cnet.device("cuda", 1), cpu}) == 2
    assert x.device == cpu
    assert cpu != "cpu"
    with cpu:
        pass
    with pytest.raises(AttributeError, match="cannot be changed"):
        cpu.type = "cuda"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cnet.device("gpu"), RuntimeError, "Expected one of cpu, cuda"),
        (lambda: cnet.device("cuda:x"), RuntimeError, "Invalid device string"),
        (lambda: cnet.device("cuda:0", 0), RuntimeError, "index must be given once"),
        (lambda: cnet.device(None), TypeError, "type must be a str"),
        (lambda: x.cuda(), RuntimeError, "cuda: device 'cuda' is not available"),
        (lambda: x.to("mps"), RuntimeError, "to: device 'mps' is not available"),
        (lambda: x.to(0), RuntimeError, "to: device 'cuda:0'"),
        (lambda: x.bfloat16(), TypeError, "bfloat16: NumPy has no such dtype"),
        (lambda: cnet.bfloat16, AttributeError, "NumPy has no such dtype"),
        (lambda: cnet.complex64, AttributeError, "complex numbers are not supported"),
        (lambda: cnet.cuda.set_device(0), RuntimeError, "cuda.set_device: there is no GPU"),
        (lambda: cnet.cuda.device(0), RuntimeError, "cuda.device: there is no GPU"),
        (lambda: cnet.cuda.FloatTensor(2), RuntimeError, "cuda.FloatTensor: there is no GPU"),
        (lambda: x.type(cnet.cuda.FloatTensor), RuntimeError, "cuda.FloatTensor: there is no GPU"),
        (lambda: x.type("torch.cuda.FloatTensor"), RuntimeError, "torch.cuda.FloatTensor is not"),
        (lambda: cnet.set_default_tensor_type("torch.cuda.FloatTensor"), RuntimeError, "the CPU"),
        (lambda: cnet.set_default_tensor_type(cnet.LongTensor), TypeError, "float32 or float64"),
        (lambda: cnet.set_image_backend("accimage"), ValueError, "must be 'PIL'"),
        (lambda: cnet.nn.parallel.scatter(x, [0]), RuntimeError, "nn.parallel.scatter: there is"),
        (lambda: x.to(memory_format=cnet.channels_last), ValueError, "requires 4 dimensions"),
        (lambda: x.share_memory_(), RuntimeError, "share_memory_"),
        (lambda: cnet.set_printoptions(profile="long"), ValueError, "profile must be one of"),
        (lambda: cnet.set_default_device("cuda"), RuntimeError, "set_default_device: device"),
        (lambda: cnet.set_float32_matmul_precision("low"), ValueError, "precision must be"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "same",
    [
        lambda: x.cpu(), lambda: x.to("cpu"), lambda: x.to(cnet.float32), lambda: x.to(x),
        lambda: x.to(cnet.device("cpu"), cnet.float32, True), lambda: x.float(),
        lambda: x.contiguous(), lambda: x.type_as(x), lambda: x.type("torch.FloatTensor"),
        lambda: x.pin_memory(), lambda: x.requires_grad_(False),
    ],
)  # fmt: skip
def test_conversions_that_change_nothing_return_the_tensor(same):
    assert same() is x


@pytest.mark.parametrize(
    ("converted", "dtype"),
    [
        (lambda: x.to("float64"), "float64"), (lambda: x.to(device="cpu", dtype=int), "int64"),
        (lambda: x.half(), "float16"), (lambda: x.double(), "float64"), (lambda: x.int(), "int32"),
        (lambda: x.long(), "int64"), (lambda: x.short(), "int16"), (lambda: x.char(), "int8"),
        (lambda: x.byte(), "uint8"), (lambda: x.bool(), "bool"),
        (lambda: x.type(cnet.float64), "float64"), (lambda: x.to(cnet.arange(2)), "int64"),
    ],
)  # fmt: skip
def test_conversions(converted, dtype):
    assert converted().dtype == dtype


def test_conversions_are_recorded():
    y = cnet.ones(2, requires_grad=True)
    z = y.to(cnet.float64, copy=True)
    z.sum().backward()
    assert (y.grad.tolist(), y.grad.dtype) == ([1, 1], cnet.float32)
    assert y.to("cpu", copy=True) is not y


def test_memory_formats():
    images = cnet.zeros(2, 3, 4, 5)
    last = images.to(memory_format=cnet.channels_last)
    assert last.shape == images.shape
    assert last.stride() == (60, 1, 15, 3)
    assert last.is_contiguous(memory_format=cnet.channels_last)
    assert not last.is_contiguous()
    assert last.clone().stride() == last.stride()
    assert last.contiguous().stride() == images.stride() == (60, 20, 5, 1)
    assert last.clone(memory_format=cnet.contiguous_format).is_contiguous()
    assert repr(cnet.channels_last) == "cnet.channels_last"


def test_properties():
    part = cnet.zeros(2, 3, dtype=cnet.float64)[:, 1:]
    assert (part.stride(), part.stride(0), part.storage_offset()) == ((3, 1), 3, 1)
    assert (part.numel(), part.nelement(), part.dim(), part.ndimension()) == (4, 4, 2, 2)
    assert (part.element_size(), part.itemsize, part.nbytes) == (8, 8, 32)
    questions = part.is_cuda, part.is_sparse, part.is_contiguous(), part.is_complex()
    assert not any(questions)
    assert (part.layout, part.get_device()) == (cnet.strided, -1)
    assert part.data_ptr() == part.numpy().ctypes.data


def test_printing():
    try:
        cnet.set_printoptions(precision=2)
        assert repr(cnet.tensor([1.2345])) == "tensor([1.23])"
        cnet.set_printoptions(sci_mode=True)
        assert repr(cnet.tensor([1200.0])) == "tensor([1.20e+03])"
    finally:
        cnet.set_printoptions(profile="default")
    assert repr(cnet.tensor([1.2345])) == "tensor([1.2345])"


def test_modules_for_compatibility():
    assert not cnet.cuda.is_available()
    assert not cnet.backends.mps.is_available()
    assert not cnet.accelerator.is_available()
    assert cnet.cuda.device_count() == 0
    cnet.cuda.manual_seed_all(3)
    cnet.backends.cudnn.benchmark = True
    assert cnet.backends.cudnn.benchmark
    assert cnet.version.__version__ == cnet.__version__
    assert cnet.version.cuda is None
    v = cnet.autograd.Variable(cnet.zeros(2), requires_grad=True)
    assert isinstance(v, cnet.Tensor)
    assert isinstance(v, cnet.autograd.Variable)
    assert v.requires_grad


def test_older_types_of_tensors():
    assert isinstance(x, cnet.FloatTensor)
    assert not isinstance(x, cnet.cuda.FloatTensor)
    try:
        cnet.set_default_tensor_type("torch.DoubleTensor")
        assert cnet.zeros(1).dtype == "float64"
    finally:
        cnet.set_default_tensor_type(cnet.FloatTensor)
    assert cnet.zeros(1).dtype == "float32"


def test_paths_of_pytorch():
    from cnet.autograd.variable import Variable
    from cnet.nn.parallel._functions import Broadcast, ReduceAddCoalesced
    from cnet.nn.parallel.data_parallel import DataParallel

    from cnet.autograd.function import Function, InplaceFunction, once_differentiable
    from cnet.jit.annotations import List
    from cnet.nn.attention import SDPBackend, sdpa_kernel

    assert Function is InplaceFunction is cnet.autograd.Function
    assert Variable is cnet.autograd.Variable
    assert once_differentiable is cnet.autograd.once_differentiable
    assert DataParallel is cnet.nn.DataParallel
    assert callable(Broadcast)
    assert callable(ReduceAddCoalesced)
    assert List
    assert cnet.jit.ScriptModule is cnet.nn.Module
    assert cnet.get_image_backend() == "PIL"
    cnet.set_image_backend("PIL")
    with sdpa_kernel([SDPBackend.MATH]), cnet.jit.optimized_execution(True):
        pass
    with cnet.autograd.set_detect_anomaly(True), cnet.autograd.detect_anomaly():
        pass


@pytest.mark.parametrize("index", [-1, None])
def test_the_context_of_no_gpu(index):
    with cnet.cuda.device(index):
        assert cnet.ones(1).device.type == "cpu"
