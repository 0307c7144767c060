"""Wrong arguments of the drop-in layers: the exception names what was called and its arguments.

As in `test_bad_input`, each argument of a valid call is replaced by each of `WRONG`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnet.dropin import (
    alescontrela,
    coursera,
    cs231n,
    dlfs,
    fau,
    holberton,
    layerwise,
    mlfs,
    mlp,
    mytorch,
    node,
    op,
    stateless,
    vzhou,
)
from test_bad_input import FOREIGN, WRONG

IMAGES, WEIGHT, BIAS = np.ones((2, 3, 6, 6)), np.ones((4, 3, 2, 2)), np.ones(4)
LAST, LAST_WEIGHT, LAST_BIAS = np.ones((2, 6, 6, 3)), np.ones((2, 2, 3, 4)), np.ones((1, 1, 1, 4))
ROWS, ONE_HOT = np.ones((4, 3)), np.eye(2)[[0, 1, 0, 1]]
CONV, POOL = {"stride": 1, "pad": 0}, {"pool_height": 2, "pool_width": 2, "stride": 2}
GRADS = {"W1": np.ones((3, 4)), "b1": np.ones(4), "W2": np.ones((4, 2)), "b2": np.ones(2)}


def after_forward(layer: Any, method: str, x: Any) -> Callable[..., Any]:
    """A method of a layer that has seen an input."""
    getattr(layer, "forward_pass" if hasattr(layer, "forward_pass") else "forward")(x)
    return getattr(layer, method)  # type: ignore[no-any-return]


def layer_of_mlfs() -> Any:
    layer = mlfs.Conv2D(4, (2, 2), (3, 6, 6))
    layer.initialize(None)
    return layer


def perceptron() -> Any:
    return mlp.MLPFromScratch(3, 4, 2)


CASES: list[tuple[Any, dict[str, Any]]] = [
    (lambda **a: stateless.LinearLayer(**a), {"in_features": 3, "out_features": 2, "W": None}),
    (stateless.LinearLayer(3, 2).forward, {"x": ROWS}),
    (stateless.LinearLayer(3, 2).grad_params, {"x": ROWS, "grad_out": ONE_HOT}),
    (stateless.Sigmoid().grad_x, {"x": ROWS, "grad_out": ROWS}),
    (stateless.Softmax().grad_x, {"x": ROWS, "grad_out": ROWS}),
    (stateless.CrossEntropy().grad_x, {"y_pred": ROWS, "y_true": ROWS}),
    (stateless.SimpleConv, {"kernel": ROWS, "bias": 0.5}),
    (stateless.SimpleConv(ROWS).grad_params, {"x": np.ones((4, 3)), "grad_out": np.ones((1, 1))}),
    (stateless.one_hot, {"y": [0, 2], "num_classes": 3}),
    (stateless.finite_diff_grad, {"f": np.sum, "x": ROWS, "eps": 1e-6}),
    (layerwise.Conv2d, {"kernel_size": 3}),
    (layerwise.Dense, {"input_size": 3, "output_size": 2}),
    (after_forward(layerwise.Sigmoid(), "backward", ROWS), {"grad_output": ROWS}),
    (after_forward(layerwise.Relu(), "backward", ROWS), {"grad_output": ROWS}),
    (lambda a, b: op.Add.apply(a, b), {"a": ROWS, "b": ROWS}),
    (lambda axis, keepdims: op.Sum.apply(ROWS, axis, keepdims), {"axis": 0, "keepdims": False}),
    (op.Tensor, {"data": ROWS}),
    (op.Tensor.zeros, {"shape": (2, 3)}),
    (op.Tensor(ROWS, True).backward, {"grad_output": ROWS}),
    (cs231n.conv_forward_fast, {"x": IMAGES, "w": WEIGHT, "b": BIAS, "conv_param": CONV}),
    (cs231n.conv_backward_fast, {
        "dout": np.ones((2, 4, 5, 5)), "cache": (IMAGES, WEIGHT, BIAS, CONV)}),
    (cs231n.max_pool_forward_fast, {"x": IMAGES, "pool_param": POOL}),
    (cs231n.col2im_6d_cython, {
        "cols": np.ones((3, 2, 2, 2, 5, 5)), "N": 2, "C": 3, "H": 6, "W": 6, "HH": 2, "WW": 2,
        "pad": 0, "stride": 1}),
    (dlfs.im2col, {"input_data": IMAGES, "filter_h": 2, "filter_w": 2, "stride": 1, "pad": 0}),
    (dlfs.Convolution(WEIGHT, BIAS).forward, {"x": IMAGES}),
    (mlp.sigmoid, {"x": ROWS}),
    (lambda **a: mlp.MLPFromScratch(**a), {"input_dim": 3, "hidden_dim": 4, "output_dim": 2}),
    (lambda grads: perceptron().update(grads, 0.1), {"grads": GRADS}),
    (lambda **a: perceptron().update({**GRADS, **a}, 0.1), GRADS),
    (coursera.zero_pad, {"X": LAST, "pad": 1}),
    (coursera.conv_single_step, {"a_slice_prev": ROWS, "W": ROWS, "b": 1.0}),
    (coursera.conv_forward, {
        "A_prev": LAST, "W": LAST_WEIGHT, "b": LAST_BIAS, "hparameters": CONV}),
    (coursera.pool_forward, {"A_prev": LAST, "hparameters": {"f": 2, "stride": 1}, "mode": "max"}),
    (coursera.distribute_value, {"dz": 2.0, "shape": (2, 2)}),
    (holberton.conv_forward, {
        "A_prev": LAST, "W": LAST_WEIGHT, "b": LAST_BIAS, "activation": np.tanh,
        "padding": "same", "stride": (1, 1)}),
    (holberton.pool, {"images": LAST, "kernel_shape": (2, 2), "stride": (1, 1), "mode": "max"}),
    (holberton.convolve, {"images": LAST, "kernels": LAST_WEIGHT, "stride": (1, 1)}),
    (fau.Conv, {"stride_shape": 1, "convolution_shape": (3, 2, 2), "num_kernels": 4}),
    (fau.Flatten().forward, {"input_tensor": IMAGES}),
    (after_forward(fau.Flatten(), "backward", IMAGES), {"error_tensor": IMAGES}),
    (mytorch.Conv2d(3, 4, 2, 1).forward, {"A": IMAGES}),
    (lambda **a: mytorch.ConvTranspose2d(**a).forward(IMAGES), {
        "in_channels": 3, "out_channels": 4, "kernel_size": 2, "upsampling_factor": 2}),
    (mytorch.Upsample2d(2).backward, {"dLdZ": IMAGES}),
    (after_forward(mytorch.Downsample2d(2), "backward", IMAGES), {"dLdZ": np.ones((2, 3, 3, 3))}),
    (mlfs.column_to_image, {
        "cols": np.ones((12, 50)), "images_shape": (2, 3, 6, 6), "filter_shape": (2, 2),
        "stride": 1, "output_shape": "valid"}),
    (layer_of_mlfs().forward_pass, {"X": IMAGES}),
    (alescontrela.convolution, {"image": IMAGES[0], "filt": WEIGHT, "bias": BIAS, "s": 1}),
    (alescontrela.categoricalCrossEntropy, {"probs": ROWS, "label": ROWS}),
    (vzhou.Conv3x3, {"num_filters": 4}),
    (after_forward(vzhou.Softmax(3, 2), "backprop", np.ones(3)), {
        "d_L_d_out": np.ones(2), "learn_rate": 0.1}),
    (node.Node, {"value": ROWS}),
    (node.Node(ROWS).__add__, {"other": ROWS}),
    (node.Node(ROWS).sum, {"axis": 0, "keepdims": False}),
    (node.AdamOptimizer, {"params": [node.Node(1.0)], "betas": (0.9, 0.99)}),
    (node.batch_iterator, {"X": ROWS, "y": ROWS, "batch_size": 2, "shuffle": True}),
    (lambda value: node.nn.Conv2d(3, 2, 2)(node.Node(value)), {"value": IMAGES}),
]  # fmt: skip


def is_clear(error: Exception) -> bool:
    message = str(error.args[0]) if len(error.args) == 1 else str(error)
    head, _, rest = message.partition(": ")
    return head.replace(".", "_").isidentifier() and (
        "(arguments: " in rest or not FOREIGN.search(rest)
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("function", "valid"), CASES)
def test_exceptions_name_what_was_called(function, valid):
    function(**valid)
    unclear = []
    for parameter in valid:
        for kind, wrong in {**WRONG, "rank 0": np.ones(())}.items():
            try:
                function(**{**valid, parameter: wrong})
            except Exception as error:
                if not is_clear(error):
                    unclear.append(f"{parameter}, {kind}: {type(error).__name__}: {error}")
    assert not unclear, "\n".join(unclear[:5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stateless.Sigmoid().grad_x(ROWS, ROWS[:1]), "Sigmoid.grad_x: grad_out.shape must"),
        (lambda: stateless.Softmax().grad_x(ROWS, 1.0), "Softmax.grad_x: grad_out.shape must"),
        (lambda: stateless.Softmax().forward(IMAGES), "Softmax.forward: x must have 1 or 2 dim"),
        (lambda: stateless.one_hot([0.5], 2), "one_hot: y must hold whole numbers .got 0.5"),
        (lambda: stateless.SimpleConv(None), "SimpleConv: kernel must hold real numbers"),
        (lambda: stateless.SimpleConv([[1j]]), "SimpleConv: kernel must hold real numbers"),
        (lambda: op.Tensor(None), "Tensor: data must hold real numbers"),
        (lambda: node.Node([1j]), "Node: value must hold real numbers"),
        (lambda: node.batch_iterator(ROWS, ROWS[1:]), "batch_iterator: y.shape must equal X.shap"),
        (lambda: node.batch_iterator(ROWS, ROWS, -1), "batch_iterator: batch_size must be at lea"),
        (lambda: after_forward(layerwise.Sigmoid(), "backward", ROWS)(1.0),
         "Sigmoid.backward: grad_output.shape must equal output.shape"),
        (lambda: perceptron().update({**GRADS, "b1": np.ones(1)}, 0.1),
         r"MLPFromScratch.update: grads\['b1'\].shape must equal b1.shape"),
        (lambda: coursera.conv_single_step(ROWS, ROWS[0], 0.0), "conv_single_step: a_slice_prev.s"),
        (lambda: alescontrela.categoricalCrossEntropy(np.ones((3, 1)), np.ones(3)),
         "categoricalCrossEntropy: label.shape must equal probs.shape"),
        (lambda: mytorch.Downsample1d(-2).forward(np.ones((1, 2, 5))), "Downsample1d.forward: fac"),
        (lambda: mytorch.Upsample2d(2).backward(ROWS), "Upsample2d.backward: dLdZ must"),
        (lambda: after_forward(mytorch.Downsample1d(2), "backward", np.ones((1, 2, 5)))(
            np.ones((1, 2, 1))), "Downsample1d.backward: dLdZ.shape must equal the shape of"),
        (lambda: after_forward(vzhou.Softmax(3, 2), "backprop", np.ones(3))(1.0, 0.1),
         "Softmax.backprop: d_L_d_out.shape must equal biases.shape"),
    ],
)  # fmt: skip
def test_wrong_arguments_give_no_numbers(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call()


def test_labels_may_be_whole_numbers_of_any_dtype():
    np.testing.assert_array_equal(stateless.one_hot([2.0, 0.0], 3), np.eye(3)[[2, 0]])


def test_exceptions_of_operations_of_the_caller_are_not_changed():
    class Broken(op.Op):
        @staticmethod
        def forward(ctx: op.Context, a: Any) -> Any:
            raise ValueError("of the caller")

    with pytest.raises(ValueError, match=r"^of the caller$"):
        Broken.apply(ROWS)
