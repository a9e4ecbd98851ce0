"""Accepted X and y: containers and validation. NumPy only."""

from sklearn_rnn._sequences._batching import (
    batches_by_length,
    gather_batch,
    merge_equal_samples,
    weighted_moments,
)
from sklearn_rnn._sequences._categories import CategoryEncoder
from sklearn_rnn._sequences._containers import errors_that_name
from sklearn_rnn._sequences._dataframe import (
    check_distinct,
    check_numeric,
    first_of_each,
    get_column,
    get_present,
    import_narwhals,
    is_numeric,
    number_ids,
    read_table,
    sort_rows,
    to_floats,
    to_times,
)
from sklearn_rnn._sequences._layout import Layout, get_layout, set_layout
from sklearn_rnn._sequences._ragged import (
    RaggedArray,
    TokenIds,
    as_rows,
    first_place,
    get_characters,
    group_columns,
    lengths_to_offsets,
    like,
    step_index,
)
from sklearn_rnn._sequences._reading import (
    as_numbers,
    is_list_of_frames,
    read_argument,
)
from sklearn_rnn._sequences._schemes import (
    TAGGER_SCHEMES,
    allowed_transitions,
    check_tags,
    convert_tags,
    describe_broken,
    find_broken,
    find_spans,
    list_spans,
    read_tags,
)
from sklearn_rnn._sequences._sequence_targets import check_targets, read_targets
from sklearn_rnn._sequences._step_array import StepArray, split_steps
from sklearn_rnn._sequences._step_targets import read_step_targets, split_weights
from sklearn_rnn._sequences._steps import (
    check_same_steps,
    check_sequence_weight,
    check_step_targets,
    check_step_weight,
    is_ragged_answer,
    may_be_labels_of_steps,
)
from sklearn_rnn._sequences._texts import check_texts, read_texts
from sklearn_rnn._sequences._validation import (
    check_floats,
    check_frames,
    check_layout,
    check_sequences,
    validate_sequences,
)
from sklearn_rnn._sequences._vocabulary import Vocabulary

__all__ = [
    "CategoryEncoder",
    "Layout",
    "RaggedArray",
    "StepArray",
    "TAGGER_SCHEMES",
    "TokenIds",
    "Vocabulary",
    "allowed_transitions",
    "as_numbers",
    "as_rows",
    "batches_by_length",
    "check_distinct",
    "check_floats",
    "check_frames",
    "check_layout",
    "check_numeric",
    "check_same_steps",
    "check_sequence_weight",
    "check_sequences",
    "check_step_targets",
    "check_step_weight",
    "check_tags",
    "check_targets",
    "check_texts",
    "convert_tags",
    "describe_broken",
    "errors_that_name",
    "find_broken",
    "find_spans",
    "first_of_each",
    "first_place",
    "gather_batch",
    "get_characters",
    "get_column",
    "get_layout",
    "get_present",
    "group_columns",
    "import_narwhals",
    "is_list_of_frames",
    "is_numeric",
    "is_ragged_answer",
    "lengths_to_offsets",
    "like",
    "list_spans",
    "may_be_labels_of_steps",
    "merge_equal_samples",
    "number_ids",
    "read_argument",
    "read_step_targets",
    "read_table",
    "read_tags",
    "read_targets",
    "read_texts",
    "set_layout",
    "sort_rows",
    "split_steps",
    "split_weights",
    "step_index",
    "to_floats",
    "to_times",
    "validate_sequences",
    "weighted_moments",
]
