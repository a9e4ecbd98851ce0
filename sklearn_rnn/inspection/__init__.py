"""Model inspection: training curves, gradient flow, attributions, importances."""

from sklearn_rnn.inspection._attention import attention_weights
from sklearn_rnn.inspection._attributions import step_attributions
from sklearn_rnn.inspection._gates import gate_activations
from sklearn_rnn.inspection._permutation_importance import permutation_importance
from sklearn_rnn.inspection._plot.alignment import AlignmentDisplay
from sklearn_rnn.inspection._plot.anomaly import AnomalyDisplay
from sklearn_rnn.inspection._plot.attention import AttentionDisplay
from sklearn_rnn.inspection._plot.attribution import AttributionDisplay
from sklearn_rnn.inspection._plot.forecast import ForecastDisplay
from sklearn_rnn.inspection._plot.gradient_flow import GradientFlowDisplay
from sklearn_rnn.inspection._plot.hidden_state import HiddenStateDisplay
from sklearn_rnn.inspection._plot.step_label import StepLabelDisplay
from sklearn_rnn.inspection._plot.tagged_text import TaggedTextDisplay
from sklearn_rnn.inspection._plot.training import TrainingDisplay

__all__ = [
    "AlignmentDisplay",
    "AnomalyDisplay",
    "AttentionDisplay",
    "AttributionDisplay",
    "ForecastDisplay",
    "GradientFlowDisplay",
    "HiddenStateDisplay",
    "StepLabelDisplay",
    "TaggedTextDisplay",
    "TrainingDisplay",
    "attention_weights",
    "gate_activations",
    "permutation_importance",
    "step_attributions",
]
