"""The state of a module: its parameters and persistent buffers by dotted name."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..autograd.engine import HookHandle
from ..size import Size
from ..tensor import Tensor, array_of
from .parameter import Parameter, is_lazy
from .tree import Tree

Array: TypeAlias = np.ndarray[Any, Any]
Hook: TypeAlias = Callable[..., Any]

EXTRA = "_extra_state"
"""The name under which the result of `get_extra_state` is saved."""


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class IncompatibleKeys(_Keys):
    """Names that were missing in a state dict, and names that it has in addition."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if any(self) else "<All keys matched successfully>"


class StateDict(OrderedDict[str, Any]):
    """The state of a module by dotted name, with the versions of the modules in `_metadata`."""

    _metadata: "OrderedDict[str, dict[str, Any]]"


class _Source(StateDict):
    """A copy of the state that is being loaded, and what is done when it has been checked."""

    changes: list[Callable[[], None]]
    post_hooks: list[Callable[[IncompatibleKeys], None]]


class _PreHook(NamedTuple):
    """A hook before the loading of a module."""

    call: Hook
    with_module: bool


class Stateful(Tree):
    """Saving and loading of parameters and persistent buffers.

    A subclass may override `_save_to_state_dict` and `_load_from_state_dict`, which handle the
    members of one module without its submodules, and `get_extra_state` and `set_extra_state`.
    """

    _version: int = 1
    """Is saved with the state, and passed to `_load_from_state_dict` in `local_metadata`."""

    _state_dict_pre_hooks: dict[int, Hook]
    _state_dict_hooks: dict[int, Hook]
    _load_state_dict_pre_hooks: dict[int, Any]
    _load_state_dict_post_hooks: dict[int, Hook]

    def get_extra_state(self) -> Any:
        """Return further state for `state_dict`; `set_extra_state` must be defined, too."""
        raise RuntimeError(f"{type(self).__name__} does not define get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Restore what `get_extra_state` returned."""
        raise RuntimeError(f"{type(self).__name__} does not define set_extra_state")

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Return the parameters and persistent buffers.

        Parameters
        ----------
        destination : dict, optional
            The dictionary to add them to; by default a new one.
        prefix : str, default ""
            Precedes every name.
        keep_vars : bool, default False
            Whether the values are the parameters themselves instead of detached tensors.

        Returns
        -------
        dict of str to Tensor
            The tensors by dotted name. They share memory with the module, so training changes them;
            ``copy.deepcopy`` keeps the present values.

        Examples
        --------
        >>> from cnet import nn
        >>> {name: value.shape for name, value in nn.Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        if args:  # PyTorch's old positional arguments
            given = (*args, *(destination, prefix, keep_vars)[len(args) :])
            destination, prefix, keep_vars = given
        if destination is None:
            destination = StateDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in tuple(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if isinstance(child, Stateful):
                child.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in tuple(self._state_dict_hooks.values()):
            changed = hook(self, destination, prefix, metadata)
            destination = destination if changed is None else changed
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Add the members of this module, without those of its submodules."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + EXTRA] = self.get_extra_state()

    def _own_state(self) -> dict[str, Tensor]:
        members = {**self._parameters, **self._buffers}
        return {
            name: tensor
            for name, tensor in members.items()
            if tensor is not None and name not in self._non_persistent_buffers_set
        }

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into parameters and persistent buffers, which keep their dtypes.

        Parameters
        ----------
        state_dict : mapping of str to ndarray or Tensor
            Values by dotted name; anything that `numpy.asarray` accepts, including PyTorch tensors.
        strict : bool, default True
            Whether the names must be exactly the names in `state_dict()`.
        assign : bool, default False
            Whether the values replace the parameters and buffers instead of being copied into them.

        Returns
        -------
        IncompatibleKeys
            The lists `missing_keys` and `unexpected_keys`, both empty if `strict`.

        Raises
        ------
        RuntimeError
            If names, shapes or dtypes do not match. The message lists all mismatches, and no
            parameter or buffer is changed.
        TypeError
            If `state_dict` is not a mapping.

        Examples
        --------
        >>> import numpy as np
        >>> from cnet import nn
        >>> layer = nn.Linear(1, 1)
        >>> layer.load_state_dict({"weight": [[2.0]], "bias": [1.0]})
        <All keys matched successfully>
        >>> layer(np.array([[3.0]], np.float32)).item()
        7.0
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: state_dict must be a mapping (got {type(state_dict).__name__})"
            )
        source = _Source(state_dict)
        source._metadata = getattr(state_dict, "_metadata", None) or OrderedDict()
        source.changes, source.post_hooks = [], []
        keys, errors = IncompatibleKeys([], []), list[str]()
        self._load(source, "", assign, keys, errors)
        if errors or not source.post_hooks:  # post-hooks may change the keys
            self._raise_errors(errors, keys, strict)
        for change in source.changes:
            change()
        for hook in source.post_hooks:
            if hook(keys) is not None:
                raise AssertionError(
                    "load_state_dict: a post-hook must change the keys in place and return None"
                )
        self._raise_errors(errors, keys, strict)
        return keys

    def _raise_errors(self, errors: list[str], keys: IncompatibleKeys, strict: bool) -> None:
        for kind, names in (("Unexpected", keys.unexpected_keys), ("Missing", keys.missing_keys)):
            if names and strict:
                listed = ", ".join(f'"{name}"' for name in names)
                errors.insert(0, f"{kind} key(s) in state_dict: {listed}. ")
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}"
            )

    def _load(
        self, source: _Source, prefix: str, assign: bool, keys: IncompatibleKeys, errors: list[str]
    ) -> None:
        """Load this module, then its submodules."""
        metadata = dict(source._metadata.get(prefix[:-1], {}))
        if assign:
            metadata["assign_to_params_buffers"] = True
        self._load_from_state_dict(
            source, prefix, metadata, True, keys.missing_keys, keys.unexpected_keys, errors
        )
        for name, child in self._modules.items():
            if isinstance(child, Stateful):
                child._load(source, f"{prefix}{name}.", assign, keys, errors)
        hooks = self._load_state_dict_post_hooks.values()
        source.post_hooks += [partial(hook, self) for hook in hooks]

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load the members of this module from `state_dict`, which may be changed.

        Errors are added to the three lists. The tensors are written when the whole state has been
        checked.
        """
        for hook, with_module in tuple(self._load_state_dict_pre_hooks.values()):
            (partial(hook, self) if with_module else hook)(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        own = self._own_state()
        changes: list[Callable[[], None]] = []
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                change = self._change(key, name, tensor, state_dict[key], assign, error_msgs)
                changes += [] if change is None else [change]
            elif strict:
                missing_keys.append(key)
        has_extra = type(self).set_extra_state is not Stateful.set_extra_state
        if has_extra and prefix + EXTRA in state_dict:
            changes.append(partial(self.set_extra_state, state_dict[prefix + EXTRA]))
        elif has_extra and strict:
            missing_keys.append(prefix + EXTRA)
        if strict:
            known = {*own, EXTRA} if has_extra else own
            for key in state_dict:
                if key.startswith(prefix):
                    first, *rest = key[len(prefix) :].split(".", 1)
                    if first not in (self._modules if rest else known):
                        unexpected_keys.append(key)
        if isinstance(state_dict, _Source):
            state_dict.changes += changes
        else:
            for change in changes:
                change()

    def _change(
        self, key: str, name: str, tensor: Tensor, value: Any, assign: bool, errors: list[str]
    ) -> Callable[[], None] | None:
        """What writes a value into a member; None, and an error message, if it does not fit."""
        if is_lazy(tensor) or is_lazy(value):
            if not (is_lazy(tensor) and is_lazy(value)):
                errors.append(f"{key}: an uninitialized tensor and one with a shape do not match.")
            return None
        array = array_of(value)
        if array.shape == (1,) and tensor.shape == ():  # as saved by PyTorch 0.3
            array = array[0:1].reshape(())
        if problems := _mismatches(key, tensor._array, array, assign):
            errors += problems
            return None
        if not assign:
            return lambda: _write(tensor, array)
        new: Tensor = value if isinstance(value, Tensor) else Tensor(array)
        if isinstance(tensor, Parameter) and not isinstance(new, Parameter):
            new = Parameter(new, requires_grad=tensor.requires_grad)
        elif isinstance(tensor, Parameter):
            new.requires_grad = tensor.requires_grad
        return lambda: setattr(self, name, new)

    def register_state_dict_pre_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(module, prefix, keep_vars)`` before `state_dict` reads the module."""
        return HookHandle(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after `state_dict`.

        The hook changes `state_dict` in place and returns None.
        """

        def checked(*args: Any) -> None:
            if hook(*args) is not None:
                raise RuntimeError("state_dict: a post-hook must return None")

        return HookHandle(self._state_dict_hooks, checked)

    def _register_state_dict_hook(self, hook: Hook) -> HookHandle:
        """The same as `register_state_dict_post_hook`, but the hook may return another dict."""
        return HookHandle(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> HookHandle:
        """Call `hook` with the module and the arguments of `_load_from_state_dict` before it."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Hook, with_module: bool = False
    ) -> HookHandle:
        return HookHandle(self._load_state_dict_pre_hooks, _PreHook(hook, with_module))  # type: ignore[arg-type]

    def register_load_state_dict_post_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(module, incompatible_keys)`` after the state was loaded.

        The hook may change the lists in place, and returns None. The names are checked afterwards.
        """
        return HookHandle(self._load_state_dict_post_hooks, hook)


def _write(tensor: Tensor, array: Array) -> None:
    tensor._array[...] = array
    tensor.note_change("load_state_dict")


def _mismatches(key: str, target: Array, value: Array, assign: bool) -> list[str]:
    problems = []
    if value.shape != target.shape:
        problems.append(
            f"size mismatch for {key}: copying a param with shape {Size(value.shape)} from "
            f"checkpoint, the shape in current model is {Size(target.shape)}."
        )
    if not np.can_cast(value.dtype, target.dtype, "same_kind"):
        problems.append(
            f"dtype mismatch for {key}: copying a param with dtype {value.dtype} from checkpoint, "
            f"the dtype in current model is {target.dtype}."
        )
    if not (assign or target.flags.writeable):
        problems.append(f"{key}: the array of the tensor must be writable.")
    return problems
