"""Translators: training and beams; samples of a generator. Part of bench_speed.py.

Opponents are hand-written: the same layers in PyTorch, trained with the same
mini-batches, all target steps in one call; a batched beam search; batched draws, until
the last row has ended.
"""

import numpy as np
import torch
from _timing import show_ratio, time_in_turn
from torch import nn

from sklearn_rnn import RNNGenerator, RNNTranslator

N_WORDS, SIZE, BATCH, N_BATCHES, N_SAMPLES = 4000, 256, 64, 12, 1000
END, MAX_LENGTH = 0, 20


class HandWritten(nn.Module):
    """Encoder in both directions, decoder, and attention between their states."""

    def __init__(self):
        super().__init__()
        self.source = nn.Embedding(N_WORDS, SIZE)
        self.target = nn.Embedding(N_WORDS, SIZE)
        self.encoder = nn.GRU(SIZE, SIZE, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(SIZE, SIZE, batch_first=True)
        self.bridge = nn.Linear(2 * SIZE, SIZE)
        self.key = nn.Linear(2 * SIZE, SIZE, bias=False)
        self.combine = nn.Linear(3 * SIZE, SIZE, bias=False)
        self.head = nn.Linear(SIZE, N_WORDS)
        self.head.weight = self.target.weight
        self.dropout = nn.Dropout(0.2)

    def encode(self, x, lengths):
        """Return memory, keys, first state of the decoder, and where padding is."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(self.source(x)),
            lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        memory, ends = self.encoder(packed)
        memory, _ = nn.utils.rnn.pad_packed_sequence(memory, batch_first=True)
        memory = self.dropout(memory)
        start = torch.tanh(self.bridge(torch.cat([ends[0], ends[1]], dim=1)))
        padding = torch.arange(x.shape[1]) >= lengths.unsqueeze(1)
        return memory, self.key(memory), start.unsqueeze(0), padding

    def decode(self, y, state, memory, keys, padding):
        """Return the logits of all target steps, and the last state."""
        states, state = self.decoder(self.dropout(self.target(y)), state)
        scores = states @ keys.transpose(1, 2)
        scores = scores.masked_fill(padding.unsqueeze(1), -torch.inf)
        contexts = torch.softmax(scores, dim=2) @ memory
        outputs = torch.tanh(self.combine(torch.cat([states, contexts], dim=2)))
        return self.head(self.dropout(outputs)), state


def fit_by_hand(X, y):
    """Train for one epoch; a 0 begins and ends each target."""
    model = HandWritten()
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    loss_function = nn.CrossEntropyLoss(ignore_index=-1, label_smoothing=0.1)
    end, pad = torch.tensor([END]), nn.utils.rnn.pad_sequence
    for rows in torch.randperm(len(X)).split(BATCH):
        lengths = torch.tensor([len(X[i]) for i in rows])
        x = pad([X[i] for i in rows], batch_first=True)
        before = pad([torch.cat([end, y[i]]) for i in rows], batch_first=True)
        after = pad(
            [torch.cat([y[i], end]) for i in rows], batch_first=True, padding_value=-1
        )
        adam.zero_grad()
        memory, keys, state, padding = model.encode(x, lengths)
        logits, _ = model.decode(before, state, memory, keys, padding)
        loss_function(logits.flatten(0, 1), after.flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
    return model.eval()


@torch.inference_mode()
def search_by_hand(model, X, width):
    """Return the tokens of the best hypothesis of each batch of sources."""
    found = []
    for rows in torch.arange(len(X)).split(BATCH):
        lengths = torch.tensor([len(X[i]) for i in rows])
        x = nn.utils.rnn.pad_sequence([X[i] for i in rows], batch_first=True)
        memory, keys, state, padding = model.encode(x, lengths)
        n = len(rows)
        sources = [t.repeat_interleave(width, 0) for t in (memory, keys, padding)]
        state = state.repeat_interleave(width, 1)
        total = torch.full((n, width), -torch.inf)
        total[:, 0] = 0
        ended = torch.zeros(n, width, dtype=torch.bool)
        tokens = torch.full((n, width, 1), END)
        for _ in range(MAX_LENGTH + 1):
            last = tokens[:, :, -1].reshape(-1, 1)
            logits, state = model.decode(
                last, state, sources[0], sources[1], sources[2]
            )
            log_p = torch.log_softmax(logits[:, 0], dim=1).view(n, width, -1)
            log_p[ended] = -torch.inf
            log_p[..., END].masked_fill_(ended, 0)
            total, best = (total.unsqueeze(2) + log_p).flatten(1).topk(width, dim=1)
            parents, chosen = best // N_WORDS, best % N_WORDS
            state = state[:, (parents + width * torch.arange(n).unsqueeze(1)).flatten()]
            tokens = torch.cat(
                [
                    tokens.gather(1, parents.unsqueeze(2).expand_as(tokens)),
                    chosen.unsqueeze(2),
                ],
                dim=2,
            )
            ended = ended.gather(1, parents) | (chosen == END)
            if ended.all():
                break
        found.append(tokens[:, 0])
    return found


@torch.inference_mode()
def sample_by_hand(embedding, layer, head):
    """Return rows of tokens; all are drawn until the last one has ended."""
    token, state, drawn = torch.full((N_SAMPLES, 1), END), None, []
    ended = torch.zeros(N_SAMPLES, 1, dtype=torch.bool)
    for _ in range(MAX_LENGTH):
        output, state = layer(embedding(token), state)
        token = torch.multinomial(torch.softmax(head(output[:, 0]), dim=1), 1)
        drawn.append(token)
        ended |= token == END
        if ended.all():
            break
    return torch.cat(drawn, dim=1)


def draw_pairs(rng, n):
    """Return sources and targets of 8 to 19 random words."""
    return [
        [rng.integers(2, N_WORDS, rng.integers(8, 20)) for _ in range(n)]
        for _ in range(2)
    ]


def compare_translator(n_rounds):
    """Return the ratios PyTorch over `RNNTranslator`: a fit, and beams of five."""
    rng = np.random.default_rng(0)
    X, y = draw_pairs(rng, BATCH * N_BATCHES)
    X_torch, y_torch = ([torch.from_numpy(row) for row in rows] for rows in (X, y))
    translator = RNNTranslator(
        max_epochs=1,
        batch_size=BATCH,
        beam_size=5,
        max_length=MAX_LENGTH,
        random_state=0,
    )
    targets = [row.tolist() for row in y]
    fits = [lambda: translator.fit(X, targets), lambda: fit_by_hand(X_torch, y_torch)]
    own, hand = time_in_turn(fits, n_rounds, pause=0.3)
    model, n = fit_by_hand(X_torch, y_torch), 3 * BATCH
    for head in (model.head, translator.module_.decoder.head):
        head.bias.data[END] = -1e3  # all hypotheses have the maximum length
    searches = [
        lambda: translator.predict(X[:n]),  # cut, with a warning
        lambda: search_by_hand(model, X_torch[:n], 5),
    ]
    own_beam, hand_beam = time_in_turn(searches, n_rounds, pause=0.3)
    return show_ratio(hand, own), show_ratio(hand_beam, own_beam)


def compare_samples(n_rounds):
    """Return the ratio PyTorch over `RNNGenerator.sample`, with the same weights."""
    rng = np.random.default_rng(0)
    names = [
        "".join(rng.choice(list("abcdefgh"), rng.integers(3, 10))) for _ in range(400)
    ]
    generator = RNNGenerator(max_epochs=2, random_state=0).fit(names)
    module = generator.module_
    layers = module.inputs.table, module.encoder.forward_layers[0].rnn, module.head
    samples = [
        lambda: generator.sample(N_SAMPLES, max_length=MAX_LENGTH, random_state=0),
        lambda: sample_by_hand(*layers),
    ]
    own, hand = time_in_turn(samples, 5 * n_rounds, pause=0.1)
    return show_ratio(hand, own)
