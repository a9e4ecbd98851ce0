"""A whole network as a chain of links, and when there is one.

For a small network torch's autograd, and its operators on small tensors, take longer
than all arithmetic. A chain needs neither.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._cells import CELLS
from sklearn_rnn.nn._chain._branch import BranchLink
from sklearn_rnn.nn._chain._columns import EMBEDDINGS, ColumnsLink
from sklearn_rnn.nn._chain._dropout import DropoutLink
from sklearn_rnn.nn._chain._encoder import EncoderLink
from sklearn_rnn.nn._chain._inputs import StandardizeLink
from sklearn_rnn.nn._chain._link import Batch, Link
from sklearn_rnn.nn._chain._losses import LOSSES, CTCLink, LossLink, PathLink
from sklearn_rnn.nn._chain._next_steps import (
    NoteLikelihoodLink,
    TokenLikelihoodLink,
    is_tied,
    list_next_step_links,
)
from sklearn_rnn.nn._chain._pooling import make_pooling_link
from sklearn_rnn.nn._chain._stem import StemLink
from sklearn_rnn.nn._chain._steps import FlattenLink, LinearLink
from sklearn_rnn.nn._config import uses_kernels
from sklearn_rnn.nn._crf import CRF
from sklearn_rnn.nn._dropout import Dropout
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._gated import has_global_hooks
from sklearn_rnn.nn._generation import NextStepModel
from sklearn_rnn.nn._inputs import ColumnInputs, ConvStem, Standardize
from sklearn_rnn.nn._last_steps import LastSteps
from sklearn_rnn.nn._losses import (
    CTC,
    NoteLikelihood,
    PathLikelihood,
    TokenLikelihood,
)
from sklearn_rnn.nn._models import CTCModel, SequenceModel, StepModel
from sklearn_rnn.nn._ngrams import NGramBranch
from sklearn_rnn.nn._pooling import Pooling
from sklearn_rnn.nn._random_convolutions import RandomBranch, RandomConvolutions

LINKS: dict[type, Any] = {
    Standardize: StandardizeLink,
    **EMBEDDINGS,
    ColumnInputs: ColumnsLink,
    ConvStem: StemLink,
    Pooling: make_pooling_link,
    Dropout: DropoutLink,
    nn.Linear: LinearLink,
}
LAST_LINKS: dict[type, Any] = {
    **dict.fromkeys(LOSSES, LossLink),
    PathLikelihood: PathLink,
    CTC: CTCLink,
    TokenLikelihood: TokenLikelihoodLink,
    NoteLikelihood: NoteLikelihoodLink,
}
# what the links read themselves, or training does not
_PARTS = {
    *(RandomBranch, RandomConvolutions, LastSteps, NGramBranch),
    *(SequenceModel, StepModel, CTCModel, NextStepModel, Encoder, CRF),
    *CELLS.values(),
    *(cell.torch_class for cell in CELLS.values()),
    *(nn.Conv1d, nn.LayerNorm, nn.Identity, nn.Embedding, nn.ModuleList),
}


def make_chain(model: Any, criterion: Any) -> "Chain | None":
    """Return the chain of a network as it is now; None if it has no chain.

    It has one if the kernels are used, each module is of a class with a link, exactly,
    nobody changed or watches it, and all weights are trained, on the CPU.

    Parameters
    ----------
    model : torch.nn.Module
    criterion : torch.nn.Module

    Returns
    -------
    chain : Chain or None
    """
    if (
        not uses_kernels()
        or type(criterion) not in LAST_LINKS
        or not _is_own(criterion)
        or not _has_own_weights(model)
    ):
        return None
    links = make_links(model)
    if links is None:
        return None
    return Chain(links, LAST_LINKS[type(criterion)](criterion, model))


def make_links(model: Any) -> list[Link] | None:
    """Return the links of a network, from the inputs to the output.

    None if a module is of a class without a link, or changed or watched by somebody.
    """
    modules = list(model.modules())
    if (
        type(model) not in _PARTS
        or not all(type(m) in _PARTS or type(m) in LINKS for m in modules)
        or not all(map(_is_own, modules))
        or has_global_hooks()
    ):
        return None
    links = _list_links(model)
    if links is None or not all(link.fits() for link in links):
        return None
    return links


def _is_own(module: nn.Module) -> bool:
    """Whether nobody attached hooks to a module, or replaced its methods."""
    own = vars(module)
    hooked = any(own[name] for name in own if name.endswith("_hooks"))
    return not hooked and not any(
        callable(getattr(type(module), name, None)) for name in own
    )


def _has_own_weights(model: nn.Module) -> bool:
    """Whether all weights are trained by themselves, and the kernels can read them."""
    weights = list(model.parameters())
    n_names = len(list(model.named_parameters(remove_duplicate=False)))
    n_tied = int(type(model) is NextStepModel and is_tied(model))
    return len(weights) == n_names - n_tied and all(map(_is_trained, weights))


def _is_trained(weight: nn.Parameter) -> bool:
    hooks = weight._backward_hooks or weight._post_accumulate_grad_hooks
    fits = weight.dtype is torch.float32 and weight.is_cpu
    return weight.requires_grad and fits and not hooks


def _list_links(model: Any) -> list[Link] | None:
    """Return the links up to the output; None if a part is of another class."""
    if type(model) is NextStepModel:
        return list_next_step_links(model)
    parts = [model.inputs, model.dropout, model.head]
    parts += [] if model.stem is None else [model.stem]
    if type(model) is SequenceModel:
        parts.append(model.pooling)
        if model.stem_pooling is not None:
            parts.append(model.stem_pooling)
            if getattr(model.stem_pooling, "kind", "last") == "last":
                return None
    drops_inputs = type(getattr(model, "input_dropout", None)) is Dropout
    if type(model.encoder) is not Encoder or any(type(p) not in LINKS for p in parts):
        return None
    links = [make_link(model.inputs)]
    if drops_inputs:
        links.append(make_link(model.input_dropout))
    if model.stem is not None:
        links.append(make_link(model.stem))
    if type(model) is SequenceModel:
        links += _make_pooling_links(model)
    else:
        links.append(EncoderLink(model.encoder, only_last=False))
        if type(model) is StepModel and model.crf is None:
            links.append(FlattenLink(None))
    return [*links, make_link(model.dropout), make_link(model.head)]


def _make_pooling_links(model: SequenceModel) -> list[Link]:
    """Return the links from the outputs of the stem to the pooled vector."""
    only_last = model.pooling.kind == "last"
    links: list[Link] = [EncoderLink(model.encoder, only_last=only_last)]
    if not only_last:
        links.append(make_link(model.pooling))
    if model.stem_pooling is None:
        return links
    return [BranchLink(links, make_link(model.stem_pooling))]


def make_link(module: Any) -> Link:
    """Return the link of a module of a class in the table."""
    return LINKS[type(module)](module)


class Chain:
    """A network that computes its own gradients.

    Parameters
    ----------
    links : sequence of Link
        From the inputs to the output.
    loss : LossLink, PathLink or CTCLink
    """

    def __init__(self, links: Sequence[Link], loss: Any) -> None:
        self.links = list(links)
        self.loss = loss
        # whether a link before this one has weights
        self.wants_x = [
            any(type(other) is not StandardizeLink for other in self.links[:k])
            for k in range(len(self.links))
        ]

    @torch.no_grad()
    def compute_gradients(
        self, inputs: dict[str, Any], target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Any] | None:
        """Set the gradients of all weights.

        Parameters
        ----------
        inputs : dict of Tensor
            x and lengths, as the model takes them.
        target : Tensor
            As the loss takes it.
        weight : Tensor or None
            Weight of each loss.

        Returns
        -------
        loss_and_output : tuple, or None
            The mean loss of the batch, and what the model returns. None if a link does
            not support this batch: nothing is done then.
        """
        carried = inputs.get("carried")
        batch = Batch(inputs["x"], inputs["lengths"], target, weight, carried)
        return self.run(batch) if self.suits(batch) else None

    def run(self, batch: Batch) -> tuple[Tensor, Any]:
        """Do it, for a mini-batch that suits all links."""
        x, lengths = batch.x, batch.lengths
        for link in self.links:
            link.begin(batch)
            x, lengths = link.forward(x, lengths)
        loss, output, d = self.loss.run(x, lengths, batch)
        for link, wants_x in zip(self.links[::-1], self.wants_x[::-1], strict=True):
            d = link.backward(d, wants_x=wants_x)
        return loss, output

    def fits_all_lengths(self) -> bool:
        """Return whether batches of other lengths are the same calls of kernels."""
        for link in self.links:
            if not link.fits_all_lengths():
                return False
            if link.pools():
                return True
        return False

    def suits(self, batch: Batch) -> bool:
        """Return whether all links support this mini-batch."""
        x = batch.x
        return (
            x.is_cpu
            and x.dim() == 3
            and x.numel() > 0
            and all(link.suits(batch) for link in self.links)
            and self.loss.suits(batch)
        )
