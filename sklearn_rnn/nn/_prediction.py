"""Prediction by kernels alone: weights are packed once, until something changes.

What may change, and is looked at before each prediction: modules and their settings,
hooks, tensors, the memory behind these, and the numbers there. A number may be changed
without a trace, as by ``weight.data``; so packed ones are compared with a copy, which
takes about as long as one step of the recurrent layers.
"""

import copy
from operator import is_, itemgetter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_rnn._kernels._tensors import is_dense
from sklearn_rnn.nn._chain import FlattenLink, make_links, pack_links
from sklearn_rnn.nn._config import uses_kernels
from sklearn_rnn.nn._crf import CRF
from sklearn_rnn.nn._gated import has_global_hooks
from sklearn_rnn.nn._models import CTCModel, SequenceModel, StepModel

_MODELS = SequenceModel, StepModel, CTCModel
_SCALARS = bool, int, float, str, type(None)

_prepared: WeakKeyDictionary[nn.Module, "_Prepared"] = WeakKeyDictionary()


def find_packed_network(model: Any) -> Any:
    """Return the network as one call of the kernels, as it is now.

    Parameters
    ----------
    model : torch.nn.Module
        The outputs of the call are those of its head, with a CRF or CTC, too: then, as
        of any `StepModel`, valid steps end to end.

    Returns
    -------
    network : PackedNetwork or None
        None if the kernels do not run all of it.
    """
    if type(model) not in _MODELS or not uses_kernels():
        return None
    prepared = _prepared.get(model)
    if prepared is None or not prepared.is_current(model):
        prepared = _prepared[model] = _Prepared(model)
    return prepared.network


class _Prepared:
    """A packed network, if there is one, and what it was made of.

    Parameters
    ----------
    model : SequenceModel or StepModel
        It is not referenced.
    """

    def __init__(self, model: Any) -> None:
        modules = _list_own_modules(model)
        self.children = modules[1:]
        self.kinds = list(map(type, modules))
        self.get_settings = [_make_getter(module) for module in modules]
        self.settings = copy.deepcopy(self._list_settings(modules))
        self.has_hooks = _has_any_hook(modules)
        self.tensors = _list_tensors(modules)
        self.memory = _Memory([t for t in self.tensors if t is not None])
        self.network = pack_network(model) if self.memory.is_dense else None
        if self.network is not None:
            self.memory.copy_others(self.network.list_weights())

    def _list_settings(self, modules: list[nn.Module]) -> list[Any]:
        own = list(map(vars, modules))
        settings = [get(d) for get, d in zip(self.get_settings, own, strict=True)]
        return [settings, list(map(len, own))]

    def is_current(self, model: Any) -> bool:
        """Whether nothing has changed since."""
        modules = _list_own_modules(model)
        tensors = _list_tensors(modules)
        return (
            modules[1:] == self.children
            and list(map(type, modules)) == self.kinds
            and len(tensors) == len(self.tensors)
            and all(map(is_, tensors, self.tensors))
            and self._list_settings(modules) == self.settings
            and _has_any_hook(modules) == self.has_hooks
            and self.memory.is_same()
        )


def list_modules(model: nn.Module) -> list[nn.Module]:
    """Return the module and all inside it; ``modules()`` takes six times as long."""
    found = [model]
    for module in found:
        inside = module._modules
        if inside:
            found += [m for m in inside.values() if m is not None]
    return found


def _list_own_modules(model: nn.Module) -> list[nn.Module]:
    """Return the modules that a packed network is made of: a CRF reads its outputs."""
    return [module for module in list_modules(model) if type(module) is not CRF]


def _list_tensors(modules: list[nn.Module]) -> list[Any]:
    found: list[Any] = []
    for module in modules:
        if module._parameters:
            found += module._parameters.values()
        if module._buffers:
            found += module._buffers.values()
    return found


def _has_any_hook(modules: list[nn.Module]) -> bool:
    for module in modules:  # not any(): it takes twice as long
        if (
            module._forward_hooks
            or module._forward_pre_hooks
            or module._backward_hooks
            or module._backward_pre_hooks
        ):
            return True
    return has_global_hooks()


def _make_getter(module: nn.Module) -> Any:
    """Return a function from the attributes of a module to its settings."""
    names = [name for name, value in vars(module).items() if _is_setting(value)]
    return itemgetter(*names)


def _is_setting(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_setting, value))
    return isinstance(value, _SCALARS)


class _Memory:
    """Some tensors as they are now: where their numbers lie, and copies of these."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self.places = self._list_places()
        self.is_dense = all(map(_is_comparable, tensors))
        self.arguments: tuple[Any, ...] = ()

    def _list_places(self) -> list[Any]:
        return [(t.data_ptr(), t.shape, t.stride(), t.dtype) for t in self.tensors]

    def copy_others(self, read_in_place: set[int]) -> None:
        """Copy the numbers of all tensors but those at these addresses."""
        tensors = [t for t in self.tensors if t.data_ptr() not in read_in_place]
        with torch.inference_mode(False), torch.no_grad():
            self.copies = [t.detach().clone() for t in tensors]
        numbers = [
            [t.data_ptr() for t in tensors],
            [t.data_ptr() for t in self.copies],
            [t.numel() * t.element_size() // 4 for t in tensors],
        ]
        self.numbers = np.array(numbers, np.int64)
        rows = [row.ctypes.data for row in self.numbers]
        self.arguments = len(tensors), *rows

    def is_same(self) -> bool:
        if self._list_places() != self.places:
            return False
        if not self.arguments:
            return True
        from sklearn_rnn._kernels._network import differ  # imports llvmlite

        return not differ(*self.arguments)


def _is_comparable(tensor: Tensor) -> bool:
    """Whether a tensor is contiguous numbers of a type that the kernels can read."""
    if tensor.dtype is torch.int64:
        on_cpu = tensor.is_cpu and tensor.layout is torch.strided
        return on_cpu and tensor.is_contiguous()
    return is_dense(tensor, tensor.numel())


def pack_network(model: Any) -> Any:
    """Return a network packed as it is now; None if the kernels do not run all of it.

    Parameters
    ----------
    model : SequenceModel, StepModel or CTCModel

    Returns
    -------
    network : PackedNetwork or None
    """
    links = make_links(model)
    if links is None:
        return None
    if type(model) is CTCModel or getattr(model, "crf", None) is not None:
        links.insert(-2, FlattenLink(None))  # before dropout and the head
    from sklearn_rnn._kernels._network import PackedNetwork, are_joined

    packed = pack_links(links, 0)
    if packed is None:
        return None
    branches = _pack_branches(model, packed)
    if branches is None or not are_joined(packed):
        return None
    if not uses_kernels("prediction"):  # compiled only if it is needed
        return None
    return PackedNetwork(packed, branches)


def _pack_branches(model: Any, links: list[Any]) -> list[Any] | None:
    """Return the links of all branches; None if the kernels do not run one of them."""
    from sklearn_rnn._kernels._network import are_joined

    if model.training:  # the network is alone
        return []
    branches = []
    if getattr(model, "random_branch", None) is not None:
        branches.append([links[0], model.random_branch.pack()])
    ngrams = getattr(model, "ngram_branch", None)
    if ngrams is not None:
        reads_tokens = links[0].kind == "embed"
        has_all = reads_tokens and links[0].sizes[1] == ngrams.n_tokens + 1
        branches.append([ngrams.pack() if has_all else None])
    for branch in branches:
        last = branch[-1]
        if last is None or last.width != links[-1].width or not are_joined(branch):
            return None
    return [link for branch in branches for link in branch]
