"""Words and their phonemes."""

import gzip
import re
from itertools import compress

from _data import DATA, load_pronunciation


def read_lines(*path):
    """Return the lines of a compressed text file."""
    with gzip.open(DATA.joinpath(*path), "rt", encoding="utf-8") as lines:
        return lines.read().splitlines()


def unzip(pairs):
    """Return two lists."""
    return tuple(map(list, zip(*pairs, strict=True)))


def load_cmudict():
    """Return training pairs, and test words with all their pronunciations.

    Every tenth word of the sorted list is for test. Phonemes are without stress.
    """
    spoken = {}
    for line in read_lines("cmudict", "cmudict.dict.gz"):
        word, *phonemes = re.sub(r"#.*", "", line).split()
        word = re.sub(r"\(\d+\)$", "", word)
        if re.fullmatch("[a-z'.-]*[a-z][a-z'.-]*", word):
            answer = " ".join(p.rstrip("012") for p in phonemes)
            spoken.setdefault(word, {})[answer] = None
    words = sorted(spoken)
    train = [(w, y) for i, w in enumerate(words) if i % 10 for y in spoken[w]]
    return unzip(train), (words[::10], [list(spoken[w]) for w in words[::10]])


def load_nettalk():
    """Return training and test pairs: words and phonemes without silent letters.

    Every fifth line is for test.
    """
    words, phonemes, is_test = load_pronunciation()
    spoken = ["".join(p).replace("-", "") for p in phonemes]
    train, test = (
        unzip(compress(zip(words, spoken, strict=True), rows))
        for rows in (~is_test, is_test)
    )
    return train, test
