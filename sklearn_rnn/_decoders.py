"""Networks as `draw` and `beam` call them, step by step, with arrays."""

import numpy as np
import torch

from sklearn_rnn import nn
from sklearn_rnn._codecs import BOUNDARY, UNKNOWN
from sklearn_rnn._decoding import Candidates


class WatchedDecoder:
    """A decoder that tells a progress bar what is done.

    Parameters
    ----------
    decoder : object
        As `draw` and `beam` call it.
    progress : Progress
    n_sequences : int
        Number of sequences that are written.
    width : int, default=1
        Number of rows of each of them.
    """

    def __init__(self, decoder, progress, n_sequences, width=1):
        self.decoder, self.progress = decoder, progress
        self.n_left, self.width = n_sequences, width

    def step(self, tokens, state):
        self.progress.advance(0, self.n_left)
        return self.decoder.step(tokens, state)

    def reorder(self, state, rows):
        self._leave(len(rows) // self.width)
        return self.decoder.reorder(state, rows)

    def finish(self):
        """Count the sequences that went on to the end."""
        self._leave(0)

    def _leave(self, n_left):
        self.progress.advance(self.n_left - n_left)
        self.n_left = n_left


class ModelDecoder:
    """A :class:`~sklearn_rnn.nn.NextStepModel` that `draw` calls step by step.

    The state is the class and the state of the layers of some rows, and for each
    sequence the number of its row: sequences with the same tokens so far share one.

    Parameters
    ----------
    module : NextStepModel
    has_classes : bool
        Whether the last column of its inputs is a class.
    reads_notes : bool
        Whether steps are sets of notes.
    """

    def __init__(self, module, has_classes, reads_notes):
        self.module = module
        self.has_classes, self.reads_notes = has_classes, reads_notes
        self.device = next(module.parameters()).device

    def start(self, prefix, codes):
        """Return log probabilities, or log odds, and the state after a prefix.

        Parameters
        ----------
        prefix : ndarray of shape (n_steps, n_columns)
        codes : ndarray of shape (n_rows,)
            Class of each row.
        """
        different, rows = np.unique(codes, return_inverse=True)
        inputs = np.concatenate(
            [np.zeros_like(prefix, shape=(1, prefix.shape[1])), prefix]
        )
        inputs = np.repeat(inputs[np.newaxis], len(different), axis=0)
        x = self._make_input(inputs, np.repeat(different, inputs.shape[1]))
        outputs, layers = self.module.encoder.run(self.module.inputs(x))
        logits = self.module.read_out(outputs[:, -1])
        return self._to_array(logits)[rows], (different, layers, rows)

    def step(self, tokens, state):
        codes, layers, rows = state
        first, new_rows = self._find_different(rows, tokens)
        codes, layers = self._take(codes, layers, rows[first])
        steps = np.reshape(tokens[first], (len(codes), 1, -1))
        logits, layers = self.module.step(self._make_input(steps, codes)[:, 0], layers)
        return self._to_array(logits)[new_rows], (codes, layers, new_rows)

    def reorder(self, state, rows):
        codes, layers, old_rows = state
        return codes, layers, old_rows[rows]

    def _find_different(self, rows, tokens):
        """Return sequences that differ from all others, and the number of each."""
        if self.reads_notes:
            return np.arange(len(rows)), np.arange(len(rows))
        pairs = rows * (tokens.max() + 1) + tokens
        _, first, new_rows = np.unique(pairs, return_index=True, return_inverse=True)
        return first, new_rows

    def _take(self, codes, layers, rows):
        if len(rows) == len(codes) and (rows[:-1] < rows[1:]).all():
            return codes, layers  # all, in their order
        index = torch.from_numpy(rows).to(self.device)
        layers = [
            nn.map_state(lambda s: s.index_select(0, index), layer) for layer in layers
        ]
        return codes[rows], layers

    def _make_input(self, steps, codes):
        """Return steps, (n_rows, n_steps, n_columns), as the module reads them."""
        if self.has_classes:
            column = np.reshape(codes + 1, (*steps.shape[:2], 1))
            steps = np.concatenate([steps, column], axis=2)
        x = torch.from_numpy(steps).to(self.device)
        return x.float() if self.reads_notes else x.long()

    def _to_array(self, logits):
        if self.reads_notes:
            return logits.float().double().cpu().numpy()
        # in the precision of `score_samples`
        return nn.log_probabilities(logits).float().double().cpu().numpy()


class SourceDecoder:
    """A :class:`~sklearn_rnn.nn.TranslationModel` that `beam` calls step by step.

    Parameters
    ----------
    module : TranslationModel
    inputs : dict of Tensor
        x and lengths of the sources.
    width : int
        Number of hypotheses of each source.
    """

    def __init__(self, module, inputs, width):
        self.decoder, self.width = module.decoder, width
        self.memory, self.layers = module.encode(**inputs)
        # as kernels read them, at each step
        self.keys = self.decoder.make_keys(self.memory).transpose(1, 2).contiguous()
        self.lengths = inputs["lengths"]

    def start(self):
        """Return candidates for the first token, and the state after."""
        n = len(self.memory)
        repeated = torch.arange(n).repeat_interleave(self.width)
        sources = self.memory, self.keys, self.lengths
        state = self._take_layers(self.layers, repeated), sources
        return self.step(np.full(n * self.width, BOUNDARY), state)

    def step(self, tokens, state):
        layers, (memory, keys, lengths) = state
        y = torch.from_numpy(tokens).to(memory.device).unsqueeze(1)
        logits, layers = self.decoder.step(
            y, layers, memory, keys.transpose(1, 2), lengths
        )
        return self._find_candidates(logits), (layers, (memory, keys, lengths))

    def reorder(self, state, rows):
        layers, sources = state
        layers = self._take_layers(layers, torch.from_numpy(rows))
        kept = rows[:: self.width] // self.width
        if len(kept) < len(sources[0]):
            index = torch.from_numpy(kept).to(sources[0].device)
            sources = tuple(
                None if s is None else s.index_select(0, index) for s in sources
            )
        return layers, sources

    def _find_candidates(self, logits):
        n = min(self.width, logits.shape[1])
        log_p, tokens = nn.find_most_probable(logits, n, UNKNOWN)
        return Candidates(log_p.cpu().numpy(), tokens.cpu().numpy())

    def _take_layers(self, layers, rows):
        rows = rows.to(self.memory.device)
        return [
            nn.map_state(lambda s: s.index_select(0, rows), layer) for layer in layers
        ]
