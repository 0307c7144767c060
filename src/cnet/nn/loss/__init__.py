"""Loss modules, in files of the same names as in `cnet.functional.loss`."""

from .binary import *
from .classification import *
from .ctc import *
from .difference import *
from .likelihood import *
from .margin import *
from .similarity import *
