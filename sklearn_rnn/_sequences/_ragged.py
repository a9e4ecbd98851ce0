"""RaggedArray: all steps of all sequences end to end, plus offsets."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sklearn_rnn._sequences._containers import read_container
from sklearn_rnn._sequences._ragged_storage import (
    from_list_array,
    read_folder,
    to_large_list,
    write_folder,
)

_UNKNOWN = -1  # a length that nobody has asked for yet


class RaggedArray:
    """Sequences of different lengths in one block of memory.

    The steps of all sequences stand end to end in `values`; sequence ``i`` is
    ``values[offsets[i]:offsets[i + 1]]``. It is indexed like an array of sequences,
    so that the splitters, searches and :func:`~sklearn.utils.resample` of
    scikit-learn take it unmodified, and joblib memory-maps `values` for its workers.
    It cannot be changed: NumPy sees a one-dimensional array of objects, the sequences.

    Parameters
    ----------
    values : array-like of shape (n_total_steps, n_features) or (n_total_steps,)
        All steps of the first sequence, then all of the second, and so on. Not copied
        if it is an array already: later changes to that array are seen here.
        One-dimensional: one feature.
    offsets : array-like of int of shape (n_samples + 1,)
        Where each sequence begins, and where the last one ends. Ascending, copied.
        Steps before the first and after the last are left out.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the features, which an estimator keeps as `feature_names_in_`.
        Transformers that know them pass them on. None if they have none.

    Attributes
    ----------
    values : ndarray of shape (n_total_steps, n_features)
        The steps, a view that cannot be written to.
    offsets : ndarray of shape (n_samples + 1,)
        The limits of the sequences in `values`, from 0 to ``len(values)``; read-only.
    feature_names : tuple of str or None
        The names of the features.

    Raises
    ------
    ValueError
        If `offsets` does not ascend within `values`, a shape is wrong, or
        `feature_names` are not strings, one a feature.

    See Also
    --------
    RaggedArray.from_sequences : From a list of arrays.
    RaggedArray.from_padded : From an array padded with NaN, or with lengths.
    RaggedArray.from_aeon : From (n_samples, n_channels, n_steps) data.
    RaggedArray.from_arrow : From a list array of pyarrow.
    RaggedArray.join : Append features of whole sequences.
    RaggedArray.open : From a folder, without reading it into memory.

    Examples
    --------
    >>> from sklearn_rnn import RaggedArray
    >>> X = RaggedArray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], offsets=[0, 1, 3])
    >>> X
    RaggedArray(n_samples=2, n_features=2, n_steps=1..2, dtype=float64)
    >>> X[1]
    array([[3., 4.],
           [5., 6.]])
    >>> X[[1, 0, 1]].lengths
    array([2, 1, 2])
    """

    __slots__ = (
        "__weakref__",
        "_common_length",
        "_feature_names",
        "_offsets",
        "_values",
    )

    def __init__(
        self,
        values: ArrayLike,
        offsets: ArrayLike,
        *,
        feature_names: ArrayLike | None = None,
    ) -> None:
        values = _as_array(values, "values")
        if values.ndim == 1:
            values = values[:, np.newaxis]
        if values.ndim != 2:
            raise ValueError(
                "The 'values' parameter of RaggedArray must have shape (n_total_steps, "
                f"n_features) or (n_total_steps,). Got shape {values.shape} instead."
            )
        limits = _check_offsets(offsets, len(values))
        if limits[0] > 0 or limits[-1] < len(values):
            values = values[limits[0] : limits[-1]]
            limits = limits - limits[0]
        self._set(values, limits, _check_names(feature_names, values.shape[1]))

    @classmethod
    def _from_validated(cls, values: NDArray, offsets: NDArray[np.int64]) -> Self:
        """Wrap values of two dimensions and offsets that were checked before."""
        ragged = cls.__new__(cls)
        ragged._set(values, offsets)
        return ragged

    def _set(
        self,
        values: NDArray,
        offsets: NDArray[np.int64],
        feature_names: tuple[str, ...] | None = None,
    ) -> None:
        self._feature_names = feature_names
        self._values = _read_only_view(values)
        # bytes: memory that nobody can make writable again
        self._offsets = np.frombuffer(offsets.tobytes(), dtype=np.int64)
        self._common_length: int | None = _UNKNOWN

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"values": self._values, "offsets": self._offsets}
        if self._feature_names is not None:
            state["feature_names"] = self._feature_names
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        RaggedArray.__init__(self, **state)

    @classmethod
    def from_sequences(cls, sequences: Iterable[ArrayLike]) -> Self:
        """Copy a list of sequences into one block.

        Parameters
        ----------
        sequences : iterable of array-like of shape (n_steps_i, n_features) or \
                (n_steps_i,)
            The sequences.

        Returns
        -------
        X : RaggedArray
            The same sequences.

        Raises
        ------
        ValueError
            If there is no sequence, or their numbers of features differ.

        Examples
        --------
        >>> from sklearn_rnn import RaggedArray
        >>> RaggedArray.from_sequences([[1, 2, 3], [4]]).lengths
        array([3, 1])
        """
        arrays = [_as_array(s, f"sequences[{i}]") for i, s in enumerate(sequences)]
        if not arrays:
            raise ValueError("RaggedArray.from_sequences needs at least one sequence.")
        for i, array in enumerate(arrays):
            if array.ndim not in (1, 2) or array.shape[1:] != arrays[0].shape[1:]:
                raise ValueError(
                    f"sequences[{i}] has shape {array.shape}, but all sequences must "
                    "have shape (n_steps_i, n_features), or all (n_steps_i,), as "
                    f"sequences[0], of shape {arrays[0].shape}, has."
                )
        return cls(np.concatenate(arrays), lengths_to_offsets([len(a) for a in arrays]))

    @classmethod
    def from_padded(
        cls, X: ArrayLike, lengths: ArrayLike | None = None, *, padding: str = "post"
    ) -> Self:
        """Read sequences out of a padded array.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps, n_features) or (n_samples, n_steps)
            Each sequence with padding: one value in each feature, or copies of the
            valid step beside it.
        lengths : array-like of int of shape (n_samples,), default=None
            Number of valid steps of each sequence. By default, steps that are wholly
            NaN are padding up to the first other step.
        padding : {"post", "pre"}, default="post"
            Whether padding follows or precedes the valid steps.

        Returns
        -------
        X : RaggedArray
            The valid steps.

        Raises
        ------
        ValueError
            If X is not 2-D or 3-D, a length is not between 0 and n_steps, or what
            would be cut off varies like values.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_rnn import RaggedArray
        >>> RaggedArray.from_padded([[1, 2, np.nan], [3, np.nan, np.nan]]).lengths
        array([2, 1])
        """
        X = _as_array(X, "X")
        if X.ndim == 2:
            X = X[:, :, np.newaxis]
        if X.ndim != 3:
            raise ValueError(
                "X must have shape (n_samples, n_steps, n_features) or (n_samples, "
                f"n_steps). Got an array of {X.ndim} dimension(s) instead."
            )
        if padding not in ("post", "pre"):
            raise ValueError(
                f"padding must be 'post' or 'pre'. Got {padding!r} instead."
            )
        n_samples, n_steps = X.shape[:2]
        if lengths is None:
            valid = ~np.isnan(X).all(axis=2)
            inward = valid[:, ::-1] if padding == "post" else valid
            lengths = np.where(valid.any(axis=1), n_steps - inward.argmax(axis=1), 0)
        lengths = _as_array(lengths, "lengths")
        if (
            lengths.shape != (n_samples,)
            or lengths.dtype.kind not in "iu"
            or ((lengths < 0) | (lengths > n_steps)).any()
        ):
            raise ValueError(
                f"lengths must be {n_samples} integers between 0 and n_steps="
                f"{n_steps}, one a sequence. Got {lengths!r} instead."
            )
        ends = lengths.astype(np.int64)[:, np.newaxis]
        if padding == "post":
            valid, beside = np.arange(n_steps) < ends, ends - 1
        else:
            valid, beside = np.arange(n_steps) >= n_steps - ends, n_steps - ends
        if not _is_padding(X, valid, beside):
            other = {"post": "pre", "pre": "post"}[padding]
            raise ValueError(
                f"With padding={padding!r} and these lengths, steps would be cut off X "
                "that are no padding: their values are neither constant nor copies of "
                f"the valid step beside them. Pass padding={other!r} if the padding "
                "is on the other side, or correct the lengths."
            )
        return cls(X[valid], lengths_to_offsets(lengths))

    @classmethod
    def from_aeon(cls, X: Any) -> Self:
        """Read data in the axis order of aeon, sktime and tsai.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels, n_steps), or list of \
                array-like of shape (n_channels, n_steps_i)
            Channels before time.

        Returns
        -------
        X : RaggedArray
            Time before features.

        Raises
        ------
        ValueError
            If a sequence is not two-dimensional.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_rnn import RaggedArray
        >>> RaggedArray.from_aeon(np.zeros((5, 2, 30))).shape
        (5, None, 2)
        """
        sequences = [_as_array(s, f"X[{i}]") for i, s in enumerate(X)]
        for i, sequence in enumerate(sequences):
            if sequence.ndim != 2:
                raise ValueError(
                    f"X[{i}] must have shape (n_channels, n_steps_i). Got shape "
                    f"{sequence.shape} instead."
                )
        return cls.from_sequences([s.T for s in sequences])

    @property
    def values(self) -> NDArray[Any]:
        """All steps, ndarray of shape (n_total_steps, n_features), read-only."""
        return self._values.view()  # whose shape a user may set

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Limits of the sequences, ndarray of shape (n_samples + 1,), read-only."""
        return self._offsets.view()

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the features, or None."""
        return self._feature_names

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each sequence, ndarray of shape (n_samples,)."""
        return np.diff(self.offsets)

    @property
    def common_length(self) -> int | None:
        """Number of steps of every sequence, or None if they differ."""
        if self._common_length == _UNKNOWN:
            lengths = np.diff(self._offsets)
            equal = len(lengths) > 0 and (lengths == lengths[0]).all()
            self._common_length = int(lengths[0]) if equal else None
        return self._common_length

    @property
    def n_features(self) -> int:
        """Number of features of a step."""
        return self.values.shape[1]

    @property
    def shape(self) -> tuple[int, None, int]:
        """``(n_samples, None, n_features)``: the middle axis has no one length."""
        return len(self), None, self.n_features

    @property
    def ndim(self) -> int:
        """Always 3."""
        return 3

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.values.dtype

    def to_list(self) -> list[NDArray]:
        """Return the sequences as a list of arrays.

        Returns
        -------
        sequences : list of ndarray of shape (n_steps_i, n_features)
            Views of `values`.
        """
        return list(self)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "RaggedArray":
        """Open sequences of :meth:`save`, larger than memory perhaps.

        The values stay on the disk: only the steps that are used are read, and workers
        of joblib share them.

        Parameters
        ----------
        path : str or path-like
            The folder.

        Returns
        -------
        X : RaggedArray
            The same sequences, token ids if they were.

        Raises
        ------
        ValueError
            If the folder is not one that :meth:`save` has written.
        """
        values, offsets, kind = read_folder(path)
        name = kind.get("class") if isinstance(kind, dict) else None
        if name == "RaggedArray":
            names = kind.get("feature_names")
            return RaggedArray(values, offsets, feature_names=names)
        if name != "TokenIds":
            raise ValueError(f"{os.fspath(path)!r} holds {kind!r}, no RaggedArray.")
        spelled = kind["characters"]
        return TokenIds(values, offsets, spelled and range(*spelled))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the sequences to a new folder, from which :meth:`open` maps them.

        The folder has the files ``values.npy`` and ``offsets.npy``, which NumPy reads.

        Parameters
        ----------
        path : str or path-like
            The folder. It must not exist.

        Raises
        ------
        FileExistsError
            If there is something of this name.
        ValueError
            If the values are Python objects.

        Examples
        --------
        >>> import os, tempfile
        >>> from sklearn_rnn import RaggedArray
        >>> X = RaggedArray.from_sequences([[1, 2, 3], [4]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     X.save(os.path.join(folder, "X"))
        ...     print(RaggedArray.open(os.path.join(folder, "X")).lengths)
        [3 1]
        """
        kind: dict[str, Any] = {
            "class": "RaggedArray",
            "feature_names": self._feature_names,
        }
        if isinstance(self, TokenIds):
            spelled = self.characters
            ends = spelled and [spelled.start, spelled.stop]
            kind = {"class": "TokenIds", "characters": ends}
        write_folder(path, self._values, self._offsets, kind)

    @classmethod
    def from_arrow(cls, array: Any) -> Self:
        """Read a list array of pyarrow, a list a sequence.

        Parameters
        ----------
        array : pyarrow.ListArray, LargeListArray or ChunkedArray
            Lists of numbers (one feature), or of fixed-size lists of them, without
            missing values. Numbers are not copied.

        Returns
        -------
        X : RaggedArray
            The same sequences.

        Raises
        ------
        ValueError
            If the array has another type, or values are missing.
        """
        return cls(*from_list_array(array))

    def to_arrow(self) -> Any:
        """Return a list array of pyarrow, for Arrow, Parquet and other tools.

        Returns
        -------
        array : pyarrow.LargeListArray
            A list a sequence, of a fixed-size list a step. The values are not copied.
        """
        return to_large_list(self._values, self._offsets)

    def join(self, features: ArrayLike) -> "RaggedArray":
        """Append features of whole sequences, which are the same at all their steps.

        Parameters
        ----------
        features : array-like of shape (n_samples, n_more) or (n_samples,)
            What is known of each sequence as a whole: age, plan, place. Row i belongs
            to sequence i, whatever the index of a DataFrame: sort it first, as in
            ``table.loc[builder.ids(X)]``.

        Returns
        -------
        X : RaggedArray
            With `n_more` further features, the last ones.

        Raises
        ------
        ValueError
            If `features` does not have a row of numbers for each sequence.

        Examples
        --------
        >>> from sklearn_rnn import RaggedArray
        >>> X = RaggedArray([[1.0], [2.0], [3.0]], offsets=[0, 1, 3])
        >>> X.join([[30.0], [50.0]])[1]
        array([[ 2., 50.],
               [ 3., 50.]])
        """
        table = _as_array(features, "features")
        if table.dtype == object:  # columns of several types
            with contextlib.suppress(TypeError, ValueError):
                table = table.astype(np.float64)
        fits = table.ndim in (1, 2) and len(table) == len(self)
        if not fits or table.dtype.kind not in "biuf":
            raise ValueError(
                f"features must be numbers of shape ({len(self)}, n_more), a row for "
                f"each sequence. Got {table.dtype} of shape {table.shape} instead. "
                "Encode columns of strings first, for instance with sklearn."
                "preprocessing.OneHotEncoder(sparse_output=False), and dates too."
            )
        repeated = np.repeat(table.reshape(len(self), -1), self.lengths, axis=0)
        values = np.hstack([self.values, repeated])
        names = self._feature_names
        if names is not None:
            names = (*names, *_names_of_columns(features, len(names), values.shape[1]))
        return RaggedArray(values, self.offsets, feature_names=names)

    def __sizeof__(self) -> int:
        """Return the size with the values: joblib and Dask send large data once."""
        return object.__sizeof__(self) + self._values.nbytes + self._offsets.nbytes

    def to_padded(self, fill_value: float = np.nan) -> NDArray:
        """Copy the sequences into one array, with padding after the shorter ones.

        Parameters
        ----------
        fill_value : float, default=nan
            Padding value.

        Returns
        -------
        X : ndarray of shape (n_samples, max(lengths), n_features)
            The padded sequences.
        """
        n_steps = int(self.lengths.max(initial=0))
        dtype = np.result_type(self.dtype, np.min_scalar_type(fill_value))
        X = np.full((len(self), n_steps, self.n_features), fill_value, dtype=dtype)
        X[np.arange(n_steps) < self.lengths[:, np.newaxis]] = self.values
        return X

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[np.object_]:
        """Return the sequences as an array of objects of shape (n_samples,).

        Never of numbers, also if all sequences are equally long.

        Raises
        ------
        ValueError
            If another `dtype` or no copy is asked for.
        """
        if dtype is not None and np.dtype(dtype) != object:
            raise ValueError(
                "The 'dtype' of an array made of a RaggedArray must be object, one "
                f"array a sequence. Got {np.dtype(dtype)} instead. RaggedArray."
                "to_padded() and RaggedArray.values are arrays of numbers."
            )
        if copy is False:
            raise ValueError("A RaggedArray becomes a NumPy array by a copy only.")
        sequences = np.empty(len(self), dtype=object)
        for i, sequence in enumerate(self):  # all at once, equal lengths would be 3-D
            sequences[i] = sequence
        return sequences

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __iter__(self) -> Iterator[NDArray]:
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self._values[start:stop]

    def __getitem__(self, key: Any) -> Any:
        """Return a sequence (integer key) or a RaggedArray (any other key)."""
        if isinstance(key, tuple):  # scikit-learn's _safe_indexing says X[key, ...]
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError(
                    "A RaggedArray is indexed along its first axis only: by an integer,"
                    f" a slice, a boolean mask or an array of integers. Got {key!r}."
                )
            key = key[0]
        rows = np.arange(len(self))[key]
        if rows.ndim == 0:
            return self.values[self.offsets[rows] : self.offsets[rows + 1]]
        if rows.ndim != 1:
            raise IndexError(f"The index must be one-dimensional. Got {key!r}.")
        if isinstance(key, slice) and key.step in (None, 1):
            last = rows[-1] + 1 if len(rows) else 0
            first = rows[0] if len(rows) else 0
            return like(self, self.values, self.offsets[first : last + 1])
        lengths = self.lengths[rows]
        return like(
            self,
            self.values[step_index(self.offsets[rows], lengths)],
            lengths_to_offsets(lengths),
        )

    def __repr__(self) -> str:
        lengths = self.lengths
        steps = f"{lengths.min()}..{lengths.max()}" if len(self) else "none"
        return (
            f"RaggedArray(n_samples={len(self)}, n_features={self.n_features}, "
            f"n_steps={steps}, dtype={self.dtype})"
        )


class TokenIds(RaggedArray):
    """Token ids, one a step or several in columns: names and not quantities.

    They stay token ids whatever rows are taken. An estimator can tell them from
    numbers, which they look like.

    Parameters
    ----------
    values, offsets
        As for :class:`RaggedArray`.
    characters : range or None, default=None
        Columns that spell one word, a character each, followed by zeros. Together they
        are one feature.
    """

    __slots__ = ("characters",)

    def __init__(
        self, values: ArrayLike, offsets: ArrayLike, characters: range | None = None
    ) -> None:
        super().__init__(values, offsets)
        self.characters = characters

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "characters": self.characters}

    def __setstate__(self, state: dict[str, Any]) -> None:
        TokenIds.__init__(self, **state)


def like(X: RaggedArray, values: ArrayLike, offsets: ArrayLike) -> Any:
    """Return other sequences of the kind of X, with the same features."""
    if isinstance(X, TokenIds):
        return TokenIds(values, offsets, X.characters)
    return type(X)(values, offsets, feature_names=X.feature_names)


def join_sequences(parts: Sequence[RaggedArray]) -> RaggedArray:
    """Return the sequences of all parts, one after the other."""
    lengths = np.concatenate([part.lengths for part in parts])
    values = np.concatenate([part.values for part in parts])
    return RaggedArray._from_validated(values, lengths_to_offsets(lengths))


def get_characters(X: Any) -> range | None:
    """Return the columns of X that spell a word, if it has such."""
    return X.characters if isinstance(X, TokenIds) else None


def group_columns(
    columns: Iterable[int], characters: range | None = None
) -> list[list[int]]:
    """Return the columns of each feature: one, but for the characters of a word."""
    spelled = [] if characters is None else list(characters)
    return [spelled if j in spelled else [j] for j in columns if j not in spelled[1:]]


def lengths_to_offsets(lengths: ArrayLike) -> NDArray[np.int64]:
    """Return the offsets of sequences of the given lengths, laid end to end."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def as_rows(n_samples: int) -> RaggedArray:
    """Return sequences without steps, to check weights of samples with."""
    return RaggedArray(np.zeros((0, 1)), np.zeros(n_samples + 1, np.int64))


def step_index(starts: NDArray, lengths: NDArray) -> NDArray[np.int64]:
    """Return the positions of all steps of the sequences, end to end."""
    shift = np.repeat(starts - lengths_to_offsets(lengths)[:-1], lengths)
    return shift + np.arange(len(shift))


def first_place(
    bad: NDArray[np.bool_], offsets: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Return sequence, step and feature of the first True among all steps."""
    row, feature = divmod(int(bad.argmax()), bad.shape[1])
    i = int(np.searchsorted(offsets, row, side="right")) - 1
    return i, row - int(offsets[i]), feature


def _as_array(values: Any, name: str) -> NDArray:
    if type(values) is np.ndarray and values.dtype != object:
        return values
    values = read_container(values, name)
    return values if isinstance(values, np.memmap) else np.asarray(values)


def _read_only_view(values: NDArray) -> NDArray:
    view = values.view()
    view.flags.writeable = False
    return view


def _check_offsets(offsets: ArrayLike, n_total: int) -> NDArray[np.int64]:
    offsets = _as_array(offsets, "offsets")
    if (
        offsets.ndim != 1
        or len(offsets) == 0
        or offsets.dtype.kind not in "iu"
        or offsets[0] < 0
        or offsets[-1] > n_total
        or (np.diff(offsets.astype(np.int64)) < 0).any()
    ):
        raise ValueError(
            "The 'offsets' parameter of RaggedArray must be ascending integers between "
            f"0 and len(values)={n_total}, one more than sequences. Got {offsets!r}."
        )
    return offsets.astype(np.int64, copy=False)


def _check_names(names: Any, n_features: int) -> tuple[str, ...] | None:
    if names is None:
        return None
    given = [names] if isinstance(names, str) else list(names)
    are_strings = all(isinstance(name, str) for name in given)
    if not are_strings or len(given) != n_features:
        raise ValueError(
            "The 'feature_names' parameter of RaggedArray must be None or strings, one "
            f"for each of {n_features} feature(s). Got {names!r} instead."
        )
    return tuple(map(str, given))


def _names_of_columns(table: Any, start: int, stop: int) -> list[str]:
    """Return the names of the columns of a table, or "x3", "x4" and so on."""
    columns = getattr(table, "columns", [getattr(table, "name", None)])
    if all(isinstance(name, str) for name in columns):
        return list(columns)
    return [f"x{j}" for j in range(start, stop)]


def _is_padding(
    X: NDArray, valid: NDArray[np.bool_], beside: NDArray[np.int64]
) -> bool:
    """Return whether all other steps are constant, or equal the one at `beside`."""
    if X.size == 0 or valid.all():
        return True
    cut = X[~valid]
    if _equal(cut, cut[0]):
        return True
    n_steps = valid.shape[1]
    edges = X[np.arange(len(X)), np.clip(beside[:, 0], 0, n_steps - 1)]
    return _equal(cut, np.repeat(edges, (~valid).sum(axis=1), axis=0))


def _equal(a: NDArray, b: NDArray) -> bool:
    """Return whether two arrays are equal where they are not both NaN."""
    return bool(((a == b) | ((a != a) & (b != b))).all())
