"""Every kernel in plain NumPy: the oracle of the compiled ones, and ``CNET_ISA=reference``.

A function has the name and the arguments of its kernel: checked, C-contiguous arrays, allocated
results (None if not needed), then the geometry and numbers. It writes the results in place.
`cnet.kernels` calls either of them and documents what they compute.

Each function is written as its equation. There is one file per family, as in `cnet.kernels`.
"""

from .attention import attention
from .bfloat16 import (
    bfloat16_conv2d,
    bfloat16_max_pool2d,
    from_bfloat16,
    prepare_bfloat16_conv2d,
    to_bfloat16,
)
from .blocked import block, blocked_conv2d, blocked_pool2d, prepare_blocked_conv2d, unblock
from .channels_last import (
    avg_pool2d_nhwc,
    avg_pool2d_nhwc_backward,
    conv2d_nhwc,
    conv2d_nhwc_backward,
    max_pool2d_nhwc,
    max_pool2d_nhwc_backward,
    max_pool2d_ties_backward,
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
    copy,
    elementwise,
    elementwise_backward,
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
from .prepared import prepare_conv2d, prepare_linear, prepared_conv2d, prepared_linear
from .products import column_sums, gemm
from .quantized import (
    dequantize,
    prepare_quantized_conv2d,
    quantize,
    quantized_conv2d,
    quantized_max_pool2d,
)
from .random import multinomial, normal
from .recurrent import recurrent, recurrent_backward
from .reduce import accumulate, reduce
from .resample import resample
from .sampling import grid_sample, grid_sample_backward
from .sorting import kth, sort
from .strided import strided_copy

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
    "bfloat16_conv2d",
    "bfloat16_max_pool2d",
    "block",
    "blocked_conv2d",
    "blocked_pool2d",
    "col2im",
    "column_sums",
    "combine",
    "conv2d",
    "conv2d_backward",
    "conv2d_nhwc",
    "conv2d_nhwc_backward",
    "conv2d_relu_pool",
    "conv2d_relu_pool_backward",
    "copy",
    "cross_entropy",
    "cross_entropy_backward",
    "ctc_loss",
    "ctc_loss_backward",
    "dequantize",
    "distances",
    "distances_backward",
    "elementwise",
    "elementwise_backward",
    "from_bfloat16",
    "gather",
    "gemm",
    "grid_sample",
    "grid_sample_backward",
    "group_norm",
    "group_norm_backward",
    "im2col",
    "kth",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool2d_nhwc",
    "max_pool2d_nhwc_backward",
    "max_pool2d_ties_backward",
    "max_pool_windows",
    "multinomial",
    "nll_loss",
    "nll_loss_backward",
    "normal",
    "prepare_bfloat16_conv2d",
    "prepare_blocked_conv2d",
    "prepare_conv2d",
    "prepare_linear",
    "prepare_quantized_conv2d",
    "prepared_conv2d",
    "prepared_linear",
    "quantize",
    "quantized_conv2d",
    "quantized_max_pool2d",
    "recurrent",
    "recurrent_backward",
    "reduce",
    "reduce_losses",
    "reduce_losses_backward",
    "relu_pool",
    "relu_pool_backward",
    "resample",
    "scatter",
    "searchsorted",
    "sgd_step",
    "softmax",
    "softmax_backward",
    "sort",
    "strided_copy",
    "to_bfloat16",
    "transpose",
    "unblock",
]
