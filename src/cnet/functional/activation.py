"""Activation functions."""

from typing import Literal

from ..operations import operation
from ..tensor import Tensor, TensorLike
from ._elementwise import Elementwise


class GELU(Elementwise):
    name = "gelu"


class GELUTanh(Elementwise):
    name = "gelu_tanh"


@operation(GELU)
def gelu(input: TensorLike, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    r"""The Gaussian error linear unit, :math:`x \Phi(x)`.

    :math:`\Phi` is the cumulative distribution function of the standard normal distribution [1]_.

    Parameters
    ----------
    input : Tensor or ndarray, any shape
        Booleans and integers are converted to float32.
    approximate : {"none", "tanh"}, default "none"
        ``"none"``: :math:`x (1 + \mathrm{erf}(x / \sqrt 2)) / 2`. ``"tanh"``:
        :math:`x (1 + \tanh(\sqrt{2 / \pi} (x + 0.044715 x^3))) / 2`, which differs from the exact
        function by less than 0.0005 and takes about two thirds of the time.

    Returns
    -------
    Tensor
        In the shape and float dtype of `input`.

    Raises
    ------
    ValueError
        If `approximate` is not one of these.

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel: Gaussian error linear units (GELUs), arXiv:1606.08415.

    Examples
    --------
    >>> import cnet
    >>> cnet.functional.gelu(cnet.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1587,  0.    ,  1.9545])
    >>> cnet.functional.gelu(cnet.tensor([-1.0, 0.0, 2.0]), approximate="tanh")
    tensor([-0.1588,  0.    ,  1.9546])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh' (got {approximate!r})")
    return (GELUTanh if approximate == "tanh" else GELU).apply(input)
