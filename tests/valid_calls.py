"""A valid call of every public function and constructor, for tests that vary its arguments.

The argument of a parameter is that in `CALLS` under the public name, else that in `VALUES` under
the name of the parameter. Functions among them make a new value for each call.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import cnet
from cnet import distributions, nn, optim, transforms
from cnet.optim import lr_scheduler
from cnet.utils import data


def matrix() -> Any:
    return cnet.tensor([[2.0, 1.0], [1.0, 3.0]])


def vector() -> Any:
    return cnet.tensor([1.0, 2.0])


def integers() -> Any:
    return cnet.tensor([0, 1])


def mask() -> Any:
    return cnet.tensor([[True, False], [False, True]])


def batch() -> Any:
    return cnet.ones(3, 2, 2)


def sequences() -> Any:
    return cnet.ones(2, 4, 6)


def images() -> Any:
    return cnet.ones(2, 4, 6, 6)


def volumes() -> Any:
    return cnet.ones(2, 4, 6, 6, 6)


def grid() -> Any:
    return cnet.zeros(2, 3, 3, 2)


def boxes() -> Any:
    return cnet.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0]])


def pixels() -> Any:
    return np.full((8, 8, 3), 100, np.uint8)


def parameters() -> list[Any]:
    return [nn.Parameter(matrix())]


def optimizer() -> Any:
    return optim.SGD(parameters(), lr=0.1)


def model() -> Any:
    return nn.Sequential(nn.Linear(2, 2))


def linear() -> Any:
    return nn.Linear(2, 2)


def dataset() -> Any:
    return data.TensorDataset(matrix())


def ones(*shape: int) -> Callable[[], Any]:
    return lambda: cnet.ones(*shape)


def _indices(*shape: int) -> Callable[[], Any]:
    return lambda: cnet.zeros(*shape, dtype=cnet.int64)


_MATRICES = (
    "A B L a anchor b batch_shape concentration0 concentration1 data dims dividend divisor "
    "elements exponent ext_tensor image input input1 input2 key loc logits mat mat1 mat2 max "
    "min negative obj other positive query sample samples scale scores sorted_sequence src "
    "target tau tensor tensor1 tensor2 test_elements type1 type2 val value values x x1 x2 y"
)
VALUES: dict[str, Any] = dict.fromkeys(_MATRICES.split(), matrix) | {
    "T_0": 5, "T_max": 5, "angle": 30, "base_lr": 0.01, "batch_size": 2, "bits": 2,
    "boundaries": vector, "brightness_factor": 2, "chunks": 2, "clip_value": 2, "col": 2,
    "contrast_factor": 2, "d_model": 4, "data_source": lambda: [1, 2, 3], "dataset": dataset,
    "datasets": lambda: [dataset()], "degrees": 30, "dim": 0, "dim0": 0, "dim1": 1,
    "dim_feedforward": 4, "downscale_factor": 2, "drop_last": False, "dtype": cnet.float32,
    "embed_dim": 4, "embedding_dim": 3, "end": 2, "fill_value": 2, "from_": cnet.float32,
    "gamma": 0.9, "groups": 2, "hidden_size": 3, "high": 2, "hue_factor": 0, "img": pixels,
    "in_channels": 4, "in_features": 2, "index": integers, "indices": integers,
    "indices_or_sections": 2, "input_channels": 2, "input_size": 4, "k": 2, "kernel_size": 2,
    "lengths": lambda: [1, 0], "low": 0, "lr_lambda": lambda: lambda epoch: 0.9, "max_lr": 0.1,
    "max_norm": 1.0, "mean": 0.0, "milestones": lambda: [2, 4], "model": model, "module": linear,
    "n": 2, "nhead": 2, "norm_type": 2.0, "normalized_shape": (2,), "num_channels": 4,
    "num_classes": 3, "num_embeddings": 5, "num_features": 4, "num_groups": 2, "num_heads": 2,
    "num_layers": 1, "num_samples": 2, "optimizer": optimizer, "out_channels": 4,
    "out_features": 3, "output_size": 3, "p": 2, "pad": (1, 1), "padding": 1,
    "parameters": parameters, "params": parameters, "pic": pixels, "q": 0.5, "row": 2,
    "running_mean": ones(4), "running_var": ones(4), "s": 2,
    "sampler": lambda: data.SequentialSampler([1, 2]), "saturation_factor": 2,
    "sharpness_factor": 2, "shifts": 1, "size": (2, 3), "sparsity": 0, "split_sizes": 2,
    "squeeze_channels": 2, "start": 0, "std": 1.0, "step_size": 2, "steps": 3, "stride": (1, 1),
    "tensors": lambda: [matrix(), matrix()], "threshold": 0.5, "to": cnet.float32,
    "total_steps": 10, "transforms": lambda: [transforms.ToTensor()], "upscale_factor": 2,
    "var": matrix, "vec": vector, "vec1": vector, "vec2": vector, "weight": matrix,
    "weights": vector, "window_length": 2,
}  # fmt: skip
"""Arguments by the name of a parameter."""


def _for_axes(name: str, **arguments: Callable[[int], Any]) -> dict[str, dict[str, Any]]:
    """The arguments of functions like ``conv1d``, ``conv2d`` and ``conv3d``, by their axes."""
    return {
        f"{name}{axes}d": {key: make(axes) for key, make in arguments.items()}
        for axes in (1, 2, 3)
    }  # fmt: skip


def _for_all(names: str, **arguments: Any) -> dict[str, dict[str, Any]]:
    """The same arguments for several functions."""
    return dict.fromkeys(names.split(), arguments)


def _image(axes: int) -> Callable[[], Any]:
    return ones(2, 4, *(6,) * axes)


def _pooled(axes: int) -> Callable[[], Any]:
    return ones(2, 4, *(3,) * axes)


def sequential() -> dict[str, Any]:
    opt = optimizer()
    return {
        "optimizer": opt, "schedulers": [lr_scheduler.ConstantLR(opt)], "milestones": [],
    }  # fmt: skip


CALLS: dict[str, Any] = {
    **_for_axes("conv", input=_image, weight=lambda axes: ones(4, 4, *(3,) * axes)),
    **_for_axes("conv_transpose", input=_image, weight=lambda axes: ones(4, 4, *(3,) * axes)),
    **_for_axes("max_pool", input=_image),
    **_for_axes("avg_pool", input=_image),
    **_for_axes("lp_pool", input=_image),
    **_for_axes("adaptive_avg_pool", input=_image),
    **_for_axes("adaptive_max_pool", input=_image),
    **_for_axes("fractional_max_pool", input=_image, output_size=lambda axes: 3),
    **_for_axes("FractionalMaxPool", output_size=lambda axes: 3),
    **_for_axes("max_unpool", input=_pooled, indices=lambda axes: _indices(2, 4, *(3,) * axes)),
    **_for_axes("nn.LazyConv", args=lambda axes: lambda: [4, 3]),
    **_for_axes("nn.LazyConvTranspose", args=lambda axes: lambda: [4, 3]),
    **_for_all(
        "atleast_1d atleast_2d atleast_3d block_diag cartesian_prod meshgrid TensorDataset "
        "broadcast_tensors",
        tensors=lambda: [vector(), vector()],
    ),
    **_for_all(
        "bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor gcd "
        "lcm",
        input=integers,
        other=integers,
    ),
    **_for_all(
        "channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle dsplit "
        "local_response_norm nn.functional.instance_norm dirac_ nn.functional.unfold",
        input=images,
        tensor=images,
    ),
    **_for_all("interpolate upsample upsample_bilinear upsample_nearest", input=images, size=3),
    **_for_all("clamp clip", min=0),
    **_for_all("threshold threshold_ Threshold", value=0.5, args=[0.5, 0.5]),
    **_for_all("is_nonzero", input=2.0),
    **_for_all("prelu", weight=vector),
    **_for_all(
        "dot ger outer vdot vander combinations",
        input=vector,
        tensor=vector,
        x=vector,
        other=vector,
    ),
    **_for_all("bernoulli binary_cross_entropy", input=lambda: matrix() / 4, target=ones(2, 2)),
    **_for_all("bilinear", weight=ones(3, 2, 2)),
    **_for_all("cross linalg.cross", input=ones(2, 3), other=ones(2, 3)),
    **_for_all("CrossMapLRN2d LocalResponseNorm local_response_norm", input=images, size=3),
    **_for_all("Bernoulli Categorical OneHotCategorical", probs=lambda: [0.5, 0.5]),
    **_for_all("nll_loss multi_margin_loss", target=integers),
    **_for_all("GaussianBlur gaussian_blur", kernel_size=3),
    **_for_all("gather scatter_add", index=lambda: cnet.tensor([[0, 1]])),
    **_for_all("randint randint_like", low=0, high=2, size=(2,)),
    **_for_all("split", split_size_or_sections=1),
    **_for_all("tensor_split", indices_or_sections=2),
    "addbmm": {"batch1": batch, "batch2": batch},
    "addmv": {"input": vector},
    "arange": {"end": 3},
    "baddbmm": {"input": batch, "batch1": batch, "batch2": batch},
    "batch_norm": {
        "input": images,
        "weight": ones(4),
        "bias": ones(4),
        "training": True,
        "momentum": 0.1,
        "eps": 1e-5,
        "cudnn_enabled": False,
    },
    "bincount": {"input": integers},
    "bmm": {"input": batch, "mat2": batch},
    "broadcast_to": {"size": (3, 2, 2)},
    "chain_matmul": {"matrices": lambda: [matrix(), matrix()]},
    "diagonal_scatter": {"src": vector},
    "einsum": {"equation": "ij->ji", "operands": lambda: [matrix()]},
    "from_numpy": {"ndarray": lambda: np.ones(2)},
    "histogram": {"bins": 2},
    "gradcheck": {"fn": lambda: cnet.exp, "inputs": lambda: np.ones(2)},
    "index_add": {"source": matrix},
    "index_copy": {"source": matrix},
    "index_fill": {"value": 1},
    "index_put": {"indices": lambda: [integers()], "values": ones(2)},
    "instance_norm": {
        "input": images,
        "weight": ones(4),
        "bias": ones(4),
        "use_input_stats": True,
        "momentum": 0.1,
        "eps": 1e-5,
        "cudnn_enabled": False,
    },
    "masked_fill": {"mask": mask, "value": 0},
    "masked_scatter": {"mask": mask, "source": matrix},
    "masked_select": {"mask": mask},
    "moveaxis": {"source": 0, "destination": 1},
    "movedim": {"source": 0, "destination": 1},
    "narrow": {"length": 1},
    "normal": {"size": (2,)},
    "permute": {"dims": [1, 0]},
    "profile": {"inputs": lambda: [matrix()]},
    "renorm": {"maxnorm": 1.0},
    "repeat_interleave": {"input": integers},
    "reshape": {"shape": [4]},
    "scatter": {"index": lambda: cnet.tensor([[0, 1]]), "value": 1},
    "scatter_reduce": {"index": lambda: cnet.tensor([[0, 1]]), "reduce": "sum"},
    "select": {"index": 0},
    "select_scatter": {"src": vector, "index": 0},
    "summary": {"input_size": (3, 2)},
    "swapaxes": {"axis0": 0, "axis1": 1},
    "unflatten": {"sizes": (1, 2)},
    "unravel_index": {"shape": (2, 2)},
    "where": {"condition": mask},
    "kl_divergence": dict.fromkeys("pq", lambda: distributions.Normal(0.0, 1.0)),
    "linalg.solve_triangular": {"upper": True},
    "tensorinv": {"A": ones(1, 1, 1, 1)},
    "tensorsolve": {"A": lambda: cnet.eye(2), "B": vector},
    "AdaptiveLogSoftmaxWithLoss": {"n_classes": 6, "cutoffs": lambda: [2]},
    "Bilinear": {"in1_features": 2, "in2_features": 2},
    "LazyLinear": {"args": [3]},
    "RNNBase": {"mode": "LSTM"},
    "RNNCellBase": {"bias": True, "num_chunks": 4},
    "TransformerDecoder": {"decoder_layer": lambda: nn.TransformerDecoderLayer(4, 2, 4)},
    "TransformerEncoder": {"encoder_layer": lambda: nn.TransformerEncoderLayer(4, 2, 4)},
    "TransformerDecoderLayer": {"dim_feedforward": 4},
    "TransformerEncoderLayer": {"dim_feedforward": 4},
    "Transformer": {
        "d_model": 4,
        "nhead": 2,
        "num_encoder_layers": 1,
        "num_decoder_layers": 1,
        "dim_feedforward": 4,
    },
    "Unflatten": {"unflattened_size": (1, 2)},
    "affine_grid": {"theta": ones(1, 2, 3), "size": (1, 1, 2, 2)},
    "nn.functional.batch_norm": {"input": images},
    "cosine_embedding_loss": {"target": ones(2)},
    "ctc_loss": {
        "log_probs": ones(4, 2, 3),
        "targets": lambda: cnet.tensor([[1, 2], [1, 2]]),
        "input_lengths": lambda: cnet.tensor([4, 4]),
        "target_lengths": lambda: cnet.tensor([2, 2]),
    },
    "embedding": {"input": integers, "indices": integers},
    "embedding_bag": {"input": lambda: cnet.tensor([[0, 1]])},
    "nn.functional.fold": {"input": ones(2, 4, 9), "output_size": 4},
    "fold": {"input": ones(2, 4, 9), "output_size": 4},
    "grid_sample": {"input": images, "grid": grid},
    "multi_head_attention_forward": {
        "query": ones(3, 2),
        "key": ones(3, 2),
        "value": ones(3, 2),
        "embed_dim_to_check": 2,
        "num_heads": 1,
        "in_proj_weight": ones(6, 2),
        "in_proj_bias": ones(6),
        "bias_k": None,
        "bias_v": None,
        "add_zero_attn": False,
        "dropout_p": 0.0,
        "out_proj_weight": ones(2, 2),
        "out_proj_bias": ones(2),
    },
    "multilabel_margin_loss": {"target": lambda: cnet.tensor([[0, 1], [1, 0]])},
    "one_hot": {"input": integers},
    "calculate_gain": {"nonlinearity": "relu"},
    "clip_grads_with_norm_": {"total_norm": 1.0},
    "fuse_conv_bn_eval": {
        "conv": lambda: nn.Conv2d(2, 4, 3).eval(),
        "bn": lambda: nn.BatchNorm2d(4).eval(),
    },
    "fuse_linear_bn_eval": {
        "linear": lambda: nn.Linear(2, 4).eval(),
        "bn": lambda: nn.BatchNorm1d(4).eval(),
    },
    "fuse_conv_bn_weights": {
        "conv_w": ones(4, 2, 3, 3),
        "conv_b": ones(4),
        "bn_rm": ones(4),
        "bn_rv": ones(4),
        "bn_eps": 1e-5,
        "bn_w": ones(4),
        "bn_b": ones(4),
    },
    "fuse_linear_bn_weights": {
        "linear_w": ones(4, 2),
        "linear_b": ones(4),
        "bn_rm": ones(4),
        "bn_rv": ones(4),
        "bn_eps": 1e-5,
        "bn_w": ones(4),
        "bn_b": ones(4),
    },
    "remove_spectral_norm": {"module": lambda: nn.utils.spectral_norm(linear())},
    "remove_weight_norm": {"module": lambda: nn.utils.weight_norm(linear())},
    "vector_to_parameters": {"vec": ones(4)},
    "StochasticDepth": {"p": 0.5, "mode": "row"},
    "stochastic_depth": {"p": 0.5, "mode": "row"},
    "batched_nms": {"boxes": boxes, "scores": vector, "idxs": integers, "iou_threshold": 0.5},
    "box_area": {"boxes": boxes},
    "box_iou": {"boxes1": boxes, "boxes2": boxes},
    "nms": {"boxes": boxes, "scores": vector, "iou_threshold": 0.5},
    "optim.Optimizer": {"defaults": lambda: {"lr": 0.1}},
    "ChainedScheduler": {"schedulers": lambda: [lr_scheduler.ConstantLR(optimizer())]},
    "SequentialLR": sequential,
    "OneCycleLR": {"total_steps": 10},
    "transforms.Lambda": {"lambd": lambda: lambda x: x},
    "ops.sigmoid_focal_loss": {"inputs": matrix, "targets": ones(2, 2)},
    "transforms.functional.affine": {"translate": (1, 1), "scale": 1.0, "shear": 0.0},
    "transforms.functional.crop": {"top": 1, "left": 1, "height": 4, "width": 4},
    "transforms.functional.erase": {"i": 1, "j": 1, "h": 4, "w": 4, "v": 0},
    "transforms.functional.normalize": {
        "tensor": ones(3, 8, 8),
        "mean": lambda: [0.5] * 3,
        "std": lambda: [0.5] * 3,
    },
    "transforms.functional.perspective": {
        "startpoints": lambda: [[0, 0], [7, 0], [7, 7], [0, 7]],
        "endpoints": lambda: [[1, 0], [7, 1], [6, 7], [0, 6]],
    },
    "transforms.functional.resized_crop": {"top": 1, "left": 1, "height": 4, "width": 4, "size": 3},
    "ArrayDataset": {"arrays": lambda: [np.ones(2)]},
    "DistributedSampler": {"num_replicas": 2, "rank": 0},
    "StackDataset": {"args": lambda: [dataset(), dataset()]},
    "random_split": {"lengths": lambda: [1, 1]},
}
"""Arguments of single functions, where they differ from those in `VALUES`."""


def made(value: Any) -> Any:
    """A value of `VALUES`, or of an argument."""
    return value() if inspect.isfunction(value) or value is list else value


def arguments_of(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Arguments with which a call of a public function succeeds, by the names of parameters.

    They are those without a default, and those in `CALLS`. That of ``*tensors`` is a list.

    Parameters
    ----------
    name : str
        The qualified name, like ``"nn.functional.relu"``.
    """
    special = made(CALLS.get(name, CALLS.get(name.rpartition(".")[2], {})))
    chosen = {}
    for each in inspect.signature(function).parameters.values():
        if each.name in special:
            chosen[each.name] = special[each.name]
        elif each.default is each.empty and each.kind not in (
            each.VAR_POSITIONAL, each.VAR_KEYWORD,
        ):  # fmt: skip
            chosen[each.name] = VALUES[each.name]
    return {key: made(value) for key, value in chosen.items()}


def call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call a function with arguments by the names of its parameters."""
    positional: list[Any] = []
    keywords = dict(arguments)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in keywords:
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                break
        elif parameter.kind is parameter.VAR_POSITIONAL:
            positional += keywords.pop(parameter.name)
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            positional.append(keywords.pop(parameter.name))
    return function(*positional, **keywords)
