"""See inside a fitted network: curves, gradients, importances."""

__all__: list[str] = []
