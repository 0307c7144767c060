"""Schedules: values by hand and as in PyTorch, states, warnings, errors."""

import copy

import numpy as np
import pytest

import cnet
from cnet import nn, optim
from cnet.optim import lr_scheduler as schedules


class Half:
    """A callable object, whose attributes are part of a state."""

    def __init__(self, base=0.5):
        self.base = base

    def __call__(self, epoch):
        return self.base**epoch


# Each schedule, with its options, and its first learning rates from 1.0
CASES = [
    ("StepLR", {"step_size": 2}, [1, 1, 0.1, 0.1, 0.01]),
    ("MultiStepLR", {"milestones": [1, 3, 3], "gamma": 0.5}, [1, 0.5, 0.5, 0.125, 0.125]),
    ("ConstantLR", {"factor": 0.5, "total_iters": 2}, [0.5, 0.5, 1, 1, 1]),
    ("LinearLR", {"start_factor": 0.25, "total_iters": 3}, [0.25, 0.5, 0.75, 1, 1]),
    ("ExponentialLR", {"gamma": 0.5}, [1, 0.5, 0.25, 0.125, 0.0625]),
    ("PolynomialLR", {"total_iters": 4, "power": 2}, [1, 0.5625, 0.25, 0.0625, 0]),
    ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (epoch + 1)}, [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
    ("LambdaLR", {"lr_lambda": Half()}, [1, 0.5, 0.25, 0.125, 0.0625]),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: epoch}, [1, 1, 2, 6, 24]),
    ("CosineAnnealingLR", {"T_max": 2, "eta_min": 0.5}, [1, 0.75, 0.5, 0.75, 1]),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2}, [1, 0.5, 1, 0.853553, 0.5]),
    ("CyclicLR", {"base_lr": 1, "max_lr": 3, "step_size_up": 2}, [1, 2, 3, 2, 1]),
    ("CyclicLR", {"base_lr": 1, "max_lr": 3, "step_size_up": 1, "mode": "triangular2"},
     [1, 3, 1, 2, 1]),
    ("CyclicLR", {"base_lr": 1, "max_lr": 3, "step_size_up": 1, "mode": "exp_range", "gamma": 0.5},
     [1, 2, 1, 1.25, 1]),
    ("CyclicLR", {"base_lr": 1, "max_lr": 3, "step_size_up": 1, "scale_fn": Half(),
                  "scale_mode": "iterations"}, [1, 2, 1, 1.25, 1]),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 5, "pct_start": 0.6, "div_factor": 2.0,
                    "anneal_strategy": "linear", "final_div_factor": 5.0},
     [0.5, 0.75, 1, 0.55, 0.1]),
    ("OneCycleLR", {"max_lr": 1.0, "epochs": 2, "steps_per_epoch": 3, "pct_start": 0.5,
                    "div_factor": 2.0, "final_div_factor": 1.0}, [0.5, 0.75, 1, 0.875, 0.625]),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 7, "pct_start": 2 / 7 + 1e-9, "div_factor": 2.0,
                    "three_phase": True, "final_div_factor": 2.0}, [0.5, 1, 0.5, 0.463388, 0.375]),
]  # fmt: skip


def optimizer(lr=1.0, groups=1):
    params = [nn.Parameter(np.zeros(1, np.float32)) for _ in range(groups)]
    return optim.SGD([{"params": [p]} for p in params], lr=lr, momentum=0.5)


def follow(scheduler, epochs):
    """The learning rates of the first group, of the present epoch and the following ones."""
    rates = []
    for _ in range(epochs):
        rates.append(float(scheduler.get_last_lr()[0]))
        assert float(scheduler.optimizer.param_groups[0]["lr"]) == rates[-1]
        scheduler.optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(("name", "options", "expected"), CASES)
def test_learning_rates(name, options, expected):
    scheduler = getattr(schedules, name)(optimizer(), **options)
    assert follow(scheduler, 5) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize(("name", "options", "expected"), CASES)
def test_a_tensor_as_learning_rate_remains_the_same_object(name, options, expected):
    opt = optimizer(cnet.tensor(np.array(1.0)))
    rate = opt.param_groups[0]["lr"]
    scheduler = getattr(schedules, name)(opt, **options)
    assert follow(scheduler, 5) == pytest.approx(expected, abs=2e-5)
    assert opt.param_groups[0]["lr"] is rate


def combined(name, opt):
    if name == "ChainedScheduler":
        parts = [schedules.LinearLR(opt, 0.5, total_iters=3), schedules.ExponentialLR(opt, 0.5)]
        return schedules.ChainedScheduler(parts)
    if name == "SequentialLR":
        parts = [schedules.LinearLR(opt, 0.5, total_iters=2), schedules.CosineAnnealingLR(opt, 4)]
    elif name == "chained in sequence":
        parts = [combined("ChainedScheduler", opt), schedules.StepLR(opt, 2)]
    else:
        parts = [combined("SequentialLR", opt), schedules.StepLR(opt, 2)]
    return schedules.SequentialLR(opt, parts, milestones=[3 if name == "nested sequence" else 2])


def test_combined_schedules():
    chained = follow(combined("ChainedScheduler", optimizer()), 4)
    assert chained == pytest.approx([0.5, 2 / 3 / 2, 5 / 6 / 4, 1 / 8])
    sequence = follow(combined("SequentialLR", optimizer()), 5)
    assert sequence == pytest.approx([0.5, 0.75, 1, 0.853553, 0.5], abs=1e-6)
    both = follow(combined("chained in sequence", optimizer()), 5)
    assert both == pytest.approx([0.5, 2 / 3 / 2, 1, 1, 0.1])
    nested = follow(combined("nested sequence", optimizer()), 6)
    assert nested == pytest.approx([0.5, 0.75, 1, 1, 1, 0.1])


def test_momentum_moves_against_the_learning_rate():
    opt = optimizer()
    scheduler = schedules.CyclicLR(opt, 1, 3, 2, base_momentum=0.5, max_momentum=0.9)
    follow(scheduler, 2)
    assert opt.param_groups[0]["momentum"] == pytest.approx(0.5)
    adam = optim.Adam([nn.Parameter(np.zeros(1))])
    schedules.OneCycleLR(adam, 1.0, 10, max_momentum=0.75)
    assert adam.param_groups[0]["betas"] == (0.75, 0.999)


def test_plateau():
    opt = optimizer(groups=2)
    scheduler = schedules.ReduceLROnPlateau(
        opt, patience=1, factor=0.5, cooldown=1, min_lr=[0.2, 0.6]
    )
    rates = []
    for loss in (3, 2, 2, 2, 2, 2, 2, 1, 1, cnet.tensor(1.0)):
        scheduler.step(loss)
        rates.append(scheduler.get_last_lr())
    assert [rate for rate, _ in rates] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2]
    assert rates[-1][1] == 0.6
    assert scheduler.in_cooldown
    opt.add_param_group({"params": nn.Parameter(np.zeros(1))})
    scheduler.step(1)
    scheduler.num_bad_epochs = 1
    with pytest.raises(RuntimeError, match=r"len\(min_lrs\) must be the number of groups"):
        scheduler.step(1)


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "good", "bad"),
    [("min", "rel", 1.7, 1.9), ("min", "abs", 1.8, 1.95), ("max", "rel", 2.3, 2.1),
     ("max", "abs", 2.2, 2.05)],
)  # fmt: skip
def test_plateau_measures_improvements(mode, threshold_mode, good, bad):
    options = {"mode": mode, "threshold_mode": threshold_mode, "threshold": 0.1}
    scheduler = schedules.ReduceLROnPlateau(optimizer(), **options)
    for value in (2.0, bad, good):
        scheduler.step(value)
    assert scheduler.best == good


# States


def make(name, options, opt):
    cls = getattr(schedules, name, None)
    return combined(name, opt) if not options else cls(opt, **options)


RESUMED = [(name, options) for name, options, _ in CASES]
RESUMED += [("ChainedScheduler", {}), ("SequentialLR", {})]
RESUMED += [("chained in sequence", {}), ("nested sequence", {})]


@pytest.mark.parametrize(("name", "options"), RESUMED)
def test_a_schedule_continues_from_a_file(name, options, tmp_path):
    opt = optimizer()
    scheduler = make(name, options, opt)
    follow(scheduler, 2)
    path = tmp_path / "state.safetensors"
    cnet.save({"scheduler": scheduler.state_dict(), "optimizer": opt.state_dict()}, path)
    expected = follow(scheduler, 3)

    state, other = cnet.load(path), optimizer()
    resumed = make(name, options, other)
    resumed.load_state_dict(copy.deepcopy(state["scheduler"]))
    other.load_state_dict(state["optimizer"])
    assert follow(resumed, 3) == expected
    assert other.param_groups[0]["momentum"] == opt.param_groups[0]["momentum"]


def test_plateau_continues():
    scheduler = schedules.ReduceLROnPlateau(optimizer(), patience=2)
    for loss in (1.0, 2.0, 2.0):
        scheduler.step(loss)
    other = schedules.ReduceLROnPlateau(optimizer(), mode="max")
    other.load_state_dict(scheduler.state_dict())
    other.step(2.0)
    assert other.get_last_lr() == [0.1]


def test_attributes_of_callable_objects_are_part_of_the_state():
    for name, options in (
        ("LambdaLR", {"lr_lambda": Half(0.25)}),
        ("CyclicLR", {"base_lr": 1, "max_lr": 2, "scale_fn": Half(0.25)}),
    ):
        state = getattr(schedules, name)(optimizer(), **options).state_dict()
        function = Half()
        options = {**options, list(options)[-1]: function}
        getattr(schedules, name)(optimizer(), **options).load_state_dict(state)
        assert function.base == 0.25


def test_resuming_with_last_epoch():
    opt = optimizer()
    with pytest.raises(KeyError, match=r"StepLR: param_groups\[0\] must have 'initial_lr'"):
        schedules.StepLR(opt, 2, last_epoch=3)
    opt.param_groups[0].update(initial_lr=1.0, lr=0.1)
    scheduler = schedules.StepLR(opt, 2, last_epoch=3)
    assert scheduler.last_epoch == 4
    assert scheduler.get_last_lr() == pytest.approx([0.01])


# Warnings and errors


def test_warnings():
    opt = optimizer()
    scheduler = schedules.StepLR(opt, 1)
    with pytest.warns(UserWarning, match=r"call optimizer.step\(\) before scheduler.step\(\)"):
        scheduler.step()
    with pytest.warns(UserWarning, match="use get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="the argument epoch of step is deprecated"):
        scheduler.step(3)
    assert scheduler.get_last_lr() == pytest.approx([1e-3])


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [case for case in CASES if case[0] in (
        "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
        "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    )],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*epoch of step")
def test_steps_to_an_epoch(name, options, expected):
    scheduler = getattr(schedules, name)(optimizer(), **options)
    scheduler.optimizer.step()
    for epoch in (3, 0, 4, 1):
        scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx([expected[epoch]], abs=1e-5)


def test_warm_restarts_take_fractions_of_epochs():
    scheduler = schedules.CosineAnnealingWarmRestarts(optimizer(), 2, 2)
    for epoch, expected in ((0.5, 0.853553), (7, 0.961940), (2.5, 0.961940)):
        scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx([expected], abs=1e-6)
    with pytest.raises(ValueError, match="epoch must not be negative"):
        scheduler.step(-1)


def test_the_only_list_of_names():
    assert issubclass(schedules._LRScheduler, schedules.LRScheduler)
    assert all(hasattr(schedules, name) for name in schedules.__all__)
    with pytest.raises(NotImplementedError, match="LRScheduler must define get_lr"):
        schedules.LRScheduler(optimizer())


OTHER = schedules.StepLR(optimizer(), 1)
ERRORS = [
    (TypeError, "StepLR: optimizer must be an Optimizer (got int)", "StepLR", (3, 1), {}),
    (TypeError, "MultiStepLR: milestones must be a list of int (got 3)", "MultiStepLR",
     (optimizer(), 3), {}),
    (ValueError, "ConstantLR: factor must be at least 0 and at most 1 (got 2)",
     "ConstantLR", None, {"factor": 2}),
    (ValueError, "LinearLR: start_factor must be greater than 0 and at most 1 (got 0)",
     "LinearLR", None, {"start_factor": 0}),
    (ValueError, "LinearLR: end_factor must be at least 0 and at most 1 (got -1)",
     "LinearLR", None, {"end_factor": -1}),
    (ValueError, "LambdaLR: len(lr_lambda) must be the number of groups (got 2 and 1)",
     "LambdaLR", None, {"lr_lambda": [abs, abs]}),
    (TypeError, "MultiplicativeLR: lr_lambda must be a function (got int)",
     "MultiplicativeLR", None, {"lr_lambda": 3}),
    (ValueError, "CosineAnnealingWarmRestarts: T_0 must be a positive int (got 1.5)",
     "CosineAnnealingWarmRestarts", None, {"T_0": 1.5}),
    (ValueError, "CosineAnnealingWarmRestarts: T_mult must be a positive int (got 0)",
     "CosineAnnealingWarmRestarts", None, {"T_0": 1, "T_mult": 0}),
    (ValueError, "CosineAnnealingWarmRestarts: eta_min must be a number (got 'a')",
     "CosineAnnealingWarmRestarts", None, {"T_0": 1, "eta_min": "a"}),
    (ValueError, "CyclicLR: mode must be one of ('triangular', 'triangular2', 'exp_range') without "
     "scale_fn (got 'saw')", "CyclicLR", None, {"base_lr": 1, "max_lr": 2, "mode": "saw"}),
    (ValueError, "CyclicLR: len(max_lr) must be the number of groups (got 2 and 1)",
     "CyclicLR", None, {"base_lr": 1, "max_lr": [2, 3]}),
    (ValueError, "CyclicLR: optimizer must have a momentum or betas if cycle_momentum is True "
     "(got Adagrad)", "CyclicLR", (optim.Adagrad([nn.Parameter(np.zeros(1))]), 1, 2), {}),
    (ValueError, "OneCycleLR: either total_steps or both epochs and steps_per_epoch must be given",
     "OneCycleLR", None, {"max_lr": 1, "epochs": 3}),
    (ValueError, "OneCycleLR: total_steps must be a positive int (got 0)",
     "OneCycleLR", None, {"max_lr": 1, "total_steps": 0}),
    (ValueError, "OneCycleLR: epochs must be a positive int (got -1)",
     "OneCycleLR", None, {"max_lr": 1, "epochs": -1, "steps_per_epoch": 3}),
    (ValueError, "OneCycleLR: pct_start must be a float from 0 to 1 (got 1)",
     "OneCycleLR", None, {"max_lr": 1, "total_steps": 3, "pct_start": 1}),
    (ValueError, "OneCycleLR: anneal_strategy must be one of ('cos', 'linear') (got 'exp')",
     "OneCycleLR", None, {"max_lr": 1, "total_steps": 3, "anneal_strategy": "exp"}),
    (ValueError, "ReduceLROnPlateau: factor must be less than 1 (got 1.0)",
     "ReduceLROnPlateau", None, {"factor": 1.0}),
    (ValueError, "ReduceLROnPlateau: mode must be one of ('min', 'max') (got 'low')",
     "ReduceLROnPlateau", None, {"mode": "low"}),
    (ValueError, "ReduceLROnPlateau: threshold_mode must be one of ('rel', 'abs') (got 'no')",
     "ReduceLROnPlateau", None, {"threshold_mode": "no"}),
    (ValueError, "ReduceLROnPlateau: len(min_lr) must be the number of groups (got 2 and 1)",
     "ReduceLROnPlateau", None, {"min_lr": [0, 0]}),
    (ValueError, "ChainedScheduler: schedulers must not be empty", "ChainedScheduler", ([],), {}),
    (TypeError, "ChainedScheduler: schedulers[0] must be a scheduler (got int)",
     "ChainedScheduler", ([3],), {}),
    (ValueError, "SequentialLR: schedulers[0].optimizer must be the optimizer of all "
     "(got SGD and SGD)", "SequentialLR", None, {"schedulers": [OTHER], "milestones": []}),
    (ValueError, "SequentialLR: len(milestones) must be len(schedulers) - 1 (got 1 and 1)",
     "SequentialLR", (OTHER.optimizer,), {"schedulers": [OTHER], "milestones": [1]}),
    (ValueError, "SequentialLR: schedulers[1] must not be a ChainedScheduler, which can only be "
     "the first", "SequentialLR", (OTHER.optimizer,),
     {"schedulers": [OTHER, schedules.ChainedScheduler([OTHER])], "milestones": [1]}),
    (ValueError, "SequentialLR: schedulers[0] must not be ReduceLROnPlateau, whose step needs an "
     "argument", "SequentialLR", None,
     {"schedulers": [schedules.ReduceLROnPlateau(optimizer())], "milestones": []}),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message", "name", "args", "options"), ERRORS)
def test_errors(error, message, name, args, options):
    with pytest.raises(error) as caught:
        getattr(schedules, name)(*(args or (optimizer(),)), **options)
    assert str(caught.value) == message


def test_one_cycle_ends():
    scheduler = schedules.OneCycleLR(optimizer(), 1.0, 2)
    follow(scheduler, 2)
    with pytest.raises(ValueError, match="the number of steps must be at most total_steps"):
        scheduler.step()


# PyTorch


@pytest.mark.parametrize(("name", "options", "_"), CASES)
def test_fifty_epochs_are_those_of_pytorch(name, options, _):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    options = dict(options)
    if name == "OneCycleLR":
        options = {key: v for key, v in options.items() if "steps" not in key and key != "epochs"}
        options["total_steps"] = 60
    paths = []
    for parameter, o in ((nn.Parameter(np.zeros(1)), optim), (torch.zeros(1), torch.optim)):
        opt = o.SGD([parameter], lr=0.3, momentum=0.9)
        scheduler, path = getattr(o.lr_scheduler, name)(opt, **options), []
        for _ in range(50):
            path.append((opt.param_groups[0]["lr"], opt.param_groups[0]["momentum"]))
            opt.step()
            scheduler.step()
        paths.append(path)
    np.testing.assert_allclose(*paths, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "options"), [("ReduceLROnPlateau", {}), *RESUMED[: len(CASES)]])
def test_the_entries_of_the_state_are_those_of_pytorch(name, options):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    expected = getattr(torch.optim.lr_scheduler, name)(theirs, **options).state_dict()
    assert set(getattr(schedules, name)(optimizer(), **options).state_dict()) == set(expected)
