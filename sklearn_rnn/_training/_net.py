"""SequenceNet: skorch's training loop with custom batches, loss and seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer
from skorch.utils import TeeGenerator
from torch import Tensor

from sklearn_rnn._training._averaging import WeightAverage
from sklearn_rnn._training._callbacks import Monitor, copy_weights, make_reporters
from sklearn_rnn._training._checkpoint import TrainingFile
from sklearn_rnn._training._loader import BatchLoader, SequenceDataset
from sklearn_rnn._training._optimizers import GradientClipper
from sklearn_rnn._training._processes import (
    average_gradients,
    check_processes,
    count_processes,
    get_rank,
)
from sklearn_rnn._training._schedules import make_schedule
from sklearn_rnn._training._snapshot import Epoch, Training
from sklearn_rnn._training._state import history_from_state, revive_optimizer
from sklearn_rnn.nn import (
    RecordedChain,
    make_chain,
    set_dropout_generator,
    threads_for,
)
from sklearn_rnn.utils import finally_do


@dataclass
class Plan:
    """Plan of a training.

    Parameters
    ----------
    epochs : int
        Maximum number of epochs.
    schedule : {"onecycle", "cosine", "plateau"} or None, default=None
        Schedule of the learning rate.
    averaging : float, default=0.0
        Fraction of the updates, the last ones, whose mean the weights are at the end.
    """

    epochs: int
    schedule: str | None = None
    averaging: float = 0.0


class SequenceNet(NeuralNet):
    """skorch's net for batches of sequences.

    It differs from :class:`skorch.NeuralNet` in that

    - batches are gathered whole, and carry a weight for each sample;
    - the learning-rate schedule, the clipping and the mean gradient norm of each
      epoch are part of the loop;
    - a loss that is not finite raises an error;
    - Ctrl-C ends `run_epochs` with KeyboardInterrupt; skorch would swallow it, and a
      search would go on;
    - all randomness comes from the generator that `run_epochs` is given.

    Parameters
    ----------
    module : torch.nn.Module
        ``module(x, lengths)`` returns a tensor of shape (batch, size).
    max_grad_norm : float or None
        Gradients of a larger norm are scaled down to this one.
    **options
        As for :class:`skorch.NeuralNet`.
    """

    _chain: Any = None  # of the module as it is in this epoch, if kernels train it
    _is_watched = True  # whether callbacks of the user see each mini-batch
    _reporters: Sequence[Any] = ()  # those that count the mini-batches
    _average: Any = None  # of the weights, during training
    _clipper: Any = None
    _moments: Any = None  # of an optimizer that is not new

    def __init__(
        self, module: Any, *, max_grad_norm: float | None = None, **options: Any
    ) -> None:
        super().__init__(module, train_split=None, **options)
        self.max_grad_norm = max_grad_norm

    def revive(self, moments: Any, history: list[dict[str, Any]]) -> "SequenceNet":
        """Initialize with the optimizer and the history of an earlier net.

        Parameters
        ----------
        moments : object
            As `optimizer_to_state` returned them, or anything else: they come from a
            file.
        history : list of dict
            As `history_to_state` returned it.
        """
        self._moments = moments
        self.initialize()
        self._moments = None
        self.history_ = history_from_state(history)
        return self

    def initialize_optimizer(self, *args: Any, **options: Any) -> Any:
        if self._moments is not None:
            (groups,), options = self.get_params_for_optimizer(
                "optimizer", self.get_all_learnable_params()
            )
            self.optimizer_: Any = revive_optimizer(
                self.optimizer, groups, options, self._moments
            )
            return self
        try:
            return super().initialize_optimizer(*args, **options)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "The 'optimizer' parameter must be a class of torch.optim for all "
                f"weights of a network. Got {self.optimizer!r} instead: {error}"
            ) from error

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return [("epoch_timer", EpochTimer())]

    def run_epochs(
        self,
        dataset: SequenceDataset,
        plan: Plan,
        *,
        random_state: np.random.RandomState,
        seed: int,
        monitor: Monitor,
        checkpoint: TrainingFile | None = None,
    ) -> None:
        """Train for some epochs, or until `stop_training` is set.

        Parameters
        ----------
        dataset : SequenceDataset
            Training set.
        plan : Plan
            Epochs, schedule of the learning rate, and averaging.
        random_state : RandomState
            Source of the order of the samples.
        seed : int
            Seed of dropout. It is combined with the number of the epoch, so
            that epochs trained one at a time equal those of one training run.
        monitor : Monitor
            Called before the net's own callbacks, one of which may end the training.
        checkpoint : TrainingFile or None, default=None
            Where the training goes on from, and is written to.
        """
        device = torch.device(self.device)
        self.stop_training = False
        loader = dataset.make_loader(self.batch_size, device, random_state)
        check_processes(loader, self.module_, checkpoint)
        verbose = self.verbose if get_rank() == 0 else 0
        reporters = make_reporters(verbose, plan.epochs, len(loader))
        before, after = _named([monitor]), _named(reporters)
        n_updates = plan.epochs * len(loader)
        scheduler = make_schedule(plan.schedule, self.optimizer_, self.lr, n_updates)
        self._average = WeightAverage(self.module_, plan.averaging, n_updates)
        self._clipper = GradientClipper()
        generator = torch.Generator(device=device)
        set_dropout_generator(self.module_, generator)
        own_callbacks = list(self.callbacks_)
        own = [pair for pair in own_callbacks if not isinstance(pair[1], EpochTimer)]
        training = Training(
            self, scheduler, monitor, self._average, random_state, generator, own
        )
        n_epochs_before = len(self.history)
        self._is_watched = bool(own)
        self._reporters = [
            reporter
            for reporter in reporters
            if type(reporter).on_batch_end is not Callback.on_batch_end
        ]

        def end_training() -> None:
            self.callbacks_: list[Any] = own_callbacks
            set_dropout_generator(self.module_, None)
            self.module_.eval()
            self._chain = self._average = self._clipper = None
            self._is_watched, self._reporters = True, ()
            del self.history[n_epochs_before + len(monitor.losses_) :]  # unfinished

        with finally_do(end_training):
            self.callbacks_ = [*before, *own_callbacks, *after]
            self.notify("on_train_begin", X=dataset, y=None)
            try:
                n_done, finished = 0, False
                if checkpoint is not None:
                    n_done, finished = checkpoint.resume(training)
                with threads_for(self.module_, equal_lengths=dataset.has_equal_lengths):
                    for _ in range(n_done, n_done if finished else plan.epochs):
                        epoch_seed = seed + len(self.history)
                        generator.manual_seed(epoch_seed + (get_rank() << 32))
                        self._train_one_epoch(dataset, loader, training, checkpoint)
                        if checkpoint is not None:
                            checkpoint.end_batch(training, None)
                        if self.stop_training:
                            break
                    if checkpoint is not None:
                        checkpoint.finish(training)
                    self._average.apply()
            except KeyboardInterrupt:
                if checkpoint is not None:
                    checkpoint.write(finished=False)
                raise
            finally:
                self.module_.eval()
                self.notify("on_train_end", X=dataset, y=None)

    def _train_one_epoch(
        self,
        dataset: SequenceDataset,
        loader: BatchLoader,
        training: Training,
        checkpoint: TrainingFile | None,
    ) -> None:
        data = {"dataset_train": dataset, "dataset_valid": None}
        scheduler = training.scheduler
        self.notify("on_epoch_begin", **data)
        self.history.record("lr", self.optimizer_.param_groups[0]["lr"])
        self._prepare_chain(dataset)
        self._train_batches(loader, training, checkpoint)
        self._check_finite_weights()
        if scheduler is not None:
            scheduler.epoch_ends(self.history[-1]["train_loss"])
        try:
            with self._average.applied():  # a callback sees what predicts in the end
                self.notify("on_epoch_end", **data)
        except KeyboardInterrupt:
            if not self._stopped_by_callback():
                raise
            self.stop_training = True
        self.history[-1]["batches"].clear()  # memory must not grow with epochs

    def _train_batches(
        self, loader: BatchLoader, training: Training, checkpoint: TrainingFile | None
    ) -> None:
        self._set_training(True)
        batches, epoch = iter(loader), Epoch()
        if checkpoint is not None:
            epoch = checkpoint.begin_epoch(training, batches)
        for batch in batches:
            if self._is_watched:
                self.notify("on_batch_begin", batch=batch, training=True)
            step = self.train_step(batch)
            loss, norm = step["loss"].item(), step.pop("grad_norm")
            self._check_finite(loss, norm)
            self._average.add()
            if self._is_watched:
                size = len(batch[0]["x"])
                record = self.history[-1]["batches"][-1]
                record.update(train_loss=loss, train_batch_size=size)
                self.notify("on_batch_end", batch=batch, training=True, **step)
            else:
                for reporter in self._reporters:
                    reporter.on_batch_end(self)
            if training.scheduler is not None:
                training.scheduler.batch_ends()
            count = step.get("count", loader.count(batch))
            epoch.add(batch, loss, norm, count)
            if checkpoint is not None:
                checkpoint.end_batch(training, epoch)
        self.history.record("train_loss", epoch.loss / epoch.count)
        self.history.record("grad_norm", epoch.norm / len(loader))
        self.history.record("train_batch_count", len(loader))

    def _prepare_chain(self, dataset: SequenceDataset) -> None:
        if self._chain is not None and not self._is_watched:
            return  # nobody can have changed the module since the last epoch
        self._chain = make_chain(self.module_, self.criterion_)
        if self._chain is not None and not self._is_watched:
            self._chain = RecordedChain(
                self._chain, self.module_, equal_lengths=dataset.has_equal_lengths
            )

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        # as in skorch, with less Python overhead per batch
        result: dict[str, Any] = {}
        groups = self.optimizer_.param_groups
        parameters = [p for group in groups for p in group["params"]]

        def closure() -> Tensor:
            for parameter in parameters:
                parameter.grad = None
            result.update(self.train_step_single(batch))
            if count_processes() > 1:
                n_rows = len(batch[0]["x"])
                averaged = average_gradients(parameters, result["loss"], n_rows)
                result["loss"], result["count"] = averaged
            if self._is_watched:
                self._show_gradients(batch)
            result["grad_norm"] = self._clipper.clip(parameters, self.max_grad_norm)
            return result["loss"]

        self.optimizer_.step(closure)
        return result

    def _show_gradients(self, batch: Any) -> None:
        named = TeeGenerator(self.module_.named_parameters())
        self.notify(
            "on_grad_computed", named_parameters=named, batch=batch, training=True
        )

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        # as in skorch, without setting the training mode in each step
        inputs, target = batch
        if self._chain is not None:
            done = self._chain.compute_gradients(inputs, *target)
            if done is not None:
                return dict(zip(("loss", "y_pred"), done, strict=True))
        output = self.module_(**inputs)
        loss = self.get_loss(output, target, X=inputs, training=True)
        loss.backward()
        return {"loss": loss, "y_pred": output}

    def get_loss(
        self, y_pred: Tensor, y_true: Any, X: Any = None, training: bool = False
    ) -> Tensor:
        """Return the mean loss of a batch; `y_true` holds targets and weights."""
        target, weight = y_true
        losses = self.criterion_(y_pred, target)
        return (losses if weight is None else losses * weight).mean()

    def _check_finite_weights(self) -> None:
        """Raise an error if the last update made weights NaN or infinite."""
        norms = torch._foreach_norm([p.detach() for p in self.module_.parameters()])
        if not math.isfinite(float(torch.stack(norms).sum())):
            raise self._make_divergence_error("weights")

    def _check_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        raise self._make_divergence_error(
            "loss" if not math.isfinite(loss) else "gradient"
        )

    def _make_divergence_error(self, what: str) -> ValueError:
        return ValueError(
            f"The training {what} became NaN or infinite in epoch "
            f"{self.history[-1]['epoch']}. Try a smaller 'learning_rate', a smaller "
            "'max_grad_norm' or 'weight_decay', scaled targets, or nonlinearity='tanh'."
        )

    def _stopped_by_callback(self) -> bool:
        """Whether a skorch callback, not Ctrl-C, raised KeyboardInterrupt."""
        return any(
            isinstance(callback, EarlyStopping)
            and callback.misses_ == callback.patience
            for _, callback in self.callbacks_
        )

    def __getstate__(self) -> dict[str, Any]:
        # `module` is `module_`; skorch maps only the latter from a GPU to a machine
        # that has none
        state = super().__getstate__()
        state["module"] = None
        state.pop("_chain", None)
        state.pop("_average", None)
        state.pop("_clipper", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["module"] = self.module_


class Checkpoint:
    """State of a net that training changes, to restore it later.

    Parameters
    ----------
    net : SequenceNet
        Its weights, optimizer and history.
    random_state : RandomState
        The source of the order of the samples.
    """

    def __init__(self, net: SequenceNet, random_state: np.random.RandomState) -> None:
        self.net, self.random_state = net, random_state
        self.weights = copy_weights(net.module_)
        self.optimizer = _copy_tensors(net.optimizer_.state_dict())
        self.n_epochs = len(net.history)
        self.drawn = random_state.get_state()

    def restore(self) -> None:
        """Restore the state."""
        self.net.module_.load_state_dict(self.weights)
        self.net.optimizer_.load_state_dict(self.optimizer)
        del self.net.history[self.n_epochs :]
        self.random_state.set_state(self.drawn)


def _copy_tensors(value: Any) -> Any:
    """Copy a state dict of an optimizer, with its tensors."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copy_tensors(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copy_tensors(inner) for inner in value)
    return value


def _named(callbacks: Sequence[Callback]) -> list[tuple[str, Callback]]:
    return [(type(c).__name__, c.initialize()) for c in callbacks]
