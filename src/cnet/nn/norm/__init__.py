"""Normalisation layers."""

from .batch import *
from .instance import *
from .layer import *
from .local import *
