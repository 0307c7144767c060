"""Groups, errors and update steps, with numbers that can be checked by hand."""

import copy

import numpy as np
import pytest

import cnet
from cnet import nn, optim
from optimizers import KERNEL_RULES, RULES, parameters, train

# Steps


def test_sgd_by_hand():
    (w, _) = params = parameters()
    opt = optim.SGD(params, lr=0.5, momentum=0.5, dampening=0.25, weight_decay=1.0)
    w.grad = np.ones(3)
    assert opt.step() is None
    assert w.detach().numpy().tolist() == [-0.5, 0.0, 0.5]  # g = [1, 2, 3] is the first momentum
    opt.step()
    # the second is half of that and three quarters of [0.5, 1, 1.5]
    assert w.detach().numpy().tolist() == [-0.9375, -0.875, -0.8125]
    assert params[1].detach().numpy().tolist() == [[1, 1], [1, 1]]


def test_sgd_remembers_nothing_until_there_is_a_momentum():
    (w, _) = params = parameters()
    opt = optim.SGD(params, lr=1.0)
    w.grad = np.ones(3)
    opt.step()
    assert opt.state_dict()["state"] == {}
    opt.param_groups[0]["momentum"] = 0.5
    opt.step()
    opt.step()
    assert w.detach().numpy().tolist() == [-3.5, -2.5, -1.5]
    assert opt.state[w]["momentum_buffer"].tolist() == [1.5, 1.5, 1.5]


def test_adam_first_step_is_lr_times_the_sign():
    (w, _) = params = parameters()
    opt = optim.Adam(params, lr=0.25)
    w.grad = np.array([1e-3, -5.0, 0.0])
    opt.step()
    assert np.allclose(w.detach().numpy(), [-0.25, 1.25, 2.0], atol=1e-5)
    assert opt.state[w]["step"] == 1


def test_adamw_shrinks_what_has_no_slope():
    (w, _) = params = parameters()
    w.grad = np.zeros(3)
    optim.AdamW(params, lr=0.5, weight_decay=0.5).step()
    assert np.allclose(w.detach().numpy(), [0, 0.75, 1.5])


@pytest.mark.parametrize(("rule", "options"), RULES)
def test_maximize_is_the_step_for_the_opposite_gradient(rule, options):
    up, down = parameters(), parameters()
    climb = rule(up, **options, maximize=True)
    descend = rule(down, **options)
    for _ in range(3):
        for a, b in zip(up, down, strict=True):
            a.grad, b.grad = -np.cos(a.detach().numpy()), np.cos(b.detach().numpy())
        climb.step()
        descend.step()
    assert all(
        np.array_equal(a.detach().numpy(), b.detach().numpy())
        for a, b in zip(up, down, strict=True)
    )


@pytest.mark.parametrize(("rule", "options"), RULES)
def test_a_step_is_in_place_and_leaves_the_gradient_alone(rule, options):
    params = parameters()
    arrays = [param.detach().numpy() for param in params]
    opt = rule(params, **options)
    train(opt, params, 2)
    gradient = params[0].grad.numpy().copy()
    opt.step()
    assert all(param.detach().numpy() is array for param, array in zip(params, arrays, strict=True))
    assert np.array_equal(params[0].grad.numpy(), gradient)


@pytest.mark.parametrize(("rule", "options"), RULES)
def test_without_a_gradient_nothing_happens(rule, options):
    params = parameters()
    opt = rule(params, **options)
    params[1].grad = np.ones((2, 2))
    opt.step()
    assert params[0].detach().numpy().tolist() == [0, 1, 2]
    assert params[0] not in opt.state
    assert params[1].detach().numpy().max() < 1


def test_closure():
    (w, _) = params = parameters()
    opt = optim.SGD(params, lr=0.5)

    def closure():
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert opt.step(closure).item() == 5
    assert not w.detach().numpy().any()


def test_zero_grad():
    params = parameters()
    opt = optim.SGD(params)
    params[0].grad = np.ones(3)
    gradient = params[0].grad
    opt.zero_grad(set_to_none=False)
    assert params[0].grad is gradient
    assert not gradient.detach().numpy().any()
    assert params[1].grad is None
    opt.zero_grad()
    assert params[0].grad is None


@pytest.mark.parametrize(("rule", "options"), KERNEL_RULES)
def test_a_failed_step_leaves_no_state(rule, options):
    param = nn.Parameter(np.zeros(3, np.float16))
    opt = rule([param], **options)
    param.grad = np.ones(3, np.float16)
    with pytest.raises(TypeError, match="param"):
        opt.step()
    assert opt.state_dict()["state"] == {}


def unaligned(values):
    buffer = np.zeros(values.nbytes + 1, np.uint8)
    array = buffer[1:].view(values.dtype).reshape(values.shape)
    array[...] = values
    return array


LAYOUTS = {
    "transposed": lambda values: values.T.copy().T,
    "strided": lambda values: np.repeat(values, 2, axis=0)[::2],
    "reversed": lambda values: values[:, ::-1].copy()[:, ::-1],
    "unaligned": unaligned,
    "byte-swapped": lambda values: values.astype(values.dtype.newbyteorder()),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("rule", "options"), RULES)
def test_a_parameter_of_any_layout_gets_the_same_bits_in_place(rule, options, layout, dtype):
    values = np.arange(12, dtype=dtype).reshape(3, 4)
    array = LAYOUTS[layout](values)
    param, plain = nn.Parameter(array), nn.Parameter(values.copy())
    for each in (param, plain):
        train(rule([each], **options), [each], 3)
    np.testing.assert_array_equal(array, plain.detach().numpy())
    assert np.shares_memory(param.detach().numpy(), array)


@pytest.mark.parametrize("make", [nn.Parameter, cnet.as_tensor, lambda x: cnet.Tensor(x, True)])
@pytest.mark.parametrize(("rule", "options"), RULES)
def test_a_parameter_from_a_read_only_array_is_a_copy(rule, options, make):
    frozen = np.broadcast_to(np.float64(1), (3, 2))
    param = make(frozen)
    plain = nn.Parameter(np.ones((3, 2)))
    for each in (param, plain):
        train(rule([each], **options), [each], 3)
    np.testing.assert_array_equal(param.detach().numpy(), plain.detach().numpy())
    assert (frozen == 1).all()


def test_an_array_that_becomes_read_only_later():
    array = np.ones(3)
    param = nn.Parameter(array)
    array.flags.writeable = False
    param.grad = np.ones(3)
    optim.SGD([param], lr=0.5).step()
    assert param.tolist() == [0.5] * 3
    assert array.tolist() == [1] * 3


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize(("rule", "options"), RULES)
def test_gradients_of_any_layout(rule, options, layout):
    a, b = nn.Parameter(np.ones((3, 2))), nn.Parameter(np.ones((3, 2)))
    grad = np.arange(6.0).reshape(3, 2)
    a.grad, b.grad = grad, np.asarray(grad, order=layout)
    b.grad.detach().numpy().flags.writeable = False
    rule([a], **options).step()
    rule([b], **options).step()
    np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


# Groups


def test_groups_have_options_of_their_own():
    a, b = parameters()
    opt = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5, "name": "head"}], lr=0.25)
    a.grad, b.grad = np.ones(3), np.ones((2, 2))
    opt.step()
    assert a.detach().numpy().tolist() == [-0.25, 0.75, 1.75]
    assert b.detach().numpy().tolist() == [[0.5, 0.5], [0.5, 0.5]]
    opt.param_groups[0]["lr"] = 1.0
    opt.step()
    assert a.detach().numpy().tolist() == [-1.25, -0.25, 0.75]
    assert [group["lr"] for group in opt.param_groups] == [1.0, 0.5]
    opt.add_param_group({"params": [late := nn.Parameter(np.zeros(1))]})
    late.grad = np.ones(1)
    opt.step()
    assert late.detach().numpy().tolist() == [-0.25]


def test_parameters_may_be_a_generator_and_plain_tensors():
    model = nn.Linear(2, 2)
    assert optim.Adam(model.parameters()).param_groups[0]["params"] == [model.weight, model.bias]
    optim.SGD([cnet.tensor([1.0], requires_grad=True)])


def test_repr():
    opt = optim.SGD([{"params": parameters()[:1]}, {"params": parameters()[1:], "lr": 1.0}], lr=0.5)
    assert repr(opt) == (
        "SGD (\n"
        "Parameter Group 0\n"
        "    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: 0.5\n    maximize: False\n    momentum: 0\n"
        "    nesterov: False\n    weight_decay: 0\n"
        "\n"
        "Parameter Group 1\n"
        "    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: 1.0\n    maximize: False\n    momentum: 0\n"
        "    nesterov: False\n    weight_decay: 0\n"
        ")"
    )


# Errors


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (optim.SGD, {"lr": -1}, "SGD: lr must not be negative (got -1)"),
        (optim.SGD, {"lr": float("nan")}, "SGD: lr must not be negative (got nan)"),
        (optim.SGD, {"momentum": -0.1}, "SGD: momentum must not be negative (got -0.1)"),
        (optim.SGD, {"weight_decay": -1}, "SGD: weight_decay must not be negative (got -1)"),
        (optim.SGD, {"nesterov": True},
         "SGD: nesterov requires momentum > 0 and dampening = 0 (got 0 and 0)"),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
         "SGD: nesterov requires momentum > 0 and dampening = 0 (got 0.9 and 0.1)"),
        (optim.Adam, {"lr": -1.0}, "Adam: lr must not be negative (got -1.0)"),
        (optim.Adam, {"eps": -1e-8}, "Adam: eps must not be negative (got -1e-08)"),
        (optim.Adam, {"weight_decay": -1}, "Adam: weight_decay must not be negative (got -1)"),
        (optim.Adam, {"betas": (0.9, 1.0)},
         "Adam: betas must be two numbers, at least 0 and less than 1 (got (0.9, 1.0))"),
        (optim.Adam, {"betas": (0.9,)},
         "Adam: betas must be two numbers, at least 0 and less than 1 (got (0.9,))"),
        (optim.AdamW, {"lr": -1.0}, "AdamW: lr must not be negative (got -1.0)"),
        (optim.RMSprop, {"lr": -1.0}, "RMSprop: lr must not be negative (got -1.0)"),
        (optim.RMSprop, {"alpha": -1.0}, "RMSprop: alpha must not be negative (got -1.0)"),
        (optim.RMSprop, {"momentum": -1.0}, "RMSprop: momentum must not be negative (got -1.0)"),
    ],
)  # fmt: skip
def test_bad_options(rule, options, message):
    params = parameters()
    with pytest.raises(ValueError) as caught:
        rule(params, **options)
    assert str(caught.value) == message
    opt = rule(params[:1])
    with pytest.raises(ValueError) as caught:
        opt.add_param_group({"params": params[1:], **options})
    assert str(caught.value) == message
    assert len(opt.param_groups) == 1


TENSOR = cnet.tensor([1.0], requires_grad=True)
LAYER = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, "SGD: params must not be empty (a generator can be used only once)"),
        (iter([]), ValueError, "SGD: params must not be empty (a generator can be used only once)"),
        (LAYER, TypeError,
         "SGD: params must be an iterable of tensors or of groups (got Linear); "
         "pass model.parameters()"),
        ([LAYER], TypeError,
         "SGD: a parameter must be a tensor (got Linear); pass model.parameters()"),
        ([{"params": LAYER}], TypeError,
         "SGD: params of a group must be an iterable of tensors (got Linear); "
         "pass model.parameters()"),
        (LAYER.parameters, TypeError,
         "SGD: params must be an iterable of tensors or of groups (got method); "
         "call it, as in model.parameters()"),
        (None, TypeError,
         "SGD: params must be an iterable of tensors or of groups (got NoneType)"),
        ("weight", TypeError,
         "SGD: params must be an iterable of tensors or of groups (got str)"),
        ([("w", TENSOR), TENSOR], ValueError,
         "SGD: either all parameters of a group must have names or none"),
        ([{"params": [("w", TENSOR)]}, {"params": LAYER.parameters()}], ValueError,
         "SGD: either all groups must have names or none"),
        ({TENSOR}, TypeError, "SGD: params must have a fixed order (got a set); pass a list"),
        ([{"params": np.zeros(3)}], TypeError,
         "SGD: params of a group must be an iterable of tensors (got ndarray)"),
        (TENSOR, TypeError,
         "SGD: params must be an iterable of tensors or of groups (got Tensor); pass a list"),
        ({"params": [TENSOR]}, TypeError,
         "SGD: params must be an iterable of tensors or of groups (got dict)"),
        ([np.zeros(3)], TypeError, "SGD: a parameter must be a tensor (got ndarray)"),
        ([{"params": TENSOR}, {"params": [TENSOR]}], ValueError,
         "SGD: a parameter must not be in two groups"),
        ([{"lr": 1.0}], TypeError, "SGD: a group must be a dict with 'params'"),
        ([{"params": [TENSOR]}, TENSOR], TypeError, "SGD: a group must be a dict with 'params'"),
        ([TENSOR * 2], ValueError, "SGD: a parameter must be a leaf of the graph"),
    ],
)  # fmt: skip
def test_bad_parameters(params, error, message):
    with pytest.raises(error) as caught:
        optim.SGD(params)
    assert str(caught.value) == message


@pytest.mark.parametrize("rule", [optim.Adam, optim.AdamW, optim.CircularAdam, optim.RMSprop])
def test_every_rule_names_itself(rule):
    with pytest.raises(TypeError, match=rf"^{rule.__name__}: params .*pass model\.parameters\(\)"):
        rule(LAYER)


def test_rmsprop_by_hand():
    w = nn.Parameter(np.array([1.0, 2.0]))
    opt = optim.RMSprop([w], lr=0.5, alpha=0.75, eps=1.0, momentum=0.5)
    w.grad = np.array([2.0, -4.0])
    opt.step()
    # v = g²/4 = [1, 4], divisors [2, 3], b = [1, -4/3]
    np.testing.assert_allclose(w.detach().numpy(), [0.5, 2 + 2 / 3], rtol=1e-15)
    assert opt.state[w]["step"] == 1
    np.testing.assert_allclose(opt.state[w]["square_avg"], [1, 4])


def test_rmsprop_with_a_constant_gradient_stays_finite_when_centered():
    w = nn.Parameter(np.ones(1000, np.float32))
    opt = optim.RMSprop([w], lr=1e-6, alpha=0.5, centered=True)
    w.grad = np.linspace(0.1, 3, 1000).astype(np.float32)
    for _ in range(100):
        opt.step()
    assert np.isfinite(w.detach().numpy()).all()


def test_rmsprop_accepts_and_refuses_options_of_pytorch():
    optim.RMSprop([TENSOR], foreach=False)
    with pytest.raises(ValueError, match=r"RMSprop: differentiable must be False \(got True\)"):
        optim.RMSprop([TENSOR], differentiable=True)
    with pytest.raises(ValueError, match=r"RMSprop: capturable must be False \(got True\)"):
        optim.RMSprop([TENSOR], capturable=True)


def test_a_wrapper_that_does_not_initialize_its_base_class():
    class Twice(optim.Optimizer):
        def __init__(self, optimizer):
            self.optimizer = optimizer
            self.param_groups, self.state = optimizer.param_groups, optimizer.state

        def step(self, closure=None):
            self.optimizer.step()
            self.optimizer.step()

    w = cnet.tensor([1.0], requires_grad=True)
    optimizer = Twice(optim.SGD([w], lr=0.25))
    w.sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    assert (w.tolist(), w.grad) == ([0.5], None)
    assert copy.deepcopy(optimizer).state_dict()["param_groups"][0]["lr"] == 0.25
