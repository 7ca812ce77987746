"""Noise levels in the trainer's own time, as ``Path.sample`` draws them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, eq=False)
class Levels:
    """A batch of noise levels: arrays of one shape (a pytree under JAX).

    ``t``: the trainer's time, float32; the index of the timestep, an integer, for a table. ``alpha`` and
    ``sigma``: x_t = alpha x0 + sigma eps at that t. ``log_prob``: ln of the density with which t was drawn,
    per unit t (per timestep for a table). ``ratio``: infonoise's sigma, sigma / alpha, which
    ``Path.observe`` needs. All are constants for gradients, also where the path is learned: its gradient flows
    through ``path.alpha(levels.t)`` and ``path.sigma(levels.t)``.
    """

    t: Any
    alpha: Any
    sigma: Any
    log_prob: Any
    ratio: Any

    def __getitem__(self, part) -> Levels:
        """A part of the batch: ``levels[:8]`` for a micro-batch."""
        return Levels(*(getattr(self, field.name)[part] for field in fields(self)))
