"""The links of networks that predict the next step, and of their losses."""

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._chain._dropout import DropoutLink
from sklearn_rnn.nn._chain._encoder import EncoderLink
from sklearn_rnn.nn._chain._inputs import StandardizeLink, TokenLink
from sklearn_rnn.nn._chain._link import Batch, Link
from sklearn_rnn.nn._chain._losses import count_steps, is_weight
from sklearn_rnn.nn._chain._steps import FlattenLink
from sklearn_rnn.nn._dropout import Dropout
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._generation import NextSteps
from sklearn_rnn.nn._inputs import Standardize, TokenEmbedding
from sklearn_rnn.nn._vocabulary import vocabulary_gradients

# numbers of the products of all vectors with the weights of a layer: a thread has
# gradients of as many
_MOST_PRODUCTS = 2**20


def list_next_step_links(model: Any) -> list[Link] | None:
    """Return the links of a `NextStepModel` up to the states that its loss reads."""
    if (
        type(model.projection) is not nn.Identity
        or type(model.head) is not nn.Linear
        or model.head.bias is None
        or type(model.encoder) is not Encoder
        or model.encoder.backward_layers
        or type(model.dropout) is not Dropout
    ):
        return None
    if type(model.inputs) is TokenEmbedding:
        first: list[Link] = [TokenEncoderLink(model)]
    elif type(model.inputs) is Standardize:
        encoder = EncoderLink(model.encoder, only_last=False)
        first = [StandardizeLink(model.inputs), DropoutLink(model.dropout), encoder]
    else:
        return None
    return [*first, FlattenLink(None), DropoutLink(model.dropout)]


def is_tied(model: Any) -> bool:
    """Whether the weight of the head is that of the embedding, too."""
    table = getattr(model.inputs, "table", None)
    return table is not None and model.head.weight is table.weight


class TokenEncoderLink(Link):
    """Link of embedded tokens, dropout and recurrent layers.

    If there are fewer tokens than steps, and no dropout between the two, the vectors of
    all tokens are multiplied by the weights of the first layer, instead of those of all
    steps.

    Parameters
    ----------
    module : NextStepModel
    """

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.table, self.dropout = TokenLink(module.inputs), DropoutLink(module.dropout)
        self.encoder = EncoderLink(module.encoder, only_last=False)
        self.looks_up = False

    def fits(self) -> bool:
        return self.table.fits() and self.encoder.fits()

    def suits(self, batch: Batch) -> bool:
        return self.table.suits(batch) and self.encoder.suits(batch)

    def begin(self, batch: Batch) -> None:
        self.encoder.begin(batch)

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        dropout = self.dropout.module
        weight = self.table.module.table.weight
        n_products = len(weight) * self.encoder.layers[0][0].weights[0].shape[0]
        self.looks_up = (
            not (dropout.training and dropout.p > 0)
            and 4 * len(weight) <= x.numel()
            and n_products <= _MOST_PRODUCTS
        )
        if self.looks_up:
            return self.encoder.run(weight, lengths, x.squeeze(-1).long())
        vectors, lengths = self.table.forward(x, lengths)
        vectors, lengths = self.dropout.forward(vectors, lengths)
        return self.encoder.forward(vectors, lengths)

    def backward(self, d_out: Tensor, *, wants_x: bool) -> None:
        d: Any = self.encoder.backward(d_out, wants_x=True)
        weight, of_head = self.module.inputs.table.weight, None
        if is_tied(self.module):
            of_head = weight.grad
        if self.looks_up:
            weight.grad = d.contiguous()
        else:
            self.table.backward(self.dropout.backward(d, wants_x=True), wants_x=False)
        if of_head is not None:
            weight.grad = of_head.add_(weight.grad)


class TokenLikelihoodLink:
    """Link of `TokenLikelihood`, with the linear layer in front of it.

    Parameters
    ----------
    criterion : TokenLikelihood
    model : NextStepModel
    """

    def __init__(self, criterion: Any, model: Any) -> None:
        self.criterion, self.head = criterion, model.head

    def suits(self, batch: Batch) -> bool:
        """Return whether targets and weights have the expected shape and type."""
        target, n = batch.target, count_steps(batch)
        fits = target.dtype is torch.int64 and target.shape == (n,)
        return fits and is_weight(batch.weight, n)

    def run(
        self, output: Tensor, lengths: Tensor | None, batch: Batch
    ) -> tuple[Tensor, Any, Tensor]:
        """Return the loss, the output as the criterion takes it, and its gradient."""
        head, n = self.head, len(output)
        weight = output.new_ones(n) if batch.weight is None else batch.weight
        losses, d_output, head.weight.grad, head.bias.grad = vocabulary_gradients(
            output,
            head.weight,
            head.bias,
            batch.target,
            weight / n,
            self.criterion.label_smoothing,
        )
        return (losses * weight).mean(), NextSteps(output, head), d_output


class NoteLikelihoodLink:
    """Link of `NoteLikelihood`, with the linear layer in front of it.

    Parameters
    ----------
    criterion : NoteLikelihood
    model : NextStepModel
    """

    def __init__(self, criterion: Any, model: Any) -> None:
        self.head = model.head

    def suits(self, batch: Batch) -> bool:
        """Return whether targets and weights have the expected shape and type."""
        target, n = batch.target, count_steps(batch)
        shape = n, self.head.out_features
        fits = target.dtype is torch.float32 and target.shape == shape
        return fits and is_weight(batch.weight, n)

    def run(
        self, output: Tensor, lengths: Tensor | None, batch: Batch
    ) -> tuple[Tensor, Any, Tensor]:
        """Return the loss, the output as the criterion takes it, and its gradient."""
        from sklearn_rnn._kernels._linear import backward  # imports llvmlite
        from sklearn_rnn._kernels._losses import compute_loss
        from sklearn_rnn._kernels._rows import multiply

        head, n = self.head, len(output)
        logits = multiply(output, head.weight, head.bias)
        # the kernel has the mean over notes, the criterion the sum
        weight = output.new_ones(n) if batch.weight is None else batch.weight
        loss, d_logits = compute_loss(
            "binary_cross_entropy", logits, batch.target, weight * head.out_features
        )
        d_output, head.weight.grad, head.bias.grad = backward(
            output, head.weight, d_logits
        )
        return loss.to(torch.float32), NextSteps(output, head), d_output
