"""WordAttributes: convert words to ids of their form, prefix, suffix and shape."""

import re
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import murmurhash3_32
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import TokenIds
from sklearn_rnn.preprocessing._words import check_words
from sklearn_rnn.utils import Interval, fit_context

_UNKNOWN, _FIRST = 1, 2  # ids; 0 is reserved, as in SequenceTokenizer
_LONG_RUN = re.compile(r"(.)\1{4,}", re.DOTALL)


def get_shape(word):
    """Return X for capitals, x for letters, d for digits; cut runs after four."""
    kinds = (
        "X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c
        for c in word
    )
    return _LONG_RUN.sub(r"\1\1\1\1", "".join(kinds))


def get_prefix(length, word):
    return word.lower()[:length]


def get_suffix(length, word):
    return word.lower()[-length:]


_ATTRIBUTES = {
    "word": str,
    "lower": str.lower,
    "prefix": partial(get_prefix, 3),
    "suffix": partial(get_suffix, 3),
    "shape": get_shape,
    **{f"prefix{n}": partial(get_prefix, n) for n in (1, 2, 3, 4)},
    **{f"suffix{n}": partial(get_suffix, n) for n in (1, 2, 3, 4)},
}


def hash_attribute(name, word, n_buckets):
    """Return an id, at least 2, that depends neither on the process nor the machine."""
    key = f"{name}={_ATTRIBUTES[name](word)}"  # collisions differ between attributes
    key = key.encode("utf-8", "surrogatepass")
    return _FIRST + murmurhash3_32(key, positive=True) % n_buckets


def hash_words(words, attributes, n_buckets):
    """Return the ids of the attributes of each word; each distinct word is hashed once.

    Parameters
    ----------
    words : list of str
        The words.
    attributes : list of str
        Names of attributes.
    n_buckets : list of int
        Number of buckets of each attribute.

    Returns
    -------
    ids : ndarray of int64 of shape (n_words, n_attributes)
        Ids from 2 to n_buckets + 1.
    """
    columns = list(zip(attributes, n_buckets, strict=True))
    rows: dict[str, int] = {}
    index = [rows.setdefault(word, len(rows)) for word in words]
    ids = [[hash_attribute(name, word, n) for name, n in columns] for word in rows]
    table = np.array(ids, dtype=np.int64).reshape(len(rows), len(columns))
    return table[np.array(index, dtype=np.intp)]


class WordAttributes(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Convert words to ids of several attributes: lower case, prefix, suffix, shape.

    For sentences that are split into words. The estimator learns a separate embedding
    table for each attribute. Words that are not in the training data share attributes
    with those that are: "Floridian" may be new, but its suffix "ian" and its shape
    "Xxxxx" are not. spaCy represents words in the same way (MultiHashEmbed) [1]_.

    The value of an attribute is hashed into one of `n_buckets` ids, which limits the
    number of ids for any number of words [2]_. An id that occurs fewer than `min_count`
    times in `fit` becomes 1, the unknown id.

    Parameters
    ----------
    attributes : sequence of str, default=("lower", "prefix", "suffix", "shape")
        Attributes, one per column of the result.

        - "word": the word unchanged.
        - "lower": the word in lower case.
        - "prefix": the first three characters, in lower case.
        - "suffix": the last three characters, in lower case.
        - "prefix1" to "prefix4", "suffix1" to "suffix4": the given number of
          characters. A combination of several lengths tags new words better.
        - "shape": X for each capital letter, x for each other letter, d for each digit;
          other characters unchanged. Runs are cut after four characters: "McDonald's"
          becomes "XxXxxxx'x", "2026" becomes "dddd".

    n_buckets : int or sequence of int, default=1048576
        Number of hash buckets of all attributes, or of each attribute. Values in the
        same bucket share an id and a vector. With the default, collisions are rare. A
        small number limits the size of the embedding tables, which have one row for
        each id in the training data.
    min_count : int, default=1
        Tokens or attributes that occur fewer times in `fit` are unknown.

    Attributes
    ----------
    frequent_ids_ : list of ndarray
        Ids of each attribute that occur at least `min_count` times in `fit`, in
        ascending order.

    See Also
    --------
    SequenceTokenizer : One id per word, from a vocabulary, with ``level=None``.
    Stepwise : Numeric features of words, with ``DictVectorizer``.

    Notes
    -----
    With ``min_count=1``, the training data have no unknown attributes, so the
    estimators represent unknown attributes in new data by a vector of zeros. With
    ``min_count=2``, a vector for unknown attributes is learned from the rare ones.

    The hash is MurmurHash3 (32 bits), as in
    :class:`~sklearn.feature_extraction.FeatureHasher`. It does not depend on the
    process or on ``PYTHONHASHSEED``.

    :class:`~sklearn.pipeline.FeatureUnion` joins tables, not sequences, so it cannot
    combine these ids with those of :class:`SequenceTokenizer`. Include "word" or
    "lower" in `attributes`, with `min_count`, instead.

    References
    ----------
    .. [1] spaCy, "Model architectures: MultiHashEmbed".
       https://spacy.io/api/architectures#MultiHashEmbed
    .. [2] K. Weinberger, A. Dasgupta, J. Langford, A. Smola and J. Attenberg, "Feature
       Hashing for Large Scale Multitask Learning", ICML 2009.
       https://arxiv.org/abs/0902.2206

    Examples
    --------
    >>> from sklearn_rnn.preprocessing import WordAttributes
    >>> sentences = [["Floridians", "vote"], ["The", "Georgians", "voted", "."], []]
    >>> transformer = WordAttributes(n_buckets=[1000, 100, 100, 100])
    >>> ids = transformer.fit_transform(sentences)
    >>> ids
    RaggedArray(n_samples=3, n_features=4, n_steps=0..4, dtype=int64)
    >>> transformer.get_feature_names_out()
    array(['lower', 'prefix', 'suffix', 'shape'], dtype=object)
    >>> bool((ids[0][0, 2:] == ids[1][1, 2:]).all())  # "ans" and "Xxxxx"
    True
    """

    _parameter_constraints: dict = {
        "attributes": ["array-like"],
        "n_buckets": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "min_count": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        attributes=("lower", "prefix", "suffix", "shape"),
        *,
        n_buckets=1048576,
        min_count=1,
    ):
        self.attributes = attributes
        self.n_buckets = n_buckets
        self.min_count = min_count

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the frequent ids of each attribute.

        Parameters
        ----------
        X : list, object array or Series of list of str
            Sentences, split into words. A sentence may be empty.
        y : None
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError
            If a parameter is invalid, a word is not a string, or there are no words.
        """
        names, sizes = self._check_attributes(), self._check_buckets()
        words, _ = check_words(X)
        if not words:
            raise ValueError("X has no words: all sentences are empty.")
        frequent = []
        for column in hash_words(words, names, sizes).T:
            ids, counts = np.unique(column, return_counts=True)
            frequent.append(ids[counts >= self.min_count])
        self.frequent_ids_ = frequent
        self._attributes, self._n_buckets = names, sizes
        return self

    def transform(self, X):
        """Convert words to ids of their attributes.

        Parameters
        ----------
        X : list, object array or Series of list of str
            Sentences, split into words. A sentence may be empty.

        Returns
        -------
        ids : RaggedArray of int64, with a feature per attribute
            Ids of the attributes of each word: 1 if unknown, otherwise at least 2. An
            empty sentence stays empty.

        Raises
        ------
        ValueError, TypeError
            If a word is not a string.
        """
        check_is_fitted(self)
        words, offsets = check_words(X)
        ids = hash_words(words, self._attributes, self._n_buckets)
        for j, frequent in enumerate(self.frequent_ids_):
            ids[~np.isin(ids[:, j], frequent), j] = _UNKNOWN
        return TokenIds(ids, offsets)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output features: the attributes.

        Parameters
        ----------
        input_features : None
            Not used, present for API consistency by convention.

        Returns
        -------
        names : ndarray of str of shape (n_attributes,)
            The attributes.
        """
        check_is_fitted(self)
        return np.array(self._attributes, dtype=object)

    def _check_attributes(self):
        names = list(self.attributes)
        if not names or len(set(names)) < len(names) or not {*names} <= {*_ATTRIBUTES}:
            raise ValueError(
                "The 'attributes' parameter of WordAttributes must be some of "
                f"{list(_ATTRIBUTES)}, each once. Got {self.attributes!r} instead."
            )
        return names

    def _check_buckets(self):
        n_attributes = len(self.attributes)
        if isinstance(self.n_buckets, Integral):
            return [int(self.n_buckets)] * n_attributes
        sizes = list(self.n_buckets)
        if len(sizes) != n_attributes or not all(
            isinstance(size, Integral) and size >= 1 for size in sizes
        ):
            raise ValueError(
                "The 'n_buckets' parameter of WordAttributes must be an int >= 1, or "
                f"one for each of the {n_attributes} attributes. Got "
                f"{self.n_buckets!r} instead."
            )
        return [int(size) for size in sizes]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
