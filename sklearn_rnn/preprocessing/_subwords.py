"""Subwords: byte-level byte-pair encoding, by the package tokenizers."""

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
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    if lowercase:
        tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=_MAX_TOKENS if max_tokens is None else max_tokens,
        min_frequency=min_count,
        initial_alphabet=sorted(byte_level.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
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
