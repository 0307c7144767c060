"""What becomes of an operation in a plan: a family of rules a module."""

from ..steps import Rule
from . import conv, elementwise, linear, norm, pool, shape, softmax

FAMILIES = conv, elementwise, linear, norm, pool, shape, softmax
RULES: dict[type, Rule] = {
    function: rule for family in FAMILIES for function, rule in family.RULES.items()
}
