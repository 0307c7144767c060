"""Calls of a module with other parameters than its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with the given tensors in place of its parameters and buffers.

    Parameters
    ----------
    module : Module
        The module, which is not changed.
    parameter_and_buffer_dicts : dict of str to Tensor, or sequence of such dicts
        The tensors by dotted name; others keep their values.
    args : Any, optional
        The argument of the call, or a tuple of arguments.
    kwargs : dict, optional
        Keyword arguments of the call.
    tie_weights : bool, default True
        Whether a tensor replaces a shared parameter under all of its names.
    strict : bool, default False
        Whether there must be a tensor for every parameter and buffer, and no other.

    Returns
    -------
    Any
        The result, which depends on the given tensors.

    Raises
    ------
    KeyError
        If a name is in two dicts.
    RuntimeError
        If the names do not match.

    Examples
    --------
    >>> import cnet, numpy
    >>> layer = cnet.nn.Linear(1, 1, bias=False)
    >>> weight = cnet.tensor([[3.0]], requires_grad=True)
    >>> y = cnet.func.functional_call(layer, {"weight": weight}, numpy.ones((1, 1), numpy.float32))
    >>> y.backward()
    >>> weight.grad
    tensor([[1.]])
    """
    if isinstance(parameter_and_buffer_dicts, Mapping):
        values = dict(parameter_and_buffer_dicts)
    else:
        values = {}
        for part in parameter_and_buffer_dicts:
            if twice := values.keys() & part.keys():
                raise KeyError(f"functional_call: names are in two dicts: {sorted(twice)}")
            values.update(part)
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, values, tie_weights, strict):
        return module(*given, **(kwargs or {}))


@contextmanager
def _replaced(
    module: Module, values: dict[str, Any], tie_weights: bool, strict: bool
) -> Iterator[None]:
    own = dict(module.named_parameters(remove_duplicate=False))
    own |= dict(module.named_buffers(remove_duplicate=False))  # type: ignore[arg-type]
    unexpected = values.keys() - own.keys()
    missing = own.keys() - values.keys()
    if tie_weights:
        tied = {id(own[name]): value for name, value in values.items() if name in own}
        values = {name: tied[id(own[name])] for name in own if id(own[name]) in tied} | values
    if unexpected or (strict and own.keys() - values.keys()):
        raise RuntimeError(
            f"functional_call: names must be those of parameters and buffers; unexpected: "
            f"{sorted(unexpected)}, missing: {sorted(missing)}"
        )
    places = []
    for name in values:
        path, _, last = name.rpartition(".")
        owner = module.get_submodule(path)
        members = owner._parameters if last in owner._parameters else owner._buffers
        places.append((members, last, members[last]))
    try:
        for (members, last, _), value in zip(places, values.values(), strict=True):
            members[last] = value
        yield
    finally:
        for members, last, old in places:
            members[last] = old
