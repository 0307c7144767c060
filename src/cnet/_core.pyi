from collections.abc import Callable
from typing import Any, final

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[Any]
_Sizes = tuple[int, ...]

kernels: dict[str, tuple[int, tuple[str, ...]]]
arrays: dict[str, int]
written: dict[str, tuple[bool, ...]]
conv2d_fields: tuple[str, ...]
window2d_fields: tuple[str, ...]
compiler: str
max_threads: int
algorithms: dict[str, int]
operations: dict[str, int]
arithmetic_operations: dict[str, int]
saved_by_operations: dict[str, str]
combinations: dict[str, tuple[int, int]]
reductions: dict[str, int]

@final
class Memory: ...

cached_bytes: int

def empty(shape: _Sizes, dtype: np.dtype[Any]) -> _Array: ...

class Unsuitable(ValueError): ...

def call(*values: Any) -> int: ...
def prepare(*values: Any) -> npt.NDArray[np.uint8]: ...
def choose(typenum: int, *values: Any) -> tuple[int, ...] | None: ...

plan_x: int
plan_y: int
plan_constant: int

@final
class Plan:
    def __new__(
        cls,
        steps: list[tuple[Any, ...]],
        labels: tuple[str, ...],
        x_shape: _Sizes,
        y_shape: _Sizes,
        dtype: np.dtype[Any],
        block: int,
        arena_image: int,
        normalise: Callable[[Any, Any], tuple[_Array, _Array | None]],
    ) -> Plan: ...
    def __call__(self, x: _Array, out: _Array | None = None) -> _Array: ...
    def profile(self, x: _Array) -> list[tuple[str, float]]: ...
    @property
    def x_shape(self) -> _Sizes: ...
    @property
    def y_shape(self) -> _Sizes: ...

@final
class Tape:
    arena: npt.NDArray[np.uint8]
    def __new__(
        cls, calls: list[tuple[tuple[Any, ...], tuple[int, ...]]], arena_bytes: int
    ) -> Tape: ...
    def point(self, number: int, slot: int, array: _Array, offset: int) -> None: ...
    def set_numbers(self, number: int, values: tuple[float, ...]) -> None: ...
    def run(self, first: int, last: int) -> int: ...

def isas() -> list[tuple[str, bool]]: ...
def active_isa() -> int: ...
def set_active_isa(isa: int) -> None: ...
def get_num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def record_regions(log: npt.NDArray[np.int64]) -> None: ...
def stop_recording() -> int: ...
def empty_cache() -> None: ...
