"""SequenceTokenizer: convert strings to sequences of token ids."""

import re
from collections import Counter
from itertools import chain, pairwise
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import (
    RaggedArray,
    TokenIds,
    check_texts,
    lengths_to_offsets,
)
from sklearn_rnn.preprocessing._subwords import (
    list_merges,
    restore_subwords,
    train_subwords,
)
from sklearn_rnn.preprocessing._words import check_words
from sklearn_rnn.utils import (
    AdviceMixin,
    HasMethods,
    Interval,
    Kind,
    StrOptions,
    array_of,
    fit_context,
    may_lack,
)

_PADDING, _UNKNOWN, _FIRST = 0, 1, 2  # ids; those of tokens start at _FIRST
_SPLITTERS = {"char": list, "word": re.compile(r"\w+|[^\w\s]").findall}
_READY = HasMethods(["encode_batch", "decode_batch", "get_vocab"])
_ADVICE = (
    "Join tokens to one string, or set level=None, for sentences that are split into "
    "words."
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def get_tokens(X, level, lowercase):
    """Return the tokens of each text; the words of each sentence if level is None."""
    if level is not None:
        return split_texts(check_texts(X, advice=_ADVICE), level, lowercase)
    words, offsets = check_words(X)
    if lowercase:
        words = [word.lower() for word in words]
    return [words[start:stop] for start, stop in pairwise(offsets.tolist())]


def split_texts(texts, level, lowercase):
    """Return the tokens of each text, split by the analyzer of CountVectorizer."""
    splitter = _SPLITTERS[level] if isinstance(level, str) else level
    analyze = CountVectorizer(
        lowercase=lowercase, tokenizer=splitter, token_pattern=None
    ).build_analyzer()
    tokens = [analyze(text) for text in texts]
    for i, found in enumerate(tokens):
        if not isinstance(found, list | tuple):
            raise TypeError(
                "The 'level' parameter of SequenceTokenizer, if a callable, must "
                f"return a list of strings. Got {type(found).__name__} for X[{i}]."
            )
    return tokens


def make_vocabulary(tokens, max_tokens, min_count):
    """Return the ids of the frequent tokens, the most frequent first."""
    counts = Counter(chain.from_iterable(tokens))
    for token in counts:
        if not isinstance(token, str):
            raise TypeError(
                "The 'level' parameter of SequenceTokenizer, if a callable, must "
                f"return a list of strings. Got {token!r} in one."
            )
    kept = [token for token, count in counts.items() if count >= min_count]
    if not kept:
        raise ValueError(
            f"The vocabulary is empty: no token occurs min_count={min_count} time(s)."
        )
    kept.sort(key=lambda token: (-counts[token], token))
    return {token: i for i, token in enumerate(kept[:max_tokens], start=_FIRST)}


def encode_ready(texts, tokenizer):
    """Return the ids of each text from a trained tokenizer, without its padding."""
    encodings = tokenizer.encode_batch(texts)
    if tokenizer.padding is None:
        return [encoding.ids for encoding in encodings]
    return [
        [i for i, valid in zip(e.ids, e.attention_mask, strict=True) if valid]
        for e in encodings
    ]


def check_ids(X, known):
    """Return X as a RaggedArray of known ids."""
    X = X if isinstance(X, RaggedArray) else RaggedArray.from_sequences(X)
    if X.n_features != 1:
        raise ValueError(
            f"X must have one token id per step. Got {X.n_features} per step."
        )
    bad = ~np.isin(X.values.ravel(), list(known))
    if bad.any():
        first = int(bad.argmax())
        i = int(np.searchsorted(X.offsets, first, side="right")) - 1
        raise ValueError(
            f"X[{i}] has {X.values[first, 0]} at step {first - X.offsets[i]}, which is "
            "not the id of a token."
        )
    return X


class SequenceTokenizer(
    AdviceMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Convert strings to sequences of token ids.

    Used in a pipeline before an estimator such as :class:`~sklearn_rnn.RNNClassifier`,
    which learns an embedding vector of size `embedding_dim` for each id. The vocabulary
    is learned in `fit`, so in a pipeline it contains no words from the test set.

    Parameters
    ----------
    level : {"word", "char", "subword"}, None, callable or tokenizer, default="word"
        Unit of a token.

        - "word": each word, number and punctuation mark. "don't" is three tokens.
        - "char": each character, including spaces and line breaks. Suitable for names,
          codes and small data sets.
        - "subword": frequent sequences of bytes, found by byte-pair encoding in `fit`
          [1]_. No text has unknown tokens. Requires the package ``tokenizers``.
        - a callable: ``level(text)`` returns a list of strings. Use `str.split` for
          text whose tokens are separated by spaces.
        - None: X is a list of sentences that are lists of words, and each word is a
          token. An empty sentence stays empty.
        - a trained tokenizer of the ``tokenizers`` package: its ids are used unchanged,
          with its own normalisation, unknown token and truncation. The parameters below
          do not apply.
    max_tokens : int or None, default=None
        Maximum size of the vocabulary: the most frequent tokens are kept, the others
        are unknown. None means no limit; 8,000 with ``level="subword"``.
    min_count : int, default=1
        Tokens or attributes that occur fewer times in `fit` are unknown.
    lowercase : bool, default=True
        Whether to convert all characters to lower case first.
    begin : bool, default=False
        Whether each sequence begins with `begin_id_`.
    end : bool, default=False
        Whether each sequence ends with `end_id_`.

    Attributes
    ----------
    vocabulary_ : dict
        Id of each token. The most frequent token has id 2; ties are in alphabetical
        order.
    padding_id_ : int
        Id of padding, 0. With a trained tokenizer, it is the first id after its
        vocabulary. A text without tokens becomes one step with this id, unless
        ``level=None``.
    unknown_id_ : int or None
        Id of all tokens outside the vocabulary, 1. With a trained tokenizer, it is
        None, because the tokenizer handles unknown tokens itself.
    begin_id_ : int or None
        Id of the step before the first token, after those of the vocabulary; None with
        ``begin=False``.
    end_id_ : int or None
        Id of the step after the last token; None with ``end=False``.
    tokenizer_ : tokenizers.Tokenizer
        Trained tokenizer. Defined only with ``level="subword"``.

    See Also
    --------
    sklearn.feature_extraction.text.CountVectorizer : Counts of tokens, regardless of
        their order. Its analyzer is used to split texts.
    WordAttributes : Ids of the lower case, prefix, suffix and shape of words.

    Notes
    -----
    With ``min_count=1`` and no `max_tokens`, training texts have no unknown tokens, so
    the estimators of steps represent unknown ones in new texts by zeros. With
    ``min_count=2``, a vector for unknown tokens is learned from the rare ones.

    If the vocabulary has a single token, sequences differ only in length. An empty
    vocabulary is an error.

    References
    ----------
    .. [1] R. Sennrich, B. Haddow, A. Birch, "Neural machine translation of rare words
       with subword units", ACL 2016.

    Examples
    --------
    >>> from sklearn_rnn.preprocessing import SequenceTokenizer
    >>> tokenizer = SequenceTokenizer().fit(["A good film.", "Not good."])
    >>> tokenizer.vocabulary_
    {'.': 2, 'good': 3, 'a': 4, 'film': 5, 'not': 6}
    >>> X = tokenizer.transform(["A good book.", ""])
    >>> [x.ravel().tolist() for x in X]
    [[4, 3, 1, 2], [0]]
    >>> tokenizer.inverse_transform(X)
    ['a good � .', '']

    For sentences that are split into words:

    >>> tokenizer = SequenceTokenizer(level=None)
    >>> X = tokenizer.fit_transform([["A", "good", "film"], ["Good", "!"], []])
    >>> [x.ravel().tolist() for x in X]
    [[4, 2, 5], [2, 3], []]
    """

    _parameter_constraints: dict = {
        "level": [StrOptions({*_SPLITTERS, "subword"}), callable, _READY, None],
        "max_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "min_count": [Interval(Integral, 1, None, closed="left")],
        "lowercase": ["boolean"],
        "begin": ["boolean"],
        "end": ["boolean"],
    }

    _learned = {
        "vocabulary_": Kind(
            "a dict of str and their different ids >= 2",
            lambda v, s: (
                isinstance(v, dict)
                and all(isinstance(token, str) for token in v)
                and all(type(i) is int and i > _UNKNOWN for i in v.values())
                and len(set(v.values())) == len(v) > 0
            ),
        ),
        "padding_id_": Kind(str(_PADDING), lambda v, s: v == _PADDING),
        "unknown_id_": Kind(str(_UNKNOWN), lambda v, s: v == _UNKNOWN),
        "merges": may_lack(  # of subwords
            Kind(
                "pairs of int64",
                lambda v, s: (
                    array_of("i", 2).fits(v, s)
                    and v.dtype == np.int64
                    and v.shape[1] == 2
                ),
            )
        ),
    }

    def __init__(
        self,
        level="word",
        *,
        max_tokens=None,
        min_count=1,
        lowercase=True,
        begin=False,
        end=False,
    ):
        self.level = level
        self.max_tokens = max_tokens
        self.min_count = min_count
        self.lowercase = lowercase
        self.begin = begin
        self.end = end

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the vocabulary.

        Parameters
        ----------
        X : list, 1-D array or Series of str
            The texts. With ``level=None``, sentences as lists of words.
        y : None
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError
            If a text or word is not a string, or the vocabulary is empty.
        ImportError
            If ``level="subword"`` and the package ``tokenizers`` is missing.
        """
        vars(self).pop("tokenizer_", None)
        if self._is_ready():
            check_texts(X, advice=_ADVICE)
            vocabulary = self._get_ready_vocabulary()
            padding, unknown = max(vocabulary.values()) + 1, None
        else:
            vocabulary = self._learn_vocabulary(X)
            padding, unknown = _PADDING, _UNKNOWN
        self.vocabulary_ = vocabulary
        self.padding_id_, self.unknown_id_ = padding, unknown
        return self

    def transform(self, X):
        """Convert texts to ids.

        Parameters
        ----------
        X : list, 1-D array or Series of str
            The texts. With ``level=None``, sentences as lists of words.

        Returns
        -------
        ids : RaggedArray of int64, with one feature
            Ids of the tokens of each text. Without `begin` and `end`, a text without
            tokens becomes `padding_id_` or, with ``level=None``, an empty sequence.

        Raises
        ------
        ValueError, TypeError
            If a text or word is not a string.
        """
        ids = self._encode(X)
        begin, end = ([i] * (i is not None) for i in (self.begin_id_, self.end_id_))
        if begin or end:
            ids = [[*begin, *found, *end] for found in ids]
        elif self.level is not None:
            ids = [found or [self.padding_id_] for found in ids]
        values = np.fromiter(chain.from_iterable(ids), dtype=np.int64)
        return TokenIds(values, lengths_to_offsets([len(found) for found in ids]))

    def inverse_transform(self, X):
        """Convert ids to texts.

        Parameters
        ----------
        X : RaggedArray or list of array-like of shape (n_steps_i,)
            Ids of tokens. Padding, begin and end are ignored.

        Returns
        -------
        texts : list of str
            The tokens, separated by spaces unless ``level="char"``, with "�" for
            unknown tokens. With subwords or a trained tokenizer, its decoded texts.
            With ``level=None``, a list of lists of words.

        Raises
        ------
        ValueError
            If a value is not the id of a token.
        """
        check_is_fitted(self)
        token_of = {i: token for token, i in self.vocabulary_.items()}
        if self.unknown_id_ is not None:
            token_of[self.unknown_id_] = _REPLACEMENT
        ignored = [self.padding_id_, self.begin_id_, self.end_id_]
        ignored = [i for i in ignored if i is not None]
        X = check_ids(X, {*token_of, *ignored})
        is_token = ~np.isin(X.values, ignored)
        ends = lengths_to_offsets(is_token.ravel())[X.offsets].tolist()
        values = X.values[is_token].astype(int).tolist()
        ids = [values[a:b] for a, b in pairwise(ends)]
        if self._is_ready():
            return self.level.decode_batch(ids)
        if self.level == "subword":
            known = [[i - _FIRST for i in found if i != _UNKNOWN] for found in ids]
            return self.tokenizer_.decode_batch(known)
        tokens = [[token_of[i] for i in found] for found in ids]
        if self.level is None:
            return tokens
        space = "" if self.level == "char" else " "
        return [space.join(found) for found in tokens]

    def get_feature_names_out(self, input_features=None):
        """Return the name of the output feature.

        Parameters
        ----------
        input_features : None
            Not used, present for API consistency by convention.

        Returns
        -------
        names : ndarray of str of shape (1,)
            ``["token_id"]``. The tokens themselves are in `vocabulary_`.
        """
        check_is_fitted(self)
        return np.array(["token_id"], dtype=object)

    @property
    def begin_id_(self):
        """Id of the step before the first token; None with ``begin=False``."""
        return self._first_free_id() if self.begin else None

    @property
    def end_id_(self):
        """Id of the step after the last token; None with ``end=False``."""
        return self._first_free_id() + self.begin if self.end else None

    def _first_free_id(self):
        check_is_fitted(self, "vocabulary_")
        return max(self.padding_id_, *self.vocabulary_.values()) + 1

    def _learn_vocabulary(self, X):
        if self.level != "subword":
            tokens = get_tokens(X, self.level, self.lowercase)
            return make_vocabulary(tokens, self.max_tokens, self.min_count)
        self.tokenizer_ = train_subwords(
            check_texts(X, advice=_ADVICE),
            self.max_tokens,
            self.min_count,
            self.lowercase,
        )
        return {t: i + _FIRST for t, i in self.tokenizer_.get_vocab().items()}

    def _pack_learned(self, learned):
        """Return what was learned with plain values in place of a tokenizer."""
        tokenizer = learned.pop("tokenizer_", None)
        return (
            learned
            if tokenizer is None
            else {**learned, "merges": list_merges(tokenizer)}
        )

    def _unpack_learned(self, packed):
        """Return what `_pack_learned` had, or raise ValueError."""
        if ("merges" in packed) != (self.level == "subword"):
            raise ValueError("subwords, and no other tokens, must have merges.")
        if "merges" not in packed:
            return packed
        learned = dict(packed)
        ids = {t: i - _FIRST for t, i in learned["vocabulary_"].items()}
        tokenizer = restore_subwords(ids, learned.pop("merges"), self.lowercase)
        return {**learned, "tokenizer_": tokenizer}

    def _encode(self, X):
        """Return the ids of each text; none for a text without tokens."""
        check_is_fitted(self, "vocabulary_")
        if self._is_ready():
            return encode_ready(check_texts(X, advice=_ADVICE), self.level)
        if self.level == "subword":
            ids = encode_ready(check_texts(X, advice=_ADVICE), self.tokenizer_)
            return [[i + _FIRST for i in found] for found in ids]
        get = self.vocabulary_.get
        tokens = get_tokens(X, self.level, self.lowercase)
        return [[get(token, _UNKNOWN) for token in found] for found in tokens]

    def _is_ready(self):
        return _READY.is_satisfied_by(self.level)

    def _get_ready_vocabulary(self):
        if self.max_tokens is not None or self.min_count != 1:
            raise ValueError(
                "The 'level' parameter of SequenceTokenizer is a trained tokenizer "
                "with its own vocabulary: use max_tokens=None and min_count=1. Got "
                f"max_tokens={self.max_tokens} and min_count={self.min_count} instead."
            )
        vocabulary = self.level.get_vocab()
        if not vocabulary:
            raise ValueError("The vocabulary is empty: the tokenizer is not trained.")
        return vocabulary

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
