"""Sources whose blocks are on disk: folders of RaggedArray, and Parquet."""

import os
from typing import Any

import numpy as np

from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn._sequences._source import SequenceSource

_MOST_VALUES = 2**20  # that are decoded at a time


class SavedSource(SequenceSource):
    """Folders of `RaggedArray.save`, see `SequenceSource.from_saved`."""

    def __init__(self, X: Any, y: Any, sample_weight: Any) -> None:
        self.X = _list_items(X)
        self.y = _list_items(y)
        self.sample_weight = None
        if sample_weight is not None:
            self.sample_weight = _list_items(sample_weight)
        if not self.X:
            raise ValueError(f"X must name at least one folder. Got {X!r} instead.")
        for name in ("y", "sample_weight"):
            items = getattr(self, name)
            if items is not None and len(items) != len(self.X):
                raise ValueError(
                    f"{name} must have an item for each of the {len(self.X)} blocks. "
                    f"Got {len(items)} items instead."
                )

    def __len__(self) -> int:
        return len(self.X)

    def block(self, i: int) -> tuple[Any, Any, Any]:
        weight = None
        if self.sample_weight is not None:
            weight = _read_item(self.sample_weight[i])
        return RaggedArray.open(self.X[i]), _read_item(self.y[i]), weight


def _list_items(items: Any) -> list[Any]:
    """Return a list as it is, and of a folder the paths of what it contains."""
    if not isinstance(items, str | os.PathLike):
        return list(items)
    names = sorted(n for n in os.listdir(items) if not n.startswith("."))
    return [os.path.join(items, name) for name in names]


def _read_item(item: Any) -> Any:
    """Return an array as it is, and the content of a path, mapped from the disk."""
    if not isinstance(item, str | os.PathLike):
        return item
    if os.path.isdir(item):
        return RaggedArray.open(item)
    return np.load(item, mmap_mode="r", allow_pickle=False)


class ParquetSource(SequenceSource):
    """Row groups of Parquet, see `SequenceSource.from_parquet`."""

    def __init__(self, paths: Any, X: str, y: str, sample_weight: str | None) -> None:
        from pyarrow.parquet import ParquetFile

        is_file = isinstance(paths, str | os.PathLike) and not os.path.isdir(paths)
        self.columns = [name for name in (X, y, sample_weight) if name is not None]
        self.groups: list[tuple[Any, int]] = []  # files, and row groups in them
        for path in [paths] if is_file else _list_items(paths):
            with ParquetFile(path) as file:
                self._check_columns(path, file.schema_arrow.names)
                groups = range(file.metadata.num_row_groups)
            self.groups += [(path, group) for group in groups]
        if not self.groups:
            raise ValueError(
                f"paths must name files with at least one row group. Got {paths!r}."
            )

    def _check_columns(self, path: Any, names: list[str]) -> None:
        missing = [name for name in self.columns if name not in names]
        if missing:
            raise ValueError(
                f"{os.fspath(path)!r} has no column {missing[0]!r}, but {names}."
            )

    def __len__(self) -> int:
        return len(self.groups)

    def block(self, i: int) -> tuple[Any, Any, Any]:
        from pyarrow.parquet import ParquetFile

        path, group = self.groups[i]
        with ParquetFile(path) as file:  # opened anew: a source can be pickled
            X, y, *weight = _read_columns(file, group, self.columns)
        return X, y, weight[0] if weight else None


def _read_columns(file: Any, group: int, names: list[str]) -> list[Any]:
    """Return columns of a row group: a RaggedArray of lists, and an array of all else.

    Some rows at a time: Arrow takes several times the memory of what it decodes.
    """
    counts = _count_values(file.metadata.row_group(group), names)
    n_rows = file.metadata.row_group(group).num_rows
    batch_size = max(1, _MOST_VALUES * n_rows // max(*counts, 1))
    batches = file.iter_batches(batch_size, row_groups=[group], columns=names)
    kinds = [file.schema_arrow.field(name).type for name in names]
    columns = [
        (_Lists if _is_list(kind) else _Plain)(kind, n)
        for kind, n in zip(kinds, counts, strict=True)
    ]
    for batch in batches:
        for name, column in zip(names, columns, strict=True):
            column.append(batch.column(name))
    return [column.join() for column in columns]


def _count_values(group: Any, names: list[str]) -> list[int]:
    """Return the most numbers that a column of a row group can have."""
    counts = dict.fromkeys(names, 0)
    for i in range(group.num_columns):
        chunk = group.column(i)
        for name in names:
            if f"{chunk.path_in_schema}.".startswith(f"{name}."):
                counts[name] = max(counts[name], chunk.num_values)
    return list(counts.values())


def _is_list(kind: Any) -> bool:
    import pyarrow

    return pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)


class _Plain:
    """A column that grows: all but lists."""

    def __init__(self, kind: Any, n_values: int) -> None:
        self.kind = kind
        self.parts: list[Any] = []

    def append(self, array: Any) -> None:
        self.parts.append(array)

    def join(self) -> Any:
        import pyarrow

        return pyarrow.chunked_array(self.parts, self.kind).to_numpy()


class _Lists:
    """A column of lists that grows, in memory that is allocated once."""

    def __init__(self, kind: Any, n_values: int) -> None:
        import pyarrow

        empty = RaggedArray.from_arrow(pyarrow.array([], kind))
        shape = n_values // empty.n_features, empty.n_features
        self.values = np.empty(shape, empty.dtype)
        self.offsets = [np.zeros(1, np.int64)]

    def append(self, array: Any) -> None:
        part = RaggedArray.from_arrow(array)
        start = self.offsets[-1][-1]
        self.offsets.append(start + part.offsets[1:])
        self.values[start : self.offsets[-1][-1]] = part.values

    def join(self) -> RaggedArray:
        offsets = np.concatenate(self.offsets)
        return RaggedArray(self.values[: offsets[-1]], offsets)
