"""Learning curve as inline SVG."""

import math
from collections.abc import Sequence

_WIDTH, _HEIGHT, _MARGIN = 260, 90, 6


def learning_curve_svg(
    losses: Sequence[float], scores: Sequence[float] | None = None
) -> str:
    """Draw the training loss, and the validation score if there is one.

    Parameters
    ----------
    losses : sequence of float
        Training loss of each epoch.
    scores : sequence of float, default=None
        Validation score of each epoch.

    Returns
    -------
    svg : str
        An HTML fragment. Each curve fills the height with its own range, which the
        caption gives in numbers.
    """
    if not losses:
        return ""
    curves = [("training loss", losses, "#0072B2", "")]
    if scores:
        curves.append(("validation score", scores, "#D55E00", "5 3"))
    lines = "".join(
        f'<polyline fill="none" stroke="{color}" stroke-width="2" '
        f'stroke-dasharray="{dash}" points="{_points(values)}"/>'
        for _, values, color, dash in curves
    )
    caption = ", ".join(
        f'<span style="color:{color}">{name} {values[0]:.3g} &rarr; '
        f"{values[-1]:.3g}</span>"
        for name, values, color, _ in curves
    )
    text = f"Learning curve over {len(losses)} epochs"
    return (
        '<figure class="sklearn-rnn-curve" style="margin:0.5em 0">'
        f'<svg role="img" aria-label="{text}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}"><title>{text}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>'
        f'{lines}</svg><figcaption style="font-size:small">{text}: {caption}'
        "</figcaption></figure>"
    )


def _points(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    span = high - low if high > low and math.isfinite(high - low) else 1.0
    last = max(1, len(values) - 1)
    width, height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    return " ".join(
        f"{_MARGIN + width * i / last:.1f},{_MARGIN + height * (high - v) / span:.1f}"
        for i, v in enumerate(values)
    )
