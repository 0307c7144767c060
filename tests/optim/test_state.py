"""The state of optimizers: saved, restored, and refused if it does not fit."""

import copy

import numpy as np
import pytest

import cnet
from cnet import Tensor, nn, optim
from optimizers import RULES, parameters, train


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rule", "options"), RULES)
def test_training_continues_to_the_same_bits(rule, options, dtype):
    params = parameters(dtype)
    opt = rule([{"params": params[:1]}, {"params": params[1:], "lr": 0.03}], **options)
    train(opt, params, 5)
    state = copy.deepcopy(opt.state_dict())
    values = [param.detach().numpy().copy() for param in params]
    saved = copy.deepcopy(state)
    train(opt, params, 5, start=5)

    again = [nn.Parameter(value) for value in values]
    resumed = rule([{"params": again[:1]}, {"params": again[1:]}], lr=9.0)
    resumed.load_state_dict(state)
    assert resumed.param_groups[1]["lr"] == 0.03
    train(resumed, again, 5, start=5)
    for param, other in zip(params, again, strict=True):
        assert np.array_equal(param.detach().numpy(), other.detach().numpy())
    assert_same(state, saved)
    assert_same(resumed.state_dict(), opt.state_dict())


def assert_same(a, b):
    """Nested dicts and lists with the same arrays and numbers."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, (np.ndarray, Tensor)):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    else:
        assert a == b


def test_the_form_of_the_state():
    params = parameters()
    opt = optim.Adam(params, lr=0.5)
    params[1].grad = np.ones((2, 2))
    opt.step()
    state = opt.state_dict()
    assert state["param_groups"] == [
        {"lr": 0.5, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False,
         "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
         "fused": None, "decoupled_weight_decay": False, "params": [0, 1]}
    ]  # fmt: skip
    assert list(state["state"]) == [1]
    assert list(state["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]
    assert state["state"][1]["step"] == 1
    assert type(state["state"][1]["exp_avg"]) is Tensor
    assert np.shares_memory(state["state"][1]["exp_avg"], opt.state[params[1]]["exp_avg"])


def test_loading_converts_to_the_dtype_of_the_parameters_and_keeps_further_options():
    wide, narrow = parameters(), parameters(np.float32)
    opt = optim.SGD([{"params": wide, "initial_lr": 2.0}], momentum=0.9)
    train(opt, wide, 1)
    other = optim.SGD(narrow, momentum=0.9)
    other.load_state_dict(opt.state_dict())
    assert other.state[narrow[0]]["momentum_buffer"].dtype == np.float32
    assert other.param_groups[0]["initial_lr"] == 2.0
    train(other, narrow, 1)


def spoilt(act):
    state = copy.deepcopy(TRAINED)
    act(state)
    return state


def _trained():
    params = parameters()
    opt = optim.Adam([{"params": params[:1]}, {"params": params[1:]}], lr=0.5)
    train(opt, params, 2)
    return opt.state_dict()


TRAINED = _trained()


@pytest.mark.parametrize(
    ("error", "message", "act"),
    [
        (ValueError, "Adam: state_dict must have ['state']", lambda s: s.pop("state")),
        (ValueError, "Adam: len(param_groups) must be 2 (got 1)",
         lambda s: s["param_groups"].pop()),
        (ValueError, "Adam: len(param_groups[1]['params']) must be 1 (got 2)",
         lambda s: s["param_groups"][1].update(params=[1, 2])),
        (ValueError, "Adam: param_groups[0] must have ['betas', 'eps']",
         lambda s: [s["param_groups"][0].pop(k) for k in ("eps", "betas")]),
        (ValueError, "Adam: lr must not be negative (got -1)",
         lambda s: s["param_groups"][1].update(lr=-1)),
        (TypeError, "Adam: param_groups[0] must be a dict (got int)",
         lambda s: s["param_groups"].__setitem__(0, 3)),
        (TypeError, "Adam: state must be a dict (got list)", lambda s: s.update(state=[])),
        (TypeError, "Adam: state[0] must be a dict (got NoneType)",
         lambda s: s["state"].update({0: None})),
        (ValueError, "Adam: state must have the keys of param_groups (got 2)",
         lambda s: s["state"].update({2: {}})),
        (ValueError, "Adam: state[1]['exp_avg'].shape must be (2, 2) (got (3,))",
         lambda s: s["state"][1].update(exp_avg=np.zeros(3))),
        (TypeError, "Adam: state[1]['exp_avg'].dtype must fit into float64 (got complex128)",
         lambda s: s["state"][1].update(exp_avg=np.zeros((2, 2), complex))),
        (TypeError, "Adam: state[1]['step'] must be an array or a number (got str)",
         lambda s: s["state"][1].update(step="2")),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_changes_nothing(error, message, act):
    params = parameters()
    opt = optim.Adam([{"params": params[:1]}, {"params": params[1:]}], lr=0.25)
    train(opt, params, 1)
    before = copy.deepcopy(opt.state_dict())
    with pytest.raises(error) as caught:
        opt.load_state_dict(spoilt(act))
    assert str(caught.value) == message
    assert_same(opt.state_dict(), before)


def test_a_state_is_not_taken_from_another_rule():
    params = parameters()
    with pytest.raises(ValueError, match=r"SGD: param_groups\[0\] must have \['dampening'"):
        optim.SGD(params).load_state_dict(optim.Adam(params).state_dict())


def test_a_state_of_arrays_or_of_pytorch_is_loaded():
    params = parameters()
    opt = optim.Adam(params, lr=0.5)
    train(opt, params, 2)
    state = opt.state_dict()
    state["param_groups"][0].update(foreach=None, fused=None, amsgrad=False)
    for kept in state["state"].values():
        kept["exp_avg"] = kept["exp_avg"].numpy()
        kept["step"] = np.array(kept["step"], float)
    again = parameters()
    other = optim.Adam(again)
    other.load_state_dict(state)
    assert_same(other.state_dict()["state"][0]["exp_avg"], opt.state_dict()["state"][0]["exp_avg"])
    train(other, again, 1, start=2)
    assert other.state_dict()["state"][0]["step"] == 3


def test_an_empty_momentum_of_pytorch_is_loaded():
    (w, _) = params = parameters()
    opt = optim.SGD(params, lr=1.0)
    state = opt.state_dict()
    opt.load_state_dict({**state, "state": {0: {"momentum_buffer": None}}})
    w.grad = np.ones(3)
    opt.step()
    assert w.tolist() == [-1, 0, 1]


def test_options_of_later_versions_have_defaults():
    params = parameters()
    opt = optim.AdamW(params)
    state = opt.state_dict()
    for name in ("amsgrad", "foreach", "fused", "capturable", "differentiable", "maximize"):
        del state["param_groups"][0][name]
    state["param_groups"][0]["decoupled_weight_decay"] = False
    opt.load_state_dict(state)
    assert opt.param_groups[0]["amsgrad"] is False
    assert opt.param_groups[0]["decoupled_weight_decay"] is True


def test_scalars_of_the_state_keep_their_dtype():
    w = nn.Parameter(np.array(1.0))
    opt = optim.NAdam([w])
    train(opt, [w], 3)
    again = nn.Parameter(w.detach().numpy().copy())
    other = optim.NAdam([again])
    other.load_state_dict(copy.deepcopy(opt.state_dict()))
    assert other.state[again]["mu_product"].dtype == np.float32
    train(opt, [w], 2, start=3)
    train(other, [again], 2, start=3)
    assert w.item() == again.item()


def test_a_state_is_saved_in_a_file(tmp_path):
    params = parameters()
    opt = optim.ASGD(params, t0=1.0)
    train(opt, params, 3)
    cnet.save(opt.state_dict(), tmp_path / "state.safetensors")
    other = optim.ASGD(parameters())
    other.load_state_dict(cnet.load(tmp_path / "state.safetensors"))
    assert_same(other.state_dict(), opt.state_dict())


def test_what_no_longer_fits_is_refused():
    w = nn.Parameter(np.ones((2, 3)))
    opt = optim.Adagrad([w])
    train(opt, [w], 1)
    opt.state[w]["sum"] = Tensor(np.ones((3, 2)).T)
    with pytest.raises(ValueError, match=r"Adagrad: state\['sum'\] must be a contiguous tensor"):
        opt.step()
    assert opt.state[w]["step"] == 1
    w.data = np.ones(1)
    with pytest.raises(ValueError, match=r"Adagrad: grad.shape must equal .*\(2, 3\) and \(1,\)"):
        opt.step()
