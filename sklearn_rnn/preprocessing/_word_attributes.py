"""WordAttributes: convert words to ids of their attributes and characters."""

import re
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import murmurhash3_32
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import TokenIds, group_columns
from sklearn_rnn.preprocessing._words import check_words
from sklearn_rnn.utils import (
    COUNT,
    TEXT,
    Interval,
    Kind,
    array_of,
    fit_context,
    list_of,
)

_UNKNOWN, _FIRST = 1, 2  # ids; 0 is reserved, as in SequenceTokenizer
_CHARACTERS = "characters"
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


def spell(word, n_characters):
    """Return the ids of the characters of a word, and zeros after them.

    A longer word keeps its first and its last characters, half of `n_characters`
    each.
    """
    if len(word) > n_characters:
        n_last = n_characters // 2
        word = word[: n_characters - n_last] + word[-n_last:]
    ids = [_FIRST + ord(character) for character in word]
    return ids + [0] * (n_characters - len(ids))


def read_words(words, attributes, sizes):
    """Return the ids of the attributes of each word; each distinct word is read once.

    Parameters
    ----------
    words : list of str
        The words.
    attributes : list of str
        Names of attributes.
    sizes : list of int
        Number of buckets of each attribute; of "characters", number of columns.

    Returns
    -------
    ids : ndarray of int64 of shape (n_words, n_columns)
        Ids from 2 on. Characters have one column each, 0 after the last one.
    """
    rows: dict[str, int] = {}
    index = [rows.setdefault(word, len(rows)) for word in words]
    pairs = list(zip(attributes, sizes, strict=True))
    ids = [_read_word(word, pairs) for word in rows]
    n_columns = sum(_count_columns(*pair) for pair in pairs)
    table = np.array(ids, dtype=np.int64).reshape(len(rows), n_columns)
    return table[np.array(index, dtype=np.intp)]


def _read_word(word, pairs):
    """Return the ids of all attributes of a word."""
    ids = []
    for name, size in pairs:
        if name == _CHARACTERS:
            ids += spell(word, size)
        else:
            ids.append(hash_attribute(name, word, size))
    return ids


def _count_columns(name, size):
    return size if name == _CHARACTERS else 1


class WordAttributes(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Convert words to ids of attributes: lower case, suffix, shape, characters.

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
        - "characters": all characters, in `n_characters` columns. The estimators read
          each word with a small recurrent network [3]_, which learns the prefixes,
          suffixes and shapes that matter. It is slower than the other attributes, and
          tags rare and new words better.

    n_buckets : int or sequence of int, default=1048576
        Number of hash buckets of all attributes, or of each attribute but "characters".
        Values in the same bucket share an id and a vector. With the default, collisions
        are rare. A small number limits the size of the embedding tables, which have one
        row for each id in the training data.
    n_characters : int, default=16
        Number of columns of "characters". Longer words keep their first and last
        characters, half of the columns each.
    min_count : int, default=1
        Tokens or attributes that occur fewer times in `fit` are unknown.

    Attributes
    ----------
    frequent_ids_ : list of ndarray
        Ids of each attribute that occur at least `min_count` times in `fit`, in
        ascending order. The id of a character is its code point plus 2.

    See Also
    --------
    SequenceTokenizer : One id per word, from a vocabulary, with ``level=None``.
    Stepwise : Numeric features of words, with ``DictVectorizer``.

    Notes
    -----
    With ``min_count=1``, the training data have no unknown attributes, so the
    estimators of steps represent unknown ones in new data by a vector of zeros. With
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
    .. [3] G. Lample, M. Ballesteros, S. Subramanian, K. Kawakami, C. Dyer, "Neural
       architectures for named entity recognition", NAACL 2016.
       https://arxiv.org/abs/1603.01360

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

    The characters of each word, beside the word itself:

    >>> transformer = WordAttributes(("lower", "characters"), n_characters=6)
    >>> ids = transformer.fit_transform(sentences)
    >>> ids.n_features
    7
    >>> [chr(i - 2) for i in ids[0][1, 1:] if i > 1]
    ['v', 'o', 't', 'e']
    """

    _parameter_constraints: dict = {
        "attributes": ["array-like"],
        "n_buckets": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "n_characters": [Interval(Integral, 2, None, closed="left")],
        "min_count": [Interval(Integral, 1, None, closed="left")],
    }

    _learned = {
        "_attributes": Kind(
            "a list of different names of attributes",
            lambda v, s: (
                list_of(TEXT).fits(v, s)
                and set(v) <= {*_ATTRIBUTES, _CHARACTERS}
                and len(set(v)) == len(v) > 0
            ),
        ),
        "_sizes": Kind(
            "a number of ids, or of characters, for each attribute",
            lambda v, s: (
                list_of(COUNT).fits(v, s)
                and len(v) == len(s["_attributes"])
                and min(v) >= 1
                and max(v) < 2**31
            ),
        ),
        "frequent_ids_": Kind(
            "an array of int64 for each attribute",
            lambda v, s: (
                list_of(array_of("i")).fits(v, s)
                and len(v) == len(s["_attributes"])
                and all(ids.dtype == np.int64 for ids in v)
            ),
        ),
    }

    def __init__(
        self,
        attributes=("lower", "prefix", "suffix", "shape"),
        *,
        n_buckets=1048576,
        n_characters=16,
        min_count=1,
    ):
        self.attributes = attributes
        self.n_buckets = n_buckets
        self.n_characters = n_characters
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
        names = self._check_attributes()
        sizes = self._check_sizes(names)
        words, _ = check_words(X)
        if not words:
            raise ValueError("X has no words: all sentences are empty.")
        values = read_words(words, names, sizes)
        self._attributes, self._sizes = names, sizes
        self.frequent_ids_ = []
        for columns in self._group_columns():
            ids, counts = np.unique(values[:, columns], return_counts=True)
            self.frequent_ids_.append(ids[(counts >= self.min_count) & (ids > 0)])
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
            Ids of the attributes of each word: 1 if unknown, otherwise at least 2.
            "characters" gives `n_characters` features, 0 after the last character. An
            empty sentence stays empty.

        Raises
        ------
        ValueError, TypeError
            If a word is not a string.
        """
        check_is_fitted(self)
        words, offsets = check_words(X)
        ids = read_words(words, self._attributes, self._sizes)
        for columns, frequent in zip(
            self._group_columns(), self.frequent_ids_, strict=True
        ):
            values = ids[:, columns]
            known = np.isin(values, frequent) | (values == 0)
            ids[:, columns] = np.where(known, values, _UNKNOWN)
        return TokenIds(ids, offsets, self._find_characters())

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output features: the attributes.

        Parameters
        ----------
        input_features : None
            Not used, present for API consistency by convention.

        Returns
        -------
        names : ndarray of str of shape (n_features,)
            The attributes; "characters0", "characters1", ... for "characters".
        """
        check_is_fitted(self)
        names = list(self._attributes)
        if _CHARACTERS in names:
            j = names.index(_CHARACTERS)
            names[j : j + 1] = [f"{_CHARACTERS}{i}" for i in range(self._sizes[j])]
        return np.array(names, dtype=object)

    def _find_characters(self):
        """Return the columns of the characters of a word, if there are any."""
        if _CHARACTERS not in self._attributes:
            return None
        start = self._attributes.index(_CHARACTERS)  # the others have a column each
        return range(start, start + self._sizes[start])

    def _group_columns(self):
        """Return the columns of each attribute."""
        pairs = zip(self._attributes, self._sizes, strict=True)
        n_columns = sum(_count_columns(*pair) for pair in pairs)
        return group_columns(range(n_columns), self._find_characters())

    def _check_attributes(self):
        names = list(self.attributes)
        known = [*_ATTRIBUTES, _CHARACTERS]
        if not names or len(set(names)) < len(names) or not {*names} <= {*known}:
            raise ValueError(
                "The 'attributes' parameter of WordAttributes must be some of "
                f"{known}, each once. Got {self.attributes!r} instead."
            )
        return names

    def _check_sizes(self, names):
        """Return the number of ids of each attribute, the length of "characters"."""
        sizes = self._check_buckets(sum(name != _CHARACTERS for name in names))
        if _CHARACTERS in names:
            sizes.insert(names.index(_CHARACTERS), int(self.n_characters))
        return sizes

    def _check_buckets(self, n_hashed):
        if isinstance(self.n_buckets, Integral):
            return [int(self.n_buckets)] * n_hashed
        sizes = list(self.n_buckets)
        if len(sizes) != n_hashed or not all(
            isinstance(size, Integral) and size >= 1 for size in sizes
        ):
            raise ValueError(
                "The 'n_buckets' parameter of WordAttributes must be an int >= 1, or "
                f"one for each of the {n_hashed} attributes with one id per word. Got "
                f"{self.n_buckets!r} instead."
            )
        return [int(size) for size in sizes]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
