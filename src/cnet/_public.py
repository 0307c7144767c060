"""The names of `cnet` that an import makes at once, in one place."""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from . import autograd as autograd
from . import functional as functional
from . import kernels as kernels
from . import random as random
from .autograd import Function as Function
from .autograd import enable_grad as enable_grad
from .autograd import inference_mode as inference_mode
from .autograd import is_grad_enabled as is_grad_enabled
from .autograd import no_grad as no_grad
from .autograd import set_grad_enabled as set_grad_enabled
from .devices import *
from .dtypes import *
from .gradcheck import *
from .layouts import *
from .native import *
from .operations import *
from .printing import *
from .random import *
from .runtime import *
from .settings import *
from .size import *
from .tensor import *
from .tensor import Tensor as Tensor
