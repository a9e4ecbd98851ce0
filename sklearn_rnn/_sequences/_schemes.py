"""Tag schemes: how the tags of steps, "B-PER" and the like, mark spans.

In every scheme a span is a chain of tags of one type: each but the first *continues*
the one before it, which must be *inside* a span. The chain is a span if its first tag
may *begin* one and its last may *end* one. Schemes differ in these four sets.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._steps import check_step_targets

OUTSIDE = "O"


@dataclass(frozen=True)
class _Scheme:
    begins: str  # letters that a span may start with, the usual one first
    continues: str  # letters that may go on with a span
    inside: str  # letters after which a span may go on
    ends: str  # letters that a span may end with
    one_step: str  # the letter of a span of one step
    last: str  # the letter of the last step of a longer span

    @property
    def letters(self) -> str:
        return "".join(sorted({*self.begins, *self.continues}))


_SCHEMES = {
    "iob1": _Scheme("IB", "I", "BI", "BI", "I", "I"),
    "iob2": _Scheme("B", "I", "BI", "BI", "B", "I"),
    "iobes": _Scheme("BS", "IE", "BI", "ES", "S", "E"),
    "bilou": _Scheme("BU", "IL", "BI", "LU", "U", "L"),
}
# those that a tagger can keep to; in IOB1 next to nothing is forbidden
TAGGER_SCHEMES = ("iob2", "iobes", "bilou")


class Tags(NamedTuple):
    """Tags in two parts: letters, and types as numbers."""

    letters: NDArray[np.str_]
    kinds: NDArray[np.int64]  # index in `types`; -1 outside
    types: list[str]  # sorted


class Spans(NamedTuple):
    """Spans in sequences laid end to end, in order of their start."""

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]  # one after the last step
    kinds: NDArray[np.int64]  # index in `types`
    types: list[str]


def get_scheme(scheme: str, accepted: tuple[str, ...] = tuple(_SCHEMES)) -> _Scheme:
    """Return the scheme of a name, or raise ValueError with the names accepted."""
    if scheme not in accepted:
        raise ValueError(
            f"The 'scheme' parameter must be a str among {set(accepted)}. Got "
            f"{scheme!r} instead."
        )
    return _SCHEMES[scheme]


def parse_tag(tag: Any, scheme: str) -> tuple[str, str]:
    """Return letter and type of a tag: ("B", "PER") of "B-PER", ("O", "") of "O".

    A letter alone is a tag without a type.
    """
    letters = get_scheme(scheme).letters
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if isinstance(tag, str) and tag[:1] and tag[0] in letters:
        if len(tag) == 1:
            return tag, ""
        if tag[1] == "-" and len(tag) > 2:
            return tag[0], tag[2:]
    raise ValueError(
        f"{tag!r} is no tag of the scheme {scheme!r}: tags must be 'O' or one of the "
        f"letters {', '.join(letters)}, a hyphen and a type, such as 'B-PER'."
    )


def parse_tags(values: NDArray, scheme: str, types: list[str] | None = None) -> Tags:
    """Parse an array of tags; `types` are those to number, by default its own."""
    labels, inverse = np.unique(values, return_inverse=True)
    parsed = [parse_tag(label.item(), scheme) for label in labels]
    own = sorted({kind for letter, kind in parsed if letter != OUTSIDE})
    types = own if types is None else sorted({*types, *own})
    number = {kind: i for i, kind in enumerate(types)}
    kinds = [-1 if letter == OUTSIDE else number[kind] for letter, kind in parsed]
    letters = np.array([letter for letter, _ in parsed])
    return Tags(letters[inverse], np.array(kinds, dtype=np.int64)[inverse], types)


def allowed_transitions(
    classes: NDArray, scheme: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tags may follow which, come first and come last.

    Parameters
    ----------
    classes : ndarray of str of shape (n_classes,)
        The tags.
    scheme : {"iob2", "iobes", "bilou"}
        The tag scheme.

    Returns
    -------
    allowed : ndarray of bool of shape (n_classes, n_classes)
        Whether tag j may follow tag i, at ``[i, j]``.
    allowed_start : ndarray of bool of shape (n_classes,)
        Whether a sequence may begin with the tag.
    allowed_end : ndarray of bool of shape (n_classes,)
        Whether a sequence may end with the tag.

    Raises
    ------
    ValueError
        If a class is no tag of the scheme.
    """
    get_scheme(scheme, TAGGER_SCHEMES)
    return _transitions(parse_tags(classes, scheme), scheme)


def _transitions(
    tags: Tags, scheme: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    rules = get_scheme(scheme)
    begins = np.isin(tags.letters, [OUTSIDE, *rules.begins])
    continues = np.isin(tags.letters, list(rules.continues))
    inside = np.isin(tags.letters, list(rules.inside))
    ends = np.isin(tags.letters, [OUTSIDE, *rules.ends])
    links = inside[:, None] & continues & (tags.kinds[:, None] == tags.kinds)
    return links | (ends[:, None] & begins), begins, ends


def find_broken(
    codes: NDArray[np.int64],
    offsets: NDArray[np.int64],
    rules: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the steps whose tag the rules do not allow there.

    Parameters
    ----------
    codes : ndarray of shape (n_total_steps,)
        Numbers of the tags of all sequences, end to end; -1 if unknown.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins.
    rules : tuple of ndarray
        As :func:`allowed_transitions` returns them.

    Returns
    -------
    broken, unfinished : ndarray of bool of shape (n_total_steps,)
        Whether a tag may not follow the one before, or begin a sequence; and whether
        it may not end one.
    """
    allowed, may_start, may_end = rules
    known = codes >= 0
    filled = np.diff(offsets) > 0
    first, last = offsets[:-1][filled], offsets[1:][filled] - 1
    broken, unfinished = np.zeros((2, len(codes)), dtype=bool)
    broken[1:] = known[:-1] & known[1:] & ~allowed[codes[:-1], codes[1:]]
    broken[first] = known[first] & ~may_start[codes[first]]
    unfinished[last] = known[last] & ~may_end[codes[last]]
    return broken, unfinished


def describe_broken(
    values: NDArray,
    offsets: NDArray[np.int64],
    scheme: str,
    broken: NDArray[np.bool_],
    unfinished: NDArray[np.bool_],
) -> tuple[int, int, str] | None:
    """Return sequence, step and problem of the first tag that may not stand there."""
    if not (broken | unfinished).any():
        return None
    row = int((broken | unfinished).argmax())
    i = int(np.searchsorted(offsets, row, side="right")) - 1
    step, tag = row - int(offsets[i]), str(values[row])
    if not broken[row]:
        problem = "end a sequence"
    elif step == 0:
        problem = "begin a sequence"
    else:
        problem = f"follow {str(values[row - 1])!r}"
    return i, step, f"{tag!r} may not {problem} in the scheme {scheme!r}."


def check_tags(
    values: NDArray, offsets: NDArray[np.int64], scheme: str, name: str = "y"
) -> None:
    """Raise ValueError at the first tag that the scheme does not allow there.

    Parameters
    ----------
    values : ndarray of str of shape (n_total_steps,)
        Tags of all sequences, end to end.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins.
    scheme : {"iob1", "iob2", "iobes", "bilou"}
        The tag scheme.
    name : str, default="y"
        Name of the tags in error messages.
    """
    labels, codes = np.unique(values, return_inverse=True)
    rules = _transitions(parse_tags(labels, scheme), scheme)
    broken = find_broken(codes, offsets, rules)
    found = describe_broken(values, offsets, scheme, *broken)
    if found is not None:
        i, step, problem = found
        raise ValueError(f"{name}[{i}], step {step}: {problem}")


def find_spans(
    values: NDArray,
    offsets: NDArray[np.int64],
    scheme: str,
    types: list[str] | None = None,
) -> Spans:
    """Return the spans of sequences of tags laid end to end.

    Tags that break the scheme are no part of a span; nothing raises but a label that
    is no tag. `types` are names to number beside those in `values`.
    """
    rules = get_scheme(scheme)
    tags = parse_tags(values, scheme, types)
    link = np.zeros(len(values), dtype=bool)
    link[1:] = (
        np.isin(tags.letters[:-1], list(rules.inside))
        & np.isin(tags.letters[1:], list(rules.continues))
        & (tags.kinds[:-1] == tags.kinds[1:])
    )
    link[offsets[:-1][np.diff(offsets) > 0]] = False
    starts = np.flatnonzero(~link)
    stops = np.append(starts[1:], len(values))
    complete = np.isin(tags.letters[starts], list(rules.begins)) & np.isin(
        tags.letters[stops - 1], list(rules.ends)
    )
    starts, stops = starts[complete], stops[complete]
    return Spans(starts, stops, tags.kinds[starts], tags.types)


def list_spans(tags: Any, scheme: str) -> list[tuple[str, int, int]]:
    """Return (type, start, stop) of each span in one sequence of tags."""
    values, offsets = read_tags([tags], "tags")
    spans = find_spans(values, offsets, scheme)
    triples = zip(spans.kinds, spans.starts, spans.stops, strict=True)
    return [(spans.types[kind], int(start), int(stop)) for kind, start, stop in triples]


def read_tags(y: Any, name: str) -> tuple[NDArray, NDArray[np.int64]]:
    """Validate sequences of tags, and lay them end to end."""
    values, offsets = check_step_targets(y, name)
    if values.ndim != 1 or values.dtype.kind != "U":
        raise ValueError(
            f"{name} must be one string a step, such as 'B-PER'. Got "
            f"{values.dtype} of shape {values.shape[1:]} a step instead."
        )
    return values, offsets


def convert_tags(
    values: NDArray, offsets: NDArray[np.int64], source: str, target: str
) -> NDArray[np.str_]:
    """Return the tags of another scheme that mark the same spans."""
    rules = get_scheme(target)
    spans = find_spans(values, offsets, source)
    converted = np.full(len(values), OUTSIDE, dtype=object)
    previous_stop, previous_kind = -1, -1
    for start, stop, kind in zip(spans.starts, spans.stops, spans.kinds, strict=True):
        letters = _span_letters(int(stop - start), rules)
        touches = start == previous_stop and kind == previous_kind
        if target == "iob1" and touches and start not in offsets:
            letters = "B" + letters[1:]
        suffix = f"-{spans.types[kind]}" if spans.types[kind] else ""
        converted[start:stop] = [letter + suffix for letter in letters]
        previous_stop, previous_kind = stop, kind
    return converted.astype(str)


def _span_letters(length: int, rules: _Scheme) -> str:
    if length == 1:
        return rules.one_step
    return rules.begins[0] + "I" * (length - 2) + rules.last
