"""Values of every rule, computed by hand, and what only some rules have."""

import copy
import math

import numpy as np
import pytest

import cnet
from cnet import nn, optim
from optimizers import parameters, train

W, G = [1.0, 2.0], [2.0, -4.0]

FIRST_STEPS = [
    (optim.SGD, {"lr": cnet.tensor(0.5)}, [0.0, 4.0]),
    (optim.Adam, {"lr": 0.25, "eps": 0.0, "amsgrad": True}, [0.75, 2.25]),
    (optim.AdamW, {"lr": 0.25, "eps": 0.0, "weight_decay": 0.4}, [0.65, 2.05]),
    (optim.Adam, {"lr": 0.25, "eps": 0.0, "weight_decay": 0.4, "decoupled_weight_decay": True},
     [0.65, 2.05]),
    # s = g², and eps is added to its root
    (optim.Adagrad, {"lr": 0.5, "eps": 2.0}, [1 - 0.5 * 2 / 4, 2 + 0.5 * 4 / 6]),
    (optim.Adagrad, {"lr": 0.5, "initial_accumulator_value": 12.0, "eps": 0.0},
     [1 - 0.5 * 2 / 4, 2 + 0.5 * 4 / math.sqrt(28)]),
    # d = √eps / √(v + eps) · g with v = g² / 4
    (optim.Adadelta, {"rho": 0.75, "eps": 3.0},
     [1 - 2 * math.sqrt(3 / 4), 2 + 4 * math.sqrt(3 / 7)]),
    # the norm is |g| + eps
    (optim.Adamax, {"lr": 0.5, "eps": 2.0}, [1 - 0.5 * 2 / 4, 2 + 0.5 * 4 / 6]),
    # without momentum, NAdam is the sign
    (optim.NAdam, {"lr": 0.5, "betas": (0.0, 0.9), "eps": 0.0}, [0.5, 2.5]),
    # the first steps of RAdam are those of momentum
    (optim.RAdam, {"lr": 0.25}, [0.5, 3.0]),
    (optim.Rprop, {"lr": 0.5}, [0.5, 2.5]),
    (optim.ASGD, {"lr": 0.5, "lambd": 0.5}, [0.75 - 1.0, 1.5 + 2.0]),
    # the root mean square of w is √2.5, that of u is 1
    (optim.Adafactor, {"lr": 0.5}, [1 - 0.5 * math.sqrt(2.5), 2 + 0.5 * math.sqrt(2.5)]),
]  # fmt: skip


def after_steps(rule, options, *gradients):
    w = nn.Parameter(np.array(W))
    opt = rule([w], **options)
    for gradient in gradients:
        w.grad = np.array(gradient)
        opt.step()
    return w.detach().numpy(), opt.state[w]


@pytest.mark.parametrize(("rule", "options", "expected"), FIRST_STEPS)
def test_first_steps_by_hand(rule, options, expected):
    np.testing.assert_allclose(after_steps(rule, options, G)[0], expected, rtol=1e-12)


def test_second_steps_by_hand():
    # the mean of squares is 0.9 in the first step, and 0.09 after the second: amsgrad keeps 0.9
    options = {"lr": 1.0, "betas": (0.0, 0.1), "eps": 0.0, "amsgrad": True}
    w, state = after_steps(optim.Adam, options, [1.0, 1.0], [0.0, 1.0])
    np.testing.assert_allclose(state["max_exp_avg_sq"], [0.9, 0.99], rtol=1e-12)
    np.testing.assert_allclose(w, [0.0, 0.0], atol=1e-12)
    # lr is divided by 1 + lr_decay, the sum of squares is 4
    options = {"lr": 1.0, "lr_decay": 1.0, "eps": 0.0}
    w, _ = after_steps(optim.Adagrad, options, [1.0, 1.0], [math.sqrt(3), 0.0])
    np.testing.assert_allclose(w, [0 - 0.5 * math.sqrt(3) / 2, 1.0], rtol=1e-12)
    # the first element turns and rests, the second goes faster
    w, state = after_steps(optim.Rprop, {"lr": 0.5}, [1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0])
    np.testing.assert_allclose(w, [0.5 + 0.25, 2 - 0.5 - 0.6 - 0.72], rtol=1e-12)
    np.testing.assert_allclose(state["step_size"], [0.25, 0.72])


def test_sgd_ignores_dampening_and_buffer_without_momentum():
    w = nn.Parameter(np.array([1.0, 2.0]))
    optimizer = optim.SGD([w], lr=0.5, momentum=0.9, dampening=0.5)
    w.grad = cnet.tensor([1.0, 1.0], dtype=w.dtype)
    optimizer.step()
    buffer = optimizer.state[w]["momentum_buffer"].clone()
    optimizer.param_groups[0]["momentum"] = 0
    w.grad *= 2
    optimizer.step()
    assert w.tolist() == [-0.5, 0.5]
    assert optimizer.state[w]["momentum_buffer"].tolist() == buffer.tolist()


def test_rprop_keeps_its_step_sizes_in_bounds():
    options = {"lr": 1.0, "step_sizes": (0.75, 1.1)}
    _, state = after_steps(optim.Rprop, options, [1.0, 1.0], [1.0, -1.0])
    np.testing.assert_allclose(state["step_size"], [1.1, 0.75])


def test_asgd_averages_after_t0():
    options = {"lr": 1.0, "lambd": 0.0, "t0": 1.0}
    w, state = after_steps(optim.ASGD, options, *[[1.0, 0.0]] * 4)
    # w is 0, -1, -2, -3; the fourth is the first whose weight is 1/2
    np.testing.assert_allclose(w, [-3, 2])
    np.testing.assert_allclose(state["ax"], [-2.5, 2.0], rtol=1e-6)


def test_radam_rectifies_later():
    options = {"lr": 1.0, "betas": (0.0, 0.5), "eps": 0.0}
    w, _ = after_steps(optim.RAdam, options, *[[1.0, 1.0]] * 3)
    np.testing.assert_allclose(w, [-2.0, -1.0])  # beta2 = 0.5 gives a length of at most 3


def test_adafactor_keeps_rows_and_columns():
    w = nn.Parameter(np.ones((2, 3, 4)))
    opt = optim.Adafactor([w])
    w.grad = np.ones((2, 3, 4))
    opt.step()
    state = opt.state[w]
    assert [*state] == ["step", "row_var", "col_var"]
    assert state["row_var"].shape == (2, 3, 1)
    assert state["col_var"].shape == (2, 1, 4)
    opt.load_state_dict(opt.state_dict())
    opt.step()
    empty = nn.Parameter(np.ones((0, 3)))
    empty.grad = np.ones((0, 3))
    optim.Adafactor([empty]).step()


@pytest.mark.parametrize("shape", [(3, 3), (6, 2), (2, 6), (1, 4)])
def test_muon_makes_all_singular_values_about_one(shape):
    w = nn.Parameter(np.zeros(shape))
    opt = optim.Muon([w], lr=1.0, adjust_lr_fn="match_rms_adamw")
    w.grad = np.random.default_rng(0).normal(size=shape)
    opt.step()
    values = np.linalg.svd(w.detach().numpy() / (0.2 * math.sqrt(max(shape))), compute_uv=False)
    assert ((values > 0.6) & (values < 1.3)).all()


def test_bfloat16_is_rounded_to_even():
    from cnet.optim.muon import _bfloat16

    x = np.array([1 + 1 / 256, 1 + 3 / 256, 1 + 1.01 / 256, -1 - 1 / 256, np.inf, np.nan], "f4")
    rounded = np.array([1, 1 + 4 / 256, 1 + 2 / 256, -1, np.inf, np.nan], "f4")
    np.testing.assert_array_equal(_bfloat16(x), rounded)


# L-BFGS


def rosenbrock(options):
    w = nn.Parameter(np.array([-1.2, 1.0]))
    opt = optim.LBFGS([w], **options)

    def closure():
        opt.zero_grad()
        loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
        loss.backward()
        return loss

    return w, opt, closure


def test_lbfgs_solves_a_hard_problem():
    w, opt, closure = rosenbrock({"line_search_fn": "strong_wolfe"})
    assert float(opt.step(closure)) == pytest.approx(24.2)
    for _ in range(4):
        opt.step(closure)
    np.testing.assert_allclose(w.detach().numpy(), [1, 1], rtol=1e-4)


@pytest.mark.parametrize("options", [{"lr": 0.001}, {"line_search_fn": "strong_wolfe"}])
def test_lbfgs_continues_to_the_same_bits(options):
    w, opt, closure = rosenbrock({**options, "max_iter": 8, "history_size": 2})
    opt.step(closure)
    state, value = copy.deepcopy(opt.state_dict()), w.detach().numpy().copy()
    assert len(state["state"][0]["old_dirs"]) == 2
    opt.step(closure)

    again, other, closure = rosenbrock({"max_iter": 5})
    again.data = value
    other.load_state_dict(state)
    other.step(closure)
    assert np.array_equal(w.detach().numpy(), again.detach().numpy())
    assert other.state[again]["n_iter"] == opt.state[w]["n_iter"]
    state["state"][0]["d"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"LBFGS: state\[0\]\['d'\].shape must be \(2,\)"):
        other.load_state_dict(state)


def test_lbfgs_stops_where_the_gradient_is_zero():
    w, opt, closure = rosenbrock({})
    w.data = np.ones(2)
    assert float(opt.step(closure)) == 0
    assert opt.state[w]["func_evals"] == 1
    assert opt.state[w]["n_iter"] == 0


def test_lbfgs_has_one_group():
    a, b = parameters()
    with pytest.raises(ValueError, match="LBFGS: params must be one group"):
        optim.LBFGS([{"params": [a]}, {"params": [b]}])
    with pytest.raises(ValueError, match="line_search_fn must be None or 'strong_wolfe'"):
        optim.LBFGS([a], line_search_fn="armijo")


# Blocks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_do_not_change_the_bits(dtype, monkeypatch):
    values = np.random.default_rng(0).normal(size=1000).astype(dtype)
    results = []
    for size in (1 << 18, 64):
        monkeypatch.setattr("cnet.optim.rule.BLOCK_BYTES", size)
        w = nn.Parameter(values.copy())
        train(optim.NAdam([w], weight_decay=0.1), [w], 3)
        results.append(w.detach().numpy())
    assert np.array_equal(*results)


# Errors

REFUSED = [
    (optim.Adam, {"foreach": True, "fused": True}, RuntimeError,
     "Adam: foreach and fused must not both be True"),
    (optim.Adam, {"lr": cnet.tensor(0.1), "foreach": True}, ValueError,
     "Adam: lr and betas must be numbers if foreach is True"),
    (optim.Adam, {"betas": (cnet.tensor(0.9), 0.9)}, ValueError,
     "Adam: betas must be two numbers or two tensors (got (tensor(0.9), 0.9))"),
    (optim.Adam, {"lr": cnet.tensor([0.1, 0.1])}, ValueError,
     "Adam: lr must have one element (got shape (2,))"),
    (optim.Adagrad, {"lr_decay": -1.0}, ValueError,
     "Adagrad: lr_decay must not be negative (got -1.0)"),
    (optim.Adadelta, {"rho": 1.1}, ValueError,
     "Adadelta: rho must be at least 0 and at most 1 (got 1.1)"),
    (optim.NAdam, {"momentum_decay": -1}, ValueError,
     "NAdam: momentum_decay must not be negative (got -1)"),
    (optim.Rprop, {"etas": (1.0, 0.5)}, ValueError,
     "Rprop: etas must be a number between 0 and 1 and one greater than 1 (got (1.0, 0.5))"),
    (optim.Adafactor, {"d": 0.5}, ValueError, "Adafactor: d must be at least 1 (got 0.5)"),
    (optim.Adafactor, {"beta2_decay": 0.5}, ValueError,
     "Adafactor: beta2_decay must not be positive (got 0.5)"),
    (optim.Adafactor, {"eps": (None, -1.0)}, ValueError,
     "Adafactor: eps must not be negative (got (None, -1.0))"),
    (optim.Muon, {}, ValueError, "Muon: a parameter must have 2 dimensions (got shape (3,))"),
    (optim.SparseAdam, {}, NotImplementedError,
     "SparseAdam: cnet has no sparse gradients; use optim.Adam for dense gradients"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "options", "error", "message"), REFUSED)
def test_refused_options(rule, options, error, message):
    with pytest.raises(error) as caught:
        rule(parameters()[:1], **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("option", "value"), [("ns_steps", 100), ("ns_coefficients", (1, 2)), ("adjust_lr_fn", "no")]
)
def test_muon_refuses(option, value):
    with pytest.raises(ValueError, match=rf"^Muon: {option} must be "):
        optim.Muon(parameters()[1:], **{option: value})


ALL = [getattr(optim, name) for name in sorted(optim.__all__) if name[0].isupper()]


@pytest.mark.parametrize("rule", [r for r in ALL if r not in (optim.Optimizer, optim.SparseAdam)])
@pytest.mark.parametrize("option", ["capturable", "differentiable"])
def test_what_cannot_work_is_refused_by_name(rule, option):
    params = parameters()[1:]
    if option in rule(params).defaults:
        arguments = {} if rule is optim.CircularAdam else {option: True}
        group = {"params": parameters(), option: True}
        with pytest.raises(ValueError, match=f"{option} must be False"):
            rule(params, **arguments).add_param_group(group)
