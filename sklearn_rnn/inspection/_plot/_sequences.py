"""Code shared by the displays of sequences: colours, step axes, tokens."""

from numbers import Integral

from sklearn_rnn.inspection._plot._style import make_axes

# Okabe and Ito's colours, as in _style
RAISES, LOWERS = "#D55E00", "#0072B2"
# lightness rises with the value: readable for colour-blind people, and in grey
HEAT = "cividis"
_MAX_LABELS = 60
_VISIBLE = {" ": "\N{OPEN BOX}", "\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}"}


def make_wide_axes(ax):
    """Return figure and axes as `make_axes`; new ones have room for long labels."""
    figure, axes = make_axes(ax)
    if ax is None:
        figure.set_layout_engine("constrained")
    return figure, axes


def size_in_points(ax):
    """Return the final width and height of axes, after the layout of all labels."""
    ax.figure.draw_without_rendering()
    box, points = ax.get_window_extent(), 72 / ax.figure.dpi
    return box.width * points, box.height * points


def check_sample(sample, n_samples):
    """Raise an error if `sample` is not the index of a sequence."""
    if not isinstance(sample, Integral) or not -n_samples <= sample < n_samples:
        raise ValueError(
            f"The 'sample' parameter must be an integer from 0 to {n_samples - 1}. Got "
            f"{sample!r} instead."
        )


def show_token(token):
    """Return a token with a visible symbol in place of a space or line break."""
    return _VISIBLE.get(token, token)


def label_steps(ax, tokens):
    """Label the x axis, and its ticks by tokens if there are not too many."""
    ax.set_xlabel("step")
    if tokens is None or len(tokens) > _MAX_LABELS:
        return
    upright = all(len(token) <= 2 for token in tokens)
    names = [show_token(token) for token in tokens]
    rotation = 0 if upright else 90
    ax.set_xticks(range(len(tokens)), names, rotation=rotation, parse_math=False)
    ax.set_xlabel("token")


def draw_heat(ax, values, *, steps_per_state, low, high):
    """Draw (n_rows, n_states) values over steps of the input, the first row on top.

    Each cell is centred on the step of its state and as wide as the distance between
    two states. Masked cells stay white.
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
