"""Averages of models, statistics of batch normalisation, and SWALR."""

import numpy as np
import pytest

import cnet
from cnet import nn, optim
from cnet.nn import init
from cnet.optim import swa_utils
from cnet.optim.swa_utils import SWALR, AveragedModel, update_bn

VALUES = 1.0, 2.0, 6.0


def averaged(**options):
    """An average of a model whose weight and running mean have the values above."""
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    average = AveragedModel(model, **options)
    for value in VALUES:
        init.constant_(model[0].weight, value)
        model[1].running_mean.fill_(value)
        model[1].num_batches_tracked += 4
        average.update_parameters(model)
    return average


EMA = 0.25 * (0.25 * 1 + 0.75 * 2) + 0.75 * 6
RULES = [
    ({}, 3.0),
    ({"avg_fn": swa_utils.get_swa_avg_fn()}, 3.0),
    ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}, 3.0),
    ({"avg_fn": swa_utils.get_ema_avg_fn(0.25)}, EMA),
    ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.25)}, EMA),
    ({"avg_fn": lambda average, value, count: average + value * count}, 1 + 2 * 1 + 6 * 2),
]


@pytest.mark.parametrize(("options", "expected"), RULES)
@pytest.mark.parametrize("use_buffers", [False, True])
def test_averages(options, expected, use_buffers):
    average = averaged(**options, use_buffers=use_buffers)
    module = average.module
    assert module[0].weight.item() == pytest.approx(expected)
    assert module[1].running_mean.item() == pytest.approx(expected if use_buffers else 6.0)
    assert average.n_averaged.item() == 3
    assert module[0].weight.requires_grad


def test_an_average_is_a_module():
    average = averaged()
    x = np.ones((4, 1), np.float32)
    average.eval()
    np.testing.assert_array_equal(average(x).detach(), average.module(x).detach())
    assert list(average.state_dict())[:2] == ["n_averaged", "module.0.weight"]
    other = AveragedModel(nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)))
    other.load_state_dict(average.state_dict())
    assert other.n_averaged.item() == 3


def test_update_bn():
    model = nn.Sequential(nn.BatchNorm1d(2, momentum=0.3), nn.ReLU())
    model.eval()
    batches = [np.full((4, 2), value, np.float32) for value in (1, 2, 6)]
    update_bn([(x, None) for x in batches], model)
    assert model[0].running_mean.tolist() == [3, 3]
    assert model[0].num_batches_tracked.item() == 3
    assert model[0].momentum == 0.3
    assert not model.training
    update_bn([], nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("linear", [1, 0.875, 0.75, 0.625, 0.5, 0.5]),
     ("cos", [1, 0.926777, 0.75, 0.573223, 0.5, 0.5])],
)  # fmt: skip
def test_swalr(strategy, expected):
    opt = optim.SGD([nn.Parameter(np.ones(1))], lr=1.0)
    scheduler, rates = SWALR(opt, 0.5, 4, strategy), []
    for _ in expected:
        rates += scheduler.get_last_lr()
        opt.step()
        scheduler.step()
    assert rates == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: swa_utils.get_ema_avg_fn(1.5),
         "get_ema_avg_fn: decay must be at least 0 and at most 1 (got 1.5)"),
        (lambda: swa_utils.get_ema_multi_avg_fn(-1),
         "get_ema_multi_avg_fn: decay must be at least 0 and at most 1 (got -1)"),
        (lambda: AveragedModel(nn.Linear(1, 1), avg_fn=max, multi_avg_fn=max),
         "AveragedModel: avg_fn and multi_avg_fn must not both be given"),
        (lambda: AveragedModel(nn.Linear(1, 1), device="cuda"),
         "AveragedModel: device must be 'cpu' (got 'cuda')"),
        (lambda: SWALR(optim.SGD(nn.Linear(1, 1).parameters()), 0.5, anneal_strategy="no"),
         "SWALR: anneal_strategy must be 'cos' or 'linear' (got 'no')"),
        (lambda: SWALR(optim.SGD(nn.Linear(1, 1).parameters()), 0.5, anneal_epochs=-1),
         "SWALR: anneal_epochs must be an int of at least 0 (got -1)"),
        (lambda: SWALR(optim.SGD(nn.Linear(1, 1).parameters()), [0.5, 0.5]),
         "SWALR: len(swa_lr) must be the number of groups (got 2 and 1)"),
    ],
)  # fmt: skip
def test_errors(act, message):
    with pytest.raises(ValueError) as caught:
        act()
    assert str(caught.value) == message


def test_parity_with_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    from torch.optim import swa_utils as theirs

    results = []
    for m, utils, tensor in ((nn, swa_utils, cnet.tensor), (torch.nn, theirs, torch.tensor)):
        model = m.Linear(3, 2)
        average = utils.AveragedModel(model, multi_avg_fn=utils.get_ema_multi_avg_fn(0.9))
        for step in range(4):
            values = np.random.default_rng(step).normal(size=(2, 3)).astype(np.float32)
            model.weight.data = tensor(values)
            average.update_parameters(model)
        results.append(average.module.weight.detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-6)
