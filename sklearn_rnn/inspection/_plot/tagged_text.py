"""TaggedTextDisplay: words coloured by their tags, as HTML or as a plot."""

from html import escape
from typing import NamedTuple

import numpy as np

from sklearn_rnn._inspectable import answers_each_step, predicts_one_class
from sklearn_rnn._sequences import check_same_steps, check_step_targets, find_spans
from sklearn_rnn.inspection._common import resolve_inputs
from sklearn_rnn.inspection._plot._sequences import (
    make_wide_axes,
    show_token,
    size_in_points,
)
from sklearn_rnn.inspection._plot._style import PALETTE, lighten
from sklearn_rnn.inspection._steps import name_tokens

_OUTSIDE = "O"
_TINTS = (0.3, 0.6)  # of the first six colours, and of their repetition
_FONT_SIZES = range(13, 4, -1)  # points; the largest that fits is used
_GLYPH_WIDTH, _LINE_HEIGHT = 0.62, 2.6  # of monospaced text, relative to the font size
_TAG_SIZE = 0.7  # font size of tags, relative to that of words
_WIDTH, _MAX_HEIGHT, _MARGIN = 6.2, 9.0, 0.5  # of a new figure, inches
_WRONG = "dashed frame: wrong, true tag in brackets"


class TaggedTextDisplay:
    """Words coloured by their tags, with the tag below each word.

    A notebook renders the display as HTML; :meth:`plot` draws it with matplotlib. With
    a tag scheme, the words of a span share one box, labelled with its type, and words
    outside a span have no box. If true tags are given, wrong tags have a dashed frame
    and the true tag in brackets.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    words : list of list of str
        The words of each sentence.
    tags : list of array-like of shape (n_words_i,)
        A label for each word.
    y_true : list of array-like of shape (n_words_i,), default=None
        The true labels.
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default=None
        Tag scheme. If None, each word has its own box.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot. Set by `plot`.
    figure_ : matplotlib Figure
        Figure that contains `ax_`. Set by `plot`.

    See Also
    --------
    StepLabelDisplay : Labels of the steps of a signal.
    sklearn_rnn.metrics.span_classification_report : Scores of each type of span.

    Notes
    -----
    There are six colours, safe for colour-blind people, in two tints. They repeat if
    there are more than twelve tags, which remain distinguishable by their text.

    Examples
    --------
    >>> from sklearn_rnn.inspection import TaggedTextDisplay
    >>> words = [["Ada", "Lovelace", "lived", "in", "London"]]
    >>> tags = [["B-PER", "I-PER", "O", "O", "B-LOC"]]
    >>> display = TaggedTextDisplay.from_predictions(words, tags, scheme="iob2")
    >>> display = display.plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['Ada', 'PER', 'Lovelace', 'lived', 'in', 'London', 'LOC']
    """

    def __init__(self, words, tags, *, y_true=None, scheme=None):
        self.words = words
        self.tags = tags
        self.y_true = y_true
        self.scheme = scheme

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, scheme=None):
        """Predict the tags of some sentences.

        Parameters
        ----------
        estimator : RNNTagger, Pipeline or search
            Fitted, with one label per step. X must be given as words or text, so a
            pipeline usually begins with `SequenceTokenizer` or `WordAttributes`.
        X : like X in `fit`
            A few sentences.
        y : like y in `fit`, default=None
            The true labels.
        scheme : {"iob1", "iob2", "iobes", "bilou"}, default=None
            Tag scheme. By default, the `scheme` of the tagger; without a scheme, each
            word has its own box.

        Returns
        -------
        display : TaggedTextDisplay
            The display, not yet plotted. Call `plot` to draw it with matplotlib.

        Raises
        ------
        TypeError
            If the estimator is not a tagger with one label per step, or X has no words.
        ValueError
            If X, y or the scheme is invalid.
        """
        seen = resolve_inputs(estimator, X)
        check_labels_each_step(cls, seen.rnn)
        words = seen.words or name_tokens(estimator, seen)
        if words is None:
            raise TypeError(
                "TaggedTextDisplay requires words: sentences split into words, or "
                "texts for a SequenceTokenizer. Use StepLabelDisplay for numbers."
            )
        scheme = seen.rnn.scheme if scheme is None else scheme
        return cls.from_predictions(words, estimator.predict(X), y, scheme=scheme)

    @classmethod
    def from_predictions(cls, words, tags, y_true=None, *, scheme=None):
        """Display given tags.

        Parameters
        ----------
        words : list of list of str
            The words of each sentence.
        tags : list of array-like of shape (n_words_i,)
            A label for each word.
        y_true : list of array-like of shape (n_words_i,), default=None
            The true labels.
        scheme : {"iob1", "iob2", "iobes", "bilou"}, default=None
            Tag scheme. By default, the `scheme` of the tagger; without a scheme, each
            word has its own box.

        Returns
        -------
        display : TaggedTextDisplay
            The display, not yet plotted. Call `plot` to draw it with matplotlib.

        Raises
        ------
        TypeError, ValueError
            If there is not one tag for each word, or the scheme is invalid.
        """
        words = [[str(word) for word in sentence] for sentence in words]
        lengths = np.cumsum([0, *map(len, words)])
        tags = _read_labels(tags, lengths, "tags")
        y_true = None if y_true is None else _read_labels(y_true, lengths, "y_true")
        if scheme is not None:
            for sentence in [*tags, *(y_true or [])]:
                find_spans(sentence, np.array([0, len(sentence)]), scheme)
        return cls(words, tags, y_true=y_true, scheme=scheme)

    def plot(self, ax=None):
        """Plot the sentences, each starting on a new line.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : TaggedTextDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, self.ax_ = make_wide_axes(ax)
        self.ax_.set_axis_off()
        sentences = self._find_boxes()
        if ax is None:
            self.figure_.set_figheight(_estimate_height(sentences))
        if any(box.truth for boxes in sentences for box in boxes):
            self._plot_legend()
        size, pieces, extent = _fit_boxes(sentences, *size_in_points(self.ax_))
        colors = self._choose_colors()
        for piece in pieces:
            self._plot_piece(piece, colors, size)
        self.ax_.set(xlim=(0, extent[0]), ylim=(extent[1], 0))
        return self

    def _repr_html_(self):
        colors = self._choose_colors()
        rows = []
        for boxes in self._find_boxes():
            marks = " ".join(_box_to_html(box, colors) for box in boxes)
            rows.append(f'<p style="margin:0.4em 0;line-height:2.4">{marks}</p>')
        wrong = any("2px dashed" in row for row in rows)
        note = f'<p style="font-size:small">{_WRONG}</p>' if wrong else ""
        return (
            '<div class="sklearn-rnn-tagged-text" style="background:white;color:black;'
            f'padding:0.5em">{"".join(rows)}{note}</div>'
        )

    def _find_boxes(self):
        """Return the boxes of each sentence: spans, or single words."""
        truth = self.y_true or [None] * len(self.words)
        rows = zip(self.words, self.tags, truth, strict=True)
        return [_find_boxes(*row, self.scheme) for row in rows]

    def _choose_colors(self):
        """Return the colour of each name of a box."""
        sets = [self.tags] if self.y_true is None else [self.tags, self.y_true]
        sentences = [
            _find_boxes(labels, labels, None, self.scheme)
            for each in sets
            for labels in each
        ]
        names = sorted({box.name for boxes in sentences for box in boxes})
        names = [name for name in names if name != _OUTSIDE]
        colors = PALETTE[1:]
        return {_OUTSIDE: "#ffffff"} | {
            name: lighten(
                colors[i % len(colors)], _TINTS[i // len(colors) % len(_TINTS)]
            )
            for i, name in enumerate(names)
        }

    def _plot_piece(self, piece, colors, size):
        from matplotlib.patches import Rectangle

        box, line = piece.box, piece.line
        if box.is_marked:
            frame = {"edgecolor": "0.6", "linewidth": 0.8}
            if box.truth:
                frame = {"edgecolor": "black", "linewidth": 1.4, "linestyle": "--"}
            left, width = piece.left - 0.3, piece.right - piece.left + 0.6
            corner, color = (left, line + 0.06), colors[box.name]
            self.ax_.add_patch(Rectangle(corner, width, 0.88, fc=color, **frame))
        style = {"family": "monospace", "ha": "center", "va": "center_baseline"}
        for i, (word, middle) in enumerate(piece.words):
            self.ax_.text(
                middle,
                line + 0.33,
                show_token(word),
                size=size,
                parse_math=False,
                **style,
            )
            if i == 0 and piece.is_first and box.is_marked:
                self.ax_.text(
                    (piece.left + piece.right) / 2,
                    line + 0.75,
                    box.label,
                    size=_TAG_SIZE * size,
                    color="0.15",
                    parse_math=False,
                    **style,
                )

    def _plot_legend(self):
        from matplotlib.patches import Patch

        dashed = Patch(facecolor="white", edgecolor="black", linestyle="--")
        self.ax_.legend(
            handles=[dashed],
            labels=[_WRONG.removeprefix("dashed frame: ")],
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            frameon=False,
            fontsize="small",
        )


def check_labels_each_step(display, rnn):
    """Raise an error if an estimator does not predict one label per step."""
    if not answers_each_step(rnn) or not predicts_one_class(rnn):
        raise TypeError(
            f"{display.__name__} requires an RNNTagger with one label per step. Got "
            f"{type(rnn).__name__}"
            + (" with several labels per step." if hasattr(rnn, "scheme") else ".")
        )


class _Box(NamedTuple):
    words: list[str]
    name: str  # tag, or type of the span
    truth: str  # true tags if different, else ""

    @property
    def is_marked(self):
        return self.name != _OUTSIDE or bool(self.truth)

    @property
    def label(self):
        return f"{self.name} ({self.truth})" if self.truth else self.name


class _Piece(NamedTuple):
    """The part of a box on one line; positions in characters and lines."""

    box: _Box
    words: list[tuple[str, float]]  # with their horizontal centres
    line: int
    left: float
    right: float
    is_first: bool


def _read_labels(y, lengths, name):
    """Return one label per word as a list of arrays of str."""
    values, offsets = check_step_targets(y, name)
    check_same_steps(lengths, offsets, ("words", name))
    if values.ndim != 1:
        raise ValueError(
            f"{name} must be one label per word. Got {values.shape[1]} columns instead."
        )
    return np.split(values.astype(str), offsets[1:-1])


def _find_boxes(words, tags, truth, scheme):
    """Return the boxes of one sentence."""
    tags = np.asarray(tags)
    stops, names = np.arange(1, len(tags) + 1), dict(enumerate(tags.tolist()))
    if scheme is not None:
        spans = find_spans(tags, np.array([0, len(tags)]), scheme)
        inside = np.zeros(len(tags), bool)
        for start, stop, kind in zip(
            spans.starts, spans.stops, spans.kinds, strict=True
        ):
            inside[start : stop - 1] = True
            names[int(start)] = spans.types[kind] or tags[start].item()
        stops = stops[~inside]
    boxes, start = [], 0
    for stop in stops.tolist():
        wrong = truth is not None and (truth[start:stop] != tags[start:stop]).any()
        true_tags = list(dict.fromkeys(truth[start:stop].tolist())) if wrong else []
        boxes.append(_Box(list(words[start:stop]), names[start], " ".join(true_tags)))
        start = stop
    return boxes


def _box_to_html(box, colors):
    text = escape(" ".join(show_token(word) for word in box.words))
    if not box.is_marked:
        return f"<span>{text}</span>"
    border = "2px dashed black" if box.truth else "1px solid #999"
    return (
        f'<mark style="background:{colors[box.name]};color:black;border:{border};'
        'border-radius:0.3em;padding:0.15em 0.35em;white-space:normal">'
        f'{text} <small style="font-weight:bold">{escape(box.label)}</small></mark>'
    )


# Layout of the boxes -----------------------------------------------------------------


def _estimate_height(sentences):
    """Return the height of a new figure, in inches."""
    size = _FONT_SIZES[0]
    pieces = _place_boxes(sentences, 72 * _WIDTH / (_GLYPH_WIDTH * size))
    height = (pieces[-1].line + 1) * _LINE_HEIGHT * size / 72
    return _MARGIN + min(height, _MAX_HEIGHT)


def _fit_boxes(sentences, width, height):
    """Choose the font size, in points, and place the boxes."""
    for size in _FONT_SIZES:
        n_columns = width / (_GLYPH_WIDTH * size)
        n_lines = height / (_LINE_HEIGHT * size)
        pieces = _place_boxes(sentences, n_columns)
        last, widest = pieces[-1].line + 1, max(piece.right for piece in pieces)
        if last <= n_lines and widest <= n_columns:
            break
    return size, pieces, (max(n_columns, widest + 0.5), max(n_lines, last))


def _place_boxes(sentences, n_columns):
    """Break sentences into lines; a box that does not fit continues on the next."""
    pieces, line = [], -1
    for boxes in sentences:
        line, column = line + 1, 0.5
        for box in boxes:
            tag_width = _TAG_SIZE * len(box.label) if box.is_marked else 0
            words, left, is_first = [], column, True
            for word in box.words:
                width = max(len(word), 1)
                needed = width if words else max(width, tag_width)
                if column > 0.5 and column + needed + 0.5 > n_columns:
                    if words:
                        pieces.append(_end_piece(box, words, line, left, 0, is_first))
                        words, is_first = [], False
                    line, column = line + 1, 0.5
                    left = column
                words.append((word, column + width / 2))
                column += width + 1
            piece = _end_piece(box, words, line, left, tag_width, is_first)
            pieces.append(piece)
            column = piece.right + 1.2
    return pieces


def _end_piece(box, words, line, left, tag_width, is_first):
    """Return a piece, with its words centred if the tag is wider."""
    word, middle = words[-1]
    right = middle + max(len(word), 1) / 2
    missing = max(0, tag_width - (right - left)) if is_first else 0
    words = [(word, middle + missing / 2) for word, middle in words]
    return _Piece(box, words, line, left, right + missing, is_first)
