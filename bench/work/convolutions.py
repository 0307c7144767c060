"""Convolutions from many kinds of networks, forward and backward (all three gradients)."""

from typing import Any, NamedTuple

from cnet.bench.cases import Case, Work, arrays


class Shape(NamedTuple):
    """A convolution with a square kernel."""

    title: str
    n: int
    c: int
    h: int
    w: int
    o: int
    k: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    def outputs(self) -> tuple[int, int]:
        def length(size: int) -> int:
            return (size + 2 * self.padding - self.k) // self.stride + 1

        return length(self.h), length(self.w)

    def flops(self) -> int:
        """Operations of the forward pass for one image: two per tap."""
        oh, ow = self.outputs()
        return 2 * self.o * oh * ow * (self.c // self.groups) * self.k**2


COMMON = (
    Shape("lenet 1>8 k5 28x28 n256", 256, 1, 28, 28, 8, 5, padding=2),
    Shape("small 8>16 k3 14x14 n256", 256, 8, 14, 14, 16, 3, padding=1),
    Shape("lenet5 6>16 k5 14x14 n256", 256, 6, 14, 14, 16, 5),
    Shape("cifar 3>32 k3 32x32 n128", 128, 3, 32, 32, 32, 3, padding=1),
    Shape("cifar 32>64 k3 16x16 n128", 128, 32, 16, 16, 64, 3, padding=1),
    Shape("vgg 64>64 k3 56x56 n8", 8, 64, 56, 56, 64, 3, padding=1),
    Shape("vgg 128>128 k3 28x28 n8", 8, 128, 28, 28, 128, 3, padding=1),
    Shape("resnet 256>256 k3 14x14 n8", 8, 256, 14, 14, 256, 3, padding=1),
    Shape("resnet 512>512 k3 7x7 n8", 8, 512, 7, 7, 512, 3, padding=1),
    Shape("resnet stem 3>64 k7 s2 224x224 n4", 4, 3, 224, 224, 64, 7, stride=2, padding=3),
    Shape("1x1 256>64 56x56 n8", 8, 256, 56, 56, 64, 1),
    Shape("1x1 64>256 56x56 n8", 8, 64, 56, 56, 256, 1),
    Shape("1x1 1024>512 s2 14x14 n8", 8, 1024, 14, 14, 512, 1, stride=2),
    Shape("depthwise 96 k3 56x56 n8", 8, 96, 56, 56, 96, 3, padding=1, groups=96),
    Shape("depthwise 144 k3 s2 56x56 n8", 8, 144, 56, 56, 144, 3, 2, padding=1, groups=144),
    Shape("grouped 128>128 k3 g32 28x28 n8", 8, 128, 28, 28, 128, 3, padding=1, groups=32),
)

ODD = (
    Shape("37>53 k3 19x23 n16", 16, 37, 19, 23, 53, 3, padding=1),
    Shape("48>96 k3 33x33 n4", 4, 48, 33, 33, 96, 3, padding=1),
    Shape("96>96 k3 40x40 n1", 1, 96, 40, 40, 96, 3, padding=1),
    Shape("160>160 k3 p0 16x16 n8", 8, 160, 16, 16, 160, 3),
    Shape("24>40 k3 s2 65x65 n8", 8, 24, 65, 65, 40, 3, stride=2, padding=1),
    Shape("64>128 k3 s2 56x56 n8", 8, 64, 56, 56, 128, 3, stride=2, padding=1),
    Shape("32>64 k5 16x16 n64", 64, 32, 16, 16, 64, 5, padding=2),
    Shape("64>64 k5 28x28 n8", 8, 64, 28, 28, 64, 5, padding=2),
    Shape("depthwise 96 k5 28x28 n8", 8, 96, 28, 28, 96, 5, padding=2, groups=96),
    Shape("1x1 256>1024 14x14 n8", 8, 256, 14, 14, 1024, 1),
    Shape("1x1 1024>256 14x14 n8", 8, 1024, 14, 14, 256, 1),
    Shape("1x1 37>53 19x23 n16", 16, 37, 19, 23, 53, 1),
)

FORWARD, BACKWARD = "forward", "backward"


def cases(shapes: tuple[Shape, ...], dtype: str = "float32") -> dict[str, Case]:
    """Two cases per shape, named ``"<title>, forward"`` and ``"<title>, backward"``."""
    table = {}
    for shape in shapes:
        for direction, bind, passes in ((FORWARD, _forward, 1), (BACKWARD, _backward, 2)):
            title = f"{shape.title}, {direction}"
            amount = passes * shape.flops()
            table[title] = Case(title, bind(shape, dtype), shape.n, dtype, amount)
    return table


def _forward(shape: Shape, dtype: str) -> Any:
    def bind(side: Any, batch: int) -> Work:
        operands, options = _operands(side, shape, batch, dtype)
        return lambda: side.conv2d(*operands, **options)[0]

    return bind


def _backward(shape: Shape, dtype: str) -> Any:
    def bind(side: Any, batch: int) -> Work:
        operands, options = _operands(side, shape, batch, dtype)
        _, saved = side.conv2d(*operands, **options)
        (grad_output,) = arrays((batch, shape.o, *shape.outputs()), dtype=dtype)
        grad = side.asarray(grad_output)
        return lambda: side.conv2d_backward(grad, saved)

    return bind


def _operands(side: Any, shape: Shape, batch: int, dtype: str) -> tuple[list[Any], dict[str, int]]:
    _, _, c, h, w, o, k, stride, padding, groups = shape
    operands = arrays((batch, c, h, w), (o, c // groups, k, k), (o,), dtype=dtype)
    # Some sides do not support groups.
    options = {"stride": stride, "padding": padding} | ({"groups": groups} if groups > 1 else {})
    return [side.asarray(operand) for operand in operands], options


COMMON_CASES = cases(COMMON)
ODD_CASES = cases(ODD)

FLOAT64_CASES = cases(
    (
        Shape("3>25 k3 s2 31x31 n100", 100, 3, 31, 31, 25, 3, stride=2),
        Shape("32>64 k3 32x32 n50", 50, 32, 32, 32, 64, 3),
    ),
    "float64",
)
