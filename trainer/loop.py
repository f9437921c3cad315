"""The training loop: batches in, an averaged network out; crash-safe, resumable, distributed.

One story for teachers and student: what differs stands in the recipe and in the soft labels.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from core.checkpoint import ModelCard
from core.distillation import loss_terms, published_terms, require_finite
from core.face_network import normalize
from trainer.precision import autocast
from trainer.recipes import Recipe
from trainer.run_folder import RunFolder
from trainer.views import Batch, BatchSource, total_steps

logger = logging.getLogger(__name__)

LOG_EVERY_STEPS = 20
SAVE_EVERY_SECONDS = 60.0

#: Called once an epoch with the averaged network; returns figures for the log.
Validate = Callable[[nn.Module], Mapping[str, float]]


class TrainingStopped(Exception):
    """Somebody asked the training to stop; its state is saved."""


def learning_rate(step: int, recipe: Recipe, steps_per_epoch: int) -> float:
    """(1) linear warm-up, (2) cosine decay to 1 % of the peak at the last step."""
    warmup = recipe.warmup_epochs * steps_per_epoch
    last = total_steps(recipe, steps_per_epoch)
    if step < warmup:
        return recipe.learning_rate * (step + 1) / (warmup + 1)
    progress = min(1.0, (step - warmup) / max(1.0, last - warmup))
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress)))


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Biases and normalisation scales are not decayed."""
    matrices = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    vectors = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
    if recipe.optimizer not in kinds:
        raise ValueError(f"unknown optimizer {recipe.optimizer!r}; known: {', '.join(kinds)}")
    # fused: one pass over memory, three times as fast as the default on two cores
    return kinds[recipe.optimizer](groups, lr=recipe.learning_rate, fused=True)


@dataclass
class Pace:
    """How fast the steps since the last line of the log were."""

    batch_size: int
    steps: int = 0
    seconds: float = 0.0
    waited: float = 0.0  # of these seconds, for the loader

    def add(self, seconds: float, waited: float) -> None:
        self.steps, self.seconds = self.steps + 1, self.seconds + seconds
        self.waited += waited

    def take(self) -> dict[str, float]:
        """Figures of the steps so far, which begin anew."""
        spent = max(1e-9, self.seconds)
        figures = {
            "images_per_s": self.steps * self.batch_size / spent,
            "waiting_share": self.waited / spent,
        }
        self.steps, self.seconds, self.waited = 0, 0.0, 0.0
        return figures


@dataclass
class Trainer:
    """One run. ``fit`` trains from the saved state, if any, to the end."""

    network: nn.Module
    card: ModelCard
    recipe: Recipe
    source: BatchSource
    folder: RunFolder
    device: torch.device
    validate: Validate
    stop: threading.Event | None = None  # asks for an end after the present step

    def __post_init__(self) -> None:
        self.network.to(self.device)
        self.network.to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.network, self.recipe)
        decay = self.recipe.ema_decay
        self.average = ModelEmaV3(self.network, decay=decay, use_warmup=True) if decay else None
        self.step = 0
        self.seconds = 0.0  # of training, before and after resuming
        self.steps_per_epoch = self.source.steps  # which goes over all faces: asked once
        self.forward: nn.Module = self.network
        if self.source.world > 1:
            self.forward = nn.parallel.DistributedDataParallel(self.network)
        if self.recipe.compiled:
            self.forward = compiled(self.forward, self.device)

    @property
    def result(self) -> nn.Module:
        """The network to keep: the moving average where the recipe has one."""
        return self.average.module if self.average is not None else self.network

    @property
    def is_first_rank(self) -> bool:
        return self.source.rank == 0

    def fit(self) -> nn.Module:
        self._resume()
        steps = self.steps_per_epoch
        last = total_steps(self.recipe, steps)
        while self.step < last:
            epoch = self.step // steps
            self._epoch(epoch, first_step=self.step % steps, last=last)
            if self.is_first_rank:
                self._report(epoch)
                self._save()
        return self.result

    def _epoch(self, epoch: int, first_step: int, last: int) -> None:
        self.network.train()
        saved_at = ended = asked = time.monotonic()
        pace = Pace(self.recipe.batch_size)
        for batch in self.source.epoch(epoch, first_step):
            waited = time.monotonic() - asked
            if self.step == 0 and self.is_first_rank:
                self.folder.save_batch_picture(batch.crops.numpy())
            terms = self.train_step(batch.to(self.device))
            self.step += 1
            now = time.monotonic()
            self.seconds += now - ended
            pace.add(now - ended, waited)
            ended = now
            is_end = self.step >= last or self.step % self.steps_per_epoch == 0
            if self.is_first_rank and (is_end or self.step % LOG_EVERY_STEPS == 0):
                self._log(terms, **pace.take())
            if self.is_first_rank and now - saved_at > SAVE_EVERY_SECONDS:
                self._save()
                saved_at = time.monotonic()
            self._stop_if_asked()
            if self.step >= last:
                break
            asked = time.monotonic()

    def _stop_if_asked(self) -> None:
        """All ranks stop after the same step, and none ends before the state is saved: whoever
        misses another one can do nothing more."""
        if self.stop is None or not self._anywhere(self.stop.is_set()):
            return
        self.stop.set()
        if self.is_first_rank:
            self._save()
        self._anywhere(False)
        raise TrainingStopped(f"stopped at step {self.step}, its state saved")

    def _anywhere(self, flag: bool) -> bool:
        """Whether it is so on any rank; every rank waits here for the others."""
        if self.source.world == 1:
            return flag
        flags = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags)

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        rate = learning_rate(self.step, self.recipe, self.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        images = normalize(batch.crops, self.card)
        with autocast(self.device, self.recipe.precision):
            outputs = self.forward(images)
        if self.recipe.published_loss:
            terms = published_terms(outputs, batch.soft)
        else:
            terms = loss_terms(outputs, batch.targets, batch.soft, self.recipe.loss)
        total = torch.stack(list(terms.values())).sum()
        require_finite(total, terms, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        if self.recipe.clip_value:
            nn.utils.clip_grad_value_(self.network.parameters(), self.recipe.clip_value)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.network, step=self.step)
        return {"loss": total.detach(), **{k: v.detach() for k, v in terms.items()}}

    def _log(self, terms: Mapping[str, Tensor], **speed: float) -> None:
        values = {name: float(value) for name, value in terms.items()}
        epoch = self.step / self.steps_per_epoch
        self.folder.log({"step": self.step, "epoch": epoch, **values, **speed})
        logger.info(
            "step %d epoch %.2f loss %.3f  %.0f images/s",
            self.step,
            epoch,
            values["loss"],
            speed["images_per_s"],
        )

    def _report(self, epoch: int) -> None:
        figures = dict(self.validate(self.result))
        self.folder.log({"step": self.step, "epoch": epoch + 1, "seconds": self.seconds, **figures})
        self.folder.save_curves()
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        logger.info("after epoch %d: %s", epoch + 1, text)

    def _save(self) -> None:
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        if self.average is not None:
            state["average"] = self.average.module.state_dict()
        self.folder.save_state(state)

    def _resume(self) -> None:
        state = self.folder.load_state()
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.module.load_state_dict(state["average"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        logger.info("resuming at step %d", self.step)


def compiled(network: nn.Module, device: torch.device) -> nn.Module:
    """``network`` by torch.compile; as it is, with a warning, where torch would not find the
    compiler of what it writes itself: C++ for the CPU; for GPUs Triton's launchers, in C."""
    if device.type == "cpu":  # as torch/_inductor/cpp_builder.py: a command, split as a shell does
        language, variable = "C++", "CXX"
        tried = shlex.split(os.environ.get("CXX", "g++"))[:1]
    else:  # as triton/runtime/build.py: one program
        language, variable = "C", "CC"
        tried = [os.environ["CC"]] if "CC" in os.environ else ["gcc", "clang"]
    if not any(shutil.which(name) for name in tried):
        logger.warning(
            "no %s compiler found (tried %s): training is not compiled, and slower; install one, "
            "or name yours in %s",
            *(language, " and ".join(tried) or "nothing", variable),
        )
        return network
    return torch.compile(network)  # type: ignore[return-value]


@contextlib.contextmanager
def process_group(device: torch.device) -> Any:
    """(rank, world) of this process; joins the group that ``torchrun`` describes, if any. Ray Train
    has joined it already."""
    if dist.is_initialized():
        yield dist.get_rank(), dist.get_world_size()
        return
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)  # or every rank would also hold memory of the first device
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield dist.get_rank(), world
    finally:
        dist.destroy_process_group()
