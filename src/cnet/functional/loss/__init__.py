"""Loss functions: the deviation of results from targets, per item or reduced to one number."""

from .binary import *
from .classification import *
from .ctc import *
from .difference import *
from .likelihood import *
from .margin import *
from .similarity import *
