"""From options to a network and its trainer."""

from typing import TYPE_CHECKING, Any

from .._commands import UsageError, network
from .images import Images, Shape
from .options import AUGMENTATIONS, MOMENTUM, Options

if TYPE_CHECKING:
    from ..nn import Module
    from ..optim import Optimizer
    from ..optim.lr_scheduler import LRScheduler
    from ..training import Callback, Trainer


def build_model(name: str, shape: Shape, classes: int) -> "Module":
    """A network that has classified an image; it may take three channels if the images have one."""
    return _checked(name, network(name, shape, classes)[0], shape, classes)


def _checked(name: str, model: "Module", shape: Shape, classes: int) -> "Module":
    """The model, after it has classified an image."""
    import numpy as np

    from ..autograd import no_grad
    from ..inspection.layers import evaluation_mode

    channels = shape[0]
    if channels == 1 and _channels(model) == 3:
        channels = 3
    x = np.zeros((2, channels, *shape[1:]), np.float32)
    size = f"{channels} x {shape[1]} x {shape[2]}"
    try:
        with evaluation_mode(model), no_grad():
            scores = model(x)
    except (ValueError, RuntimeError, IndexError) as error:
        raise UsageError(
            f"{name} cannot take images of {size}: {error}; another --image-size may help"
        ) from None
    if getattr(scores, "shape", None) != (2, classes):
        raise UsageError(f"{name} is not a network that classifies images")
    return model


def _channels(model: "Module") -> int | None:
    """The number of channels that the first convolution takes."""
    convolutions = (getattr(module, "in_channels", None) for module in model.modules())
    return next((channels for channels in convolutions if channels is not None), None)


def fit_channels(images: Images, model: "Module") -> Images:
    """The same images with three equal channels, if they have one and the model takes three."""
    if images.shape[0] != 1 or _channels(model) != 3:
        return images
    import numpy as np

    from ..utils.data import ArrayDataset

    shape = 3, *images.shape[1:]
    train, test = (
        ArrayDataset(np.broadcast_to(x, (len(x), *shape)), labels)
        for x, labels in (images.train.arrays, images.test.arrays)
    )
    return images._replace(train=train, test=test, shape=shape)


def build_trainer(
    options: Options, model: "Module", images: Images, callbacks: "list[Callback]"
) -> "Trainer":
    """The trainer of a model, with further callbacks."""
    from .. import functional as F
    from ..training import EMA, GradientClipping, SchedulerStep, Trainer

    optimizer = _optimizer(options, model)
    found: list[Callback] = _batch_transforms(options, images)
    if options["clip_norm"]:
        found.append(GradientClipping(options["clip_norm"]))
    steps = -(-len(images.train) // options["batch_size"])
    updates = options["epochs"] * -(-steps // options["accumulate"])
    schedule, per = _schedule(options, optimizer, updates)
    if schedule is not None:
        found.append(SchedulerStep(schedule, per))
    if options["ema"]:
        found.append(EMA(model, options["ema"]))
    smoothing = options["label_smoothing"]

    def loss_fn(scores: Any, target: Any) -> Any:
        return F.cross_entropy(scores, target, label_smoothing=smoothing)

    return Trainer(
        model,
        optimizer,
        loss_fn if smoothing else F.cross_entropy,
        callbacks=[*found, *callbacks],
        accumulate=options["accumulate"],
    )


def _optimizer(options: Options, model: "Module") -> "Optimizer":
    from .. import optim

    lr, decay, parameters = options["lr"], options["weight_decay"], model.parameters()
    match options["optimizer"]:
        case "adam":
            return optim.Adam(parameters, lr, weight_decay=decay)
        case "adamw":
            return optim.AdamW(parameters, lr, weight_decay=decay)
        case "rmsprop":
            return optim.RMSprop(parameters, lr, weight_decay=decay)
    return optim.SGD(parameters, lr, MOMENTUM, weight_decay=decay)


def _schedule(
    options: Options, optimizer: "Optimizer", updates: int
) -> "tuple[LRScheduler | None, str]":
    """The schedule, and whether it goes on after each step or each epoch."""
    from ..optim import lr_scheduler

    match options["schedule"]:
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, updates), "step"
        case "onecycle":
            return lr_scheduler.OneCycleLR(optimizer, options["lr"], updates), "step"
        case "step":
            return lr_scheduler.StepLR(optimizer, -(-options["epochs"] // 3)), "epoch"
        case "plateau":
            return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3), "epoch"
    return None, "epoch"


def _batch_transforms(options: Options, images: Images) -> "list[Callback]":
    from .. import transforms
    from ..training import BatchTransform
    from ..training.augmentation import Flip, Rotate, Shift

    pixels = max(1, round(images.shape[1] / 14))
    kinds: dict[str, Any] = {"shift": Shift(pixels), "rotate": Rotate(10, 0.1), "flip": Flip()}
    chosen = options["augment"].split(",")
    steps = [kinds[name] for name in AUGMENTATIONS if name in chosen]
    classes = len(images.classes)
    if options["mixup"]:
        steps.append(transforms.MixUp(alpha=options["mixup"], num_classes=classes))
    if options["cutmix"]:
        steps.append(transforms.CutMix(alpha=options["cutmix"], num_classes=classes))
    return [BatchTransform(step) for step in steps]
