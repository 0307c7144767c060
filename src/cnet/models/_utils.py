"""Helpers that public code imports from ``torchvision.models._utils``."""

from collections.abc import Mapping
from typing import Any

from .. import nn
from ..tensor import Tensor

__all__ = ["IntermediateLayerGetter"]


class IntermediateLayerGetter(nn.ModuleDict):
    """The direct children of a model up to a layer, which return the outputs of some of them.

    Parameters
    ----------
    model : Module
        Calls its children one after the other, each with the output of the one before.
    return_layers : dict of str to str
        The names of children, each with the name of its output in the result.

    Raises
    ------
    ValueError
        If the model has no child of such a name.

    Examples
    --------
    >>> import cnet
    >>> from cnet.models._utils import IntermediateLayerGetter
    >>> body = IntermediateLayerGetter(cnet.models.resnet18(), {"layer1": "low", "layer4": "high"})
    >>> {name: y.shape for name, y in body(cnet.randn(2, 3, 32, 32)).items()}
    {'low': (2, 64, 8, 8), 'high': (2, 512, 1, 1)}
    """

    def __init__(self, model: nn.Module, return_layers: Mapping[str, str]) -> None:
        names = [name for name, _ in model.named_children()]
        self.return_layers = {str(name): str(output) for name, output in return_layers.items()}
        missing = self.return_layers.keys() - set(names)
        if missing:
            raise ValueError(
                f"IntermediateLayerGetter: return_layers must name children of model (got "
                f"{sorted(missing)} and {names})"
            )
        last = max(map(names.index, self.return_layers), default=-1)
        super().__init__({name: getattr(model, name) for name in names[: last + 1]})

    def forward(self, x: Tensor) -> dict[str, Any]:
        """The outputs by their names, in the order of the layers."""
        outputs = {}
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                outputs[self.return_layers[name]] = x
        return outputs
