"""The compiled kernels as functions of NumPy arrays.

Each function checks its arguments, allocates its result and calls the kernel: a compiled one or,
under `cnet.use_isa("reference")`, the function of the same name in `cnet.reference`. Arrays are
float32 or float64, and are not modified unless a docstring says so. Arrays that are not
C-contiguous are copied. Results are new, C-contiguous arrays. Letters as in `cnet.geometry`.

Each family has a file, with the gradients of an operation below the operation.
"""

from .algorithms import conv2d_algorithm, conv2d_choice
from .attention import attention
from .channels_last import (
    avg_pool2d_nhwc,
    avg_pool2d_nhwc_backward,
    conv2d_nhwc,
    conv2d_nhwc_backward,
    max_pool2d_nhwc,
    max_pool2d_nhwc_backward,
    transpose,
)
from .columns import col2im, im2col
from .combine import combine
from .conv import conv2d, conv2d_backward
from .ctc import ctc_loss, ctc_loss_backward
from .distance import distances, distances_backward
from .elementwise import (
    add,
    arithmetic,
    elementwise,
    elementwise_backward,
    relu,
    relu_backward,
    softmax,
    softmax_backward,
)
from .fused import (
    conv2d_relu_pool,
    conv2d_relu_pool_backward,
    relu_pool,
    relu_pool_backward,
)
from .indexing import gather, scatter, searchsorted
from .loss import (
    cross_entropy,
    cross_entropy_backward,
    nll_loss,
    nll_loss_backward,
    reduce_losses,
    reduce_losses_backward,
)
from .norm import (
    batch_norm,
    batch_norm_backward,
    batch_norm_stats,
    group_norm,
    group_norm_backward,
)
from .optim import adam_step, sgd_step
from .pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    max_pool_windows,
)
from .products import column_sums, linear, matmul
from .random import multinomial, normal
from .recurrent import recurrent, recurrent_backward
from .reduce import accumulate, reduce
from .resample import resample
from .sampling import grid_sample, grid_sample_backward
from .sorting import kth, sort
from .strided import copy_range, embed, flip, permute
from .transposed import conv_transpose2d, conv_transpose2d_backward

__all__ = [
    "accumulate",
    "adam_step",
    "add",
    "arithmetic",
    "attention",
    "avg_pool2d",
    "avg_pool2d_backward",
    "avg_pool2d_nhwc",
    "avg_pool2d_nhwc_backward",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_stats",
    "col2im",
    "column_sums",
    "combine",
    "conv2d",
    "conv2d_algorithm",
    "conv2d_backward",
    "conv2d_choice",
    "conv2d_nhwc",
    "conv2d_nhwc_backward",
    "conv2d_relu_pool",
    "conv2d_relu_pool_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "copy_range",
    "cross_entropy",
    "cross_entropy_backward",
    "ctc_loss",
    "ctc_loss_backward",
    "distances",
    "distances_backward",
    "elementwise",
    "elementwise_backward",
    "embed",
    "flip",
    "gather",
    "grid_sample",
    "grid_sample_backward",
    "group_norm",
    "group_norm_backward",
    "im2col",
    "kth",
    "linear",
    "matmul",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool2d_nhwc",
    "max_pool2d_nhwc_backward",
    "max_pool_windows",
    "multinomial",
    "nll_loss",
    "nll_loss_backward",
    "normal",
    "permute",
    "recurrent",
    "recurrent_backward",
    "reduce",
    "reduce_losses",
    "reduce_losses_backward",
    "relu",
    "relu_backward",
    "relu_pool",
    "relu_pool_backward",
    "resample",
    "scatter",
    "searchsorted",
    "sgd_step",
    "softmax",
    "softmax_backward",
    "sort",
    "transpose",
]
