from collections.abc import Callable
from typing import Any, final

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]
_Sizes = tuple[int, ...]

conv2d_fields: tuple[str, ...]
window2d_fields: tuple[str, ...]
compiler: str
max_threads: int
algorithms: dict[str, int]

@final
class Memory: ...

def empty(shape: _Sizes, typenum: int, itemsize: int) -> _Array: ...
def im2col(x: _Array, cols: _Array, geometry: _Sizes) -> None: ...
def col2im(cols: _Array, x: _Array, geometry: _Sizes) -> None: ...
def conv2d(
    x: _Array,
    weight: _Array,
    bias: _Array | None,
    y: _Array,
    geometry: _Sizes,
    algorithm: int,
) -> None: ...
def conv2d_backward(
    dy: _Array,
    x: _Array,
    weight: _Array,
    dx: _Array | None,
    dw: _Array | None,
    db: _Array | None,
    geometry: _Sizes,
    algorithm: int,
) -> None: ...
def conv2d_choice(geometry: _Sizes, direction: int, algorithm: int, typenum: int) -> int: ...
def conv2d_suits(geometry: _Sizes, direction: int, algorithm: int, typenum: int) -> bool: ...
def conv2d_relu_pool(
    x: _Array,
    weight: _Array,
    bias: _Array | None,
    y: _Array,
    codes: npt.NDArray[np.uint8],
    geometry: _Sizes,
) -> None: ...
def conv2d_relu_pool_backward_pays(x: _Array, geometry: _Sizes) -> bool: ...
def conv2d_relu_pool_backward(
    dy: _Array,
    codes: npt.NDArray[np.uint8],
    x: _Array,
    weight: _Array,
    dx: _Array | None,
    dw: _Array | None,
    db: _Array | None,
    geometry: _Sizes,
) -> None: ...
def relu_pool(x: _Array, y: _Array, codes: npt.NDArray[np.uint8], geometry: _Sizes) -> None: ...
def relu_pool_backward(
    dy: _Array, codes: npt.NDArray[np.uint8], dx: _Array, geometry: _Sizes
) -> None: ...
def max_pool2d(x: _Array, y: _Array, argmax: npt.NDArray[np.int32], geometry: _Sizes) -> None: ...
def max_pool2d_backward(
    dy: _Array, argmax: npt.NDArray[np.int32], dx: _Array, geometry: _Sizes
) -> int: ...
def avg_pool2d(x: _Array, y: _Array, geometry: _Sizes, include_pad: bool, divisor: int) -> None: ...
def avg_pool2d_backward(
    dy: _Array, dx: _Array, geometry: _Sizes, include_pad: bool, divisor: int
) -> None: ...
def gemm(
    a: _Array, b: _Array, bias: _Array | None, c: _Array, geometry: _Sizes, relu: bool
) -> None: ...
def relu(x: _Array, y: _Array) -> None: ...
def relu_backward(dy: _Array, y: _Array, dx: _Array) -> None: ...
def batch_norm_stats(x: _Array, mean: _Array, var: _Array, geometry: _Sizes) -> None: ...
def batch_norm(
    x: _Array,
    mean: _Array,
    var: _Array,
    weight: _Array | None,
    bias: _Array | None,
    y: _Array,
    geometry: _Sizes,
    eps: float,
) -> None: ...
def batch_norm_backward(
    dy: _Array,
    x: _Array,
    mean: _Array,
    var: _Array,
    weight: _Array | None,
    dx: _Array | None,
    dweight: _Array | None,
    dbias: _Array | None,
    geometry: _Sizes,
    eps: float,
    from_batch: bool,
) -> None: ...
def cross_entropy(
    logits: _Array,
    target: npt.NDArray[np.int64],
    weight: _Array | None,
    losses: _Array,
    lse: _Array,
    smoothing: float,
    ignore_index: int,
) -> int: ...
def cross_entropy_backward(
    grad_losses: _Array,
    logits: _Array,
    target: npt.NDArray[np.int64],
    lse: _Array,
    weight: _Array | None,
    dlogits: _Array,
    smoothing: float,
    ignore_index: int,
) -> int: ...
def sgd_step(
    param: _Array,
    grad: _Array,
    momentum_buffer: _Array | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    first: bool,
) -> None: ...
def adam_step(
    param: _Array,
    grad: _Array,
    exp_avg: _Array,
    exp_avg_sq: _Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
    maximize: bool,
    decoupled: bool,
) -> None: ...

step_kinds: dict[str, int]
activations: dict[str, int]
plan_x: int
plan_y: int

@final
class Plan:
    def __new__(
        cls,
        steps: list[tuple[Any, ...]],
        x_shape: _Sizes,
        y_shape: _Sizes,
        dtype: np.dtype[Any],
        block: int,
        arena_image: int,
        normalise: Callable[[Any, Any], tuple[_Array, _Array | None]],
    ) -> Plan: ...
    def __call__(self, x: _Array, out: _Array | None = None) -> _Array: ...
    @property
    def x_shape(self) -> _Sizes: ...
    @property
    def y_shape(self) -> _Sizes: ...

def isas() -> list[tuple[str, bool]]: ...
def active_isa() -> int: ...
def set_active_isa(isa: int) -> None: ...
def get_num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def empty_cache() -> None: ...
