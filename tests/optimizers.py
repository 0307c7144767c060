"""Rules with options, parameters and gradients for the tests of optimizers."""

import numpy as np

from cnet import nn, optim

RULES = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (optim.Adam, {"lr": 0.1, "weight_decay": 0.01}),
    (optim.AdamW, {"lr": 0.1}),
    (optim.RMSprop, {"lr": 0.1, "weight_decay": 0.01}),
    (optim.RMSprop, {"lr": 0.1, "alpha": 0.9, "momentum": 0.5, "centered": True}),
]
KERNEL_RULES = [(rule, options) for rule, options in RULES if rule is not optim.RMSprop]
RULES += [
    (optim.Adam, {"lr": 0.1, "weight_decay": 0.01, "amsgrad": True}),
    (optim.AdamW, {"lr": 0.1, "amsgrad": True}),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1}),
    (optim.Adadelta, {"lr": 0.5, "weight_decay": 0.01}),
    (optim.Adamax, {"lr": 0.1}),
    (optim.NAdam, {"lr": 0.1, "weight_decay": 0.01, "decoupled_weight_decay": True}),
    (optim.RAdam, {"lr": 0.1, "betas": (0.9, 0.9)}),
    (optim.Rprop, {"lr": 0.1}),
    (optim.ASGD, {"lr": 0.1, "t0": 1.0}),
    (optim.Adafactor, {"lr": 0.1, "weight_decay": 0.01}),
]


def parameters(dtype=np.float64):
    return [nn.Parameter(np.arange(3, dtype=dtype)), nn.Parameter(np.ones((2, 2), dtype))]


def train(opt, params, steps, start=0):
    for step in range(start, start + steps):
        rng = np.random.default_rng(step)
        for param in params:
            param.grad = rng.normal(size=param.shape).astype(param.dtype)
        opt.step()
