"""Complete networks, with the names of `torchvision.models` where it has them.

The names and shapes of parameters are the same too, so that files of trained weights can be loaded.
A function such as `resnet18` returns a model with initial weights; its keyword arguments are those
of the class, here `ResNet`. Further classes, such as blocks, are in the modules of the families:
``from cnet.models.resnet import Bottleneck``.
"""

from .alexnet import *
from .cifar import *
from .convnext import *
from .densenet import *
from .efficientnet import *
from .googlenet import *
from .inception import *
from .layers import *
from .lenet import *
from .mnasnet import *
from .mobilenetv2 import *
from .mobilenetv3 import *
from .reference import *
from .registry import *
from .regnet import *
from .resnet import *
from .shufflenetv2 import *
from .small import *
from .squeezenet import *
from .unet import *
from .vgg import *
from .weights import *
