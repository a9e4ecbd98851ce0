"""Tag schemes: how tags of single steps spell spans."""

import numpy as np
from numpy.typing import NDArray

# scheme -> prefix -> (begins a span, ends a span)
PREFIXES: dict[str, dict[str, tuple[bool, bool | None]]] = {
    "iob2": {"B": (True, None), "I": (False, None)},
    "iobes": {
        "B": (True, False),
        "I": (False, False),
        "E": (False, True),
        "S": (True, True),
    },
    "bilou": {
        "B": (True, False),
        "I": (False, False),
        "L": (False, True),
        "U": (True, True),
    },
}


def split_tag(tag: str, scheme: str) -> tuple[str, str]:
    """Return prefix and type of a tag; ("O", "") outside of spans.

    Raises
    ------
    ValueError
        If the tag is none of the scheme.
    """
    if tag == "O":
        return "O", ""
    prefix, dash, kind = str(tag).partition("-")
    if not dash or prefix not in PREFIXES[scheme]:
        prefixes = ", ".join(f"'{p}-...'" for p in PREFIXES[scheme])
        raise ValueError(
            f"{str(tag)!r} is no tag of the scheme {scheme!r}: 'O', {prefixes}."
        )
    return prefix, kind


def allowed_transitions(
    classes: NDArray, scheme: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tags may follow each other, begin and end a sequence.

    Parameters
    ----------
    classes : ndarray of str of shape (n_classes,)
        All tags.
    scheme : {"iob2", "iobes", "bilou"}
        Their scheme.

    Returns
    -------
    allowed : ndarray of bool of shape (n_classes, n_classes)
        From a tag (row) to the next (column).
    allowed_start, allowed_end : ndarray of bool of shape (n_classes,)
        Which tags may come first and last.

    Raises
    ------
    ValueError
        If a class is no tag of the scheme.
    """
    tags = [split_tag(tag, scheme) for tag in classes]
    allowed = np.array([[_may_follow(b, a, scheme) for b in tags] for a in tags])
    outside = ("O", "")
    starts = np.array([_may_follow(tag, outside, scheme) for tag in tags])
    ends = np.array([_may_follow(outside, tag, scheme) for tag in tags])
    return allowed, starts, ends


def _may_follow(tag: tuple[str, str], before: tuple[str, str], scheme: str) -> bool:
    """Whether a tag may stand after another one."""
    begins = tag[0] == "O" or PREFIXES[scheme][tag[0]][0]
    ended = before[0] == "O" or PREFIXES[scheme][before[0]][1]
    if ended is None:  # a span of IOB2 ends where the next tag does not go on
        return begins or before[1] == tag[1]
    return bool(begins) if ended else not begins and before[1] == tag[1]
