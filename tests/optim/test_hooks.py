"""Optimizers of users: subclasses, names of parameters, hooks."""

import copy

import numpy as np
import pytest

import cnet
from cnet import nn, optim
from cnet.optim.optimizer import required


class Momentum(optim.Optimizer):
    def __init__(self, params, lr=required, momentum=0.5):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @cnet.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["step"] = 0
                    state["parts"] = [cnet.tensor(np.zeros(p.shape)), {"count": 0}]
                state["step"] += 1
                buffer, rest = state["parts"]
                rest["count"] += 1
                buffer.copy_(group["momentum"] * buffer + p.grad)
                p -= group["lr"] * buffer


def gradient(w):
    w.grad = np.ones(w.shape, w.dtype)


def test_a_subclass_defines_its_own_step():
    w = nn.Parameter(np.zeros(2))
    opt = Momentum([w], lr=1.0)
    for expected in (-1, -2.5):
        gradient(w)
        opt.step()
        assert w.tolist() == [expected] * 2
    assert opt.state[w]["step"] == 2
    with pytest.raises(ValueError, match="Momentum: a group must have the option 'lr'"):
        Momentum([w])
    with pytest.raises(NotImplementedError, match="Optimizer must define step"):
        optim.Optimizer([w], {}).step()


def test_the_state_of_a_subclass_is_copied_and_cast():
    w = nn.Parameter(np.zeros(2))
    opt = Momentum([w], lr=1.0)
    gradient(w)
    opt.step()
    opt.state["global"]["seen"] = 3
    state = copy.deepcopy(opt.state_dict())
    narrow = nn.Parameter(np.zeros(2, np.float32))
    other = Momentum([narrow], lr=5.0)
    other.load_state_dict(opt.state_dict())
    assert other.param_groups[0]["lr"] == 1.0
    assert other.state["global"] == {"seen": 3}
    buffer, rest = other.state[narrow]["parts"]
    assert buffer.dtype == np.float32
    assert rest == {"count": 1}
    gradient(narrow)
    other.step()
    assert opt.state_dict()["state"][0]["parts"][1] == state["state"][0]["parts"][1]


def test_a_subclass_adds_options_that_older_states_lack():
    class Later(Momentum):
        def __setstate__(self, state):
            super().__setstate__(state)
            for group in self.param_groups:
                group.setdefault("nesterov", False)

    opt = Later([nn.Parameter(np.zeros(2))], lr=1.0)
    opt.load_state_dict(opt.state_dict())
    assert opt.param_groups[0]["nesterov"] is False
    copied = copy.deepcopy(opt)
    assert copied.param_groups[0]["lr"] == 1.0
    assert copied.param_groups[0]["params"][0] is not opt.param_groups[0]["params"][0]


def test_named_parameters():
    model = nn.Linear(2, 1)
    opt = optim.SGD(model.named_parameters(), lr=0.1)
    assert opt.param_groups[0]["params"] == [model.weight, model.bias]
    state = opt.state_dict()
    assert state["param_groups"][0]["param_names"] == ["weight", "bias"]
    other = optim.SGD(model.parameters())
    other.load_state_dict(state)
    assert other.param_groups[0]["param_names"] == ["weight", "bias"]


def test_a_parameter_given_twice_is_updated_twice():
    w = nn.Parameter(np.zeros(1))
    with pytest.warns(UserWarning, match="SGD: a group contains a parameter twice"):
        opt = optim.SGD([w, w], lr=1.0)
    gradient(w)
    opt.step()
    assert w.tolist() == [-2]
    assert opt.state_dict()["param_groups"][0]["params"] == [0, 0]


def test_hooks_run_in_order_and_can_be_removed():
    w = nn.Parameter(np.zeros(1))
    opt, seen = optim.SGD([w], lr=1.0), []
    handles = [
        opt.register_step_pre_hook(lambda *args: seen.append(("before", args))),
        opt.register_step_post_hook(lambda *args: seen.append(("after", args))),
        opt.register_state_dict_pre_hook(lambda o: seen.append("second")),
        opt.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True),
        opt.register_state_dict_post_hook(lambda o, state: {**state, "more": 1}),
        opt.register_load_state_dict_pre_hook(lambda o, state: state.pop("more") and None),
        opt.register_load_state_dict_post_hook(lambda o: seen.append("loaded")),
    ]
    opt.step(None)
    assert seen == [("before", (opt, (opt, None), {})), ("after", (opt, (opt, None), {}))]
    seen.clear()
    state = opt.state_dict()
    assert state["more"] == 1
    opt.load_state_dict(state)
    assert "more" in state
    assert seen == ["first", "second", "loaded"]
    for handle in handles:
        handle.remove()
    seen.clear()
    opt.step()
    assert "more" not in opt.state_dict()
    assert seen == []


def test_a_hook_may_replace_the_arguments_of_step():
    w = nn.Parameter(np.zeros(1))
    opt = optim.SGD([w], lr=1.0)
    opt.register_step_pre_hook(lambda o, args, kwargs: ((o,), {"closure": lambda: 7}))
    assert opt.step() == 7
    opt.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="SGD: a hook must return None or a tuple of 2 values"):
        opt.step()


def test_hooks_run_once_if_a_step_calls_that_of_its_base_class():
    class Counted(optim.Adam):
        def step(self, closure=None):
            return super().step(closure)

    opt, seen = Counted([nn.Parameter(np.zeros(1))]), []
    opt.register_step_post_hook(lambda *args: seen.append(1))
    opt.step()
    assert seen == [1]


def test_the_closure_records_a_graph_under_no_grad():
    w = nn.Parameter(np.ones(1))
    opt = optim.Adam([w], lr=0.5)

    def closure():
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with cnet.no_grad():
        opt.step(closure)
    assert w.item() == pytest.approx(0.5)
