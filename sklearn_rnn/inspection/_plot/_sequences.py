"""Code shared by the displays of sequences: colours, step axes, tokens."""

from numbers import Integral

from sklearn_rnn.inspection._plot._style import make_axes

# of Okabe and Ito, as in _style
RAISES, LOWERS = "#D55E00", "#0072B2"
# lightness rises with the value: for the colour-blind, and in grey
HEAT = "cividis"
_MAX_LABELS = 60
_VISIBLE = {" ": "\N{OPEN BOX}", "\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}"}


def make_wide_axes(ax):
    """Return figure and axes as `make_axes`; new ones with room for long labels."""
    figure, axes = make_axes(ax)
    if ax is None:
        figure.set_layout_engine("constrained")
    return figure, axes


def size_in_points(ax):
    """Return width and height of axes as they will be, with all that stands beside."""
    ax.figure.draw_without_rendering()
    box, points = ax.get_window_extent(), 72 / ax.figure.dpi
    return box.width * points, box.height * points


def check_sample(sample, n_samples):
    """Refuse what is not the number of a sequence."""
    if not isinstance(sample, Integral) or not -n_samples <= sample < n_samples:
        raise ValueError(
            f"The 'sample' parameter must be an integer from 0 to {n_samples - 1}. Got "
            f"{sample!r} instead."
        )


def show_token(token):
    """Return a token as it is drawn: a space or a line break as a sign for it."""
    return _VISIBLE.get(token, token)


def label_steps(ax, tokens):
    """Name the x axis, and its ticks after the tokens if there are not too many."""
    ax.set_xlabel("step")
    if tokens is None or len(tokens) > _MAX_LABELS:
        return
    upright = all(len(token) <= 2 for token in tokens)
    names = [show_token(token) for token in tokens]
    rotation = 0 if upright else 90
    ax.set_xticks(range(len(tokens)), names, rotation=rotation, parse_math=False)
    ax.set_xlabel("token")


def draw_heat(ax, values, *, steps_per_state, low, high):
    """Draw (n_rows, n_states) values, the first row on top, over steps of the input.

    The cell of a state is centred on the step that the state is centred on, and as wide
    as the steps between two states. What is masked stays white.
    """
    half = steps_per_state / 2
    n_rows, n_states = values.shape
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax.imshow(
        values,
        cmap=HEAT,
        vmin=low,
        vmax=high,
        aspect="auto",
        interpolation="nearest",
        extent=(-half, n_states * steps_per_state - half, n_rows - 0.5, -0.5),
    )
