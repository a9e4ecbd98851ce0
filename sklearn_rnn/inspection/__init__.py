"""See inside a fitted network: curves, gradients, importances."""

from sklearn_rnn.inspection._permutation_importance import permutation_importance
from sklearn_rnn.inspection._plot.gradient_flow import GradientFlowDisplay
from sklearn_rnn.inspection._plot.training import TrainingDisplay

__all__ = [
    "GradientFlowDisplay",
    "TrainingDisplay",
    "permutation_importance",
]
