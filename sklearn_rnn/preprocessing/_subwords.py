"""Subwords: byte-level byte-pair encoding, by the package tokenizers."""

import json

import numpy as np

_N_BYTES = 256  # tokens of one byte: no text has an unknown token
_MAX_TOKENS = 8000  # of max_tokens=None


def train_subwords(texts, max_tokens, min_count, lowercase):
    """Return a trained tokenizer of the package tokenizers; its ids start at 0."""
    if max_tokens is not None and max_tokens < _N_BYTES:
        raise ValueError(
            "The 'max_tokens' parameter must be at least 256 with level='subword': "
            f"each byte is a token. Got {max_tokens} instead."
        )
    tokenizers = _import_tokenizers()
    tokenizer = _make_tokenizer(tokenizers, tokenizers.models.BPE(), lowercase)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=_MAX_TOKENS if max_tokens is None else max_tokens,
        min_frequency=min_count,
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    return tokenizer


def list_merges(tokenizer):
    """Return the ids of the tokens that are merged, in order, (n_merges, 2)."""
    ids = tokenizer.get_vocab()
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return np.array([[ids[a], ids[b]] for a, b in merges], np.int64).reshape(-1, 2)


def restore_subwords(ids, merges, lowercase):
    """Return a trained tokenizer.

    Parameters
    ----------
    ids : dict of str to int
        Tokens and their ids, from 0 on.
    merges : ndarray of shape (n_merges, 2)
        As from `list_merges`.
    lowercase : bool
        Whether texts are read in lower case.

    Raises
    ------
    ValueError
        If these are no merges of these tokens.
    """
    tokens = sorted(ids, key=ids.get)
    if [ids[token] for token in tokens] != list(range(len(tokens))):
        raise ValueError("the ids of subwords must have no gaps.")
    if merges.size and not 0 <= merges.min() <= merges.max() < len(tokens):
        raise ValueError("the merges of subwords must be of their ids.")
    pairs = [(tokens[a], tokens[b]) for a, b in merges.tolist()]
    if any(a + b not in ids for a, b in pairs):
        raise ValueError("the merges of subwords must be to subwords.")
    tokenizers = _import_tokenizers()
    model = tokenizers.models.BPE(vocab=ids, merges=pairs)
    return _make_tokenizer(tokenizers, model, lowercase)


def _make_tokenizer(tokenizers, model, lowercase):
    tokenizer = tokenizers.Tokenizer(model)
    if lowercase:
        tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    return tokenizer


def _import_tokenizers():
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "level='subword' needs the package tokenizers: "
            "pip install 'sklearn-rnn[subword]'. level='char' and 'word' do without."
        ) from error
    return tokenizers
