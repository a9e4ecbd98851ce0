import torch
from skorch.callbacks import Callback
from torch import nn


class FocalCriterion(nn.Module):
    """-(1 - p)^gamma log p of the true class (Lin et al., ICCV 2017)."""

    def __init__(self, gamma):
        super().__init__()
        self.gamma = gamma

    def forward(self, output, target):
        log_p = torch.log_softmax(output, dim=1)
        log_p = log_p.gather(1, target.unsqueeze(1)).squeeze(1)
        return -((1 - log_p.exp()) ** self.gamma) * log_p


class FocalLoss(Callback):
    """Train with the focal loss instead of the cross-entropy."""

    def __init__(self, gamma=2.0):
        self.gamma = gamma

    def on_train_begin(self, net, **kwargs):
        net.criterion_ = FocalCriterion(self.gamma)
