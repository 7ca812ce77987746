"""Tables of discrete timesteps: the noise that each really adds, asked of the trainer's own function.

    table = infonoise.timesteps.measured(noising.add_noise, torch.arange(1000))
    sigma, t = infonoise.coordinates.snap(scheduler.sample(256), table.levels, table.timesteps)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from infonoise import _native
from infonoise.arrays import SMALLEST, as_array, as_numbers

#: How far two answers to one question may be apart, relatively: float32 sums in another order.
REPEATED = 1e-5
#: How far alpha + sigma may be from the answer to both, relatively: bfloat16 has two to three digits.
ADDED = 0.02


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Table:
    """The noise of each timestep, x_t = alpha x0 + sigma eps, in rows of one length.

    ``alpha`` and ``sigma`` are these factors, float32. ``levels`` is sigma / alpha, float32: the noise's
    standard deviation in units of the data, which is what a schedule means by sigma.
    """

    timesteps: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray
    levels: np.ndarray


def measured(add_noise: Callable[..., Any], timesteps, shape: tuple[int, ...] = (1, 1, 1)) -> Table:
    """The noise that ``add_noise(x0, noise, timesteps)`` really adds at each of ``timesteps``.

    It is the function that your training calls, for instance the method of a scheduler of diffusers. If
    its arguments have another order, pass a lambda:

        measured(lambda x0, noise, t: flow.scale_noise(x0, t, noise), flow.timesteps[1:])

    It is asked with zeros and ones in float32, arrays of the library that ``timesteps`` is of: PyTorch
    (on their device), JAX, or else NumPy. They have the shape (n, *shape), so ``shape`` is that of one
    of your samples, if ``add_noise`` needs one. It is asked a second time, in another order and in
    batches of other sizes.

    ``ValueError`` names the timesteps whose answers differ between the two times or are not
    alpha x0 + sigma eps, those whose level is not positive and finite, and those at which the levels
    do not strictly rise, or fall.
    """
    steps = np.ravel(as_numbers("timesteps", on_host(timesteps)))
    if not steps.size:
        raise ValueError("timesteps has 0 entries, must have at least one: pass those that you train with")
    if not hasattr(timesteps, "reshape"):  # a list
        timesteps = steps
    everything = np.arange(steps.size)

    def ask(which: np.ndarray, x0: float, noise: float) -> np.ndarray:
        size = (which.size, *shape)
        parts = filled(timesteps, size, x0), filled(timesteps, size, noise), timesteps.reshape(-1)[which]
        try:
            answer = add_noise(*parts)
        except Exception as error:
            error.add_note(f"infonoise asked add_noise with {type(parts[0])} of shape {size}, as timesteps are {type(parts[2])}")
            raise
        return one_per_sample(answer, size)

    def ask_again(x0: float, noise: float) -> np.ndarray:
        answers = [ask(part.copy(), x0, noise) for part in np.split(everything[::-1], [1, 3]) if part.size]
        return np.concatenate(answers)[::-1]

    alpha, sigma = ask(everything, 1, 0), ask(everything, 0, 1)
    for name, x, again in (("alpha", alpha, ask_again(1, 0)), ("sigma", sigma, ask_again(0, 1))):
        for i in np.flatnonzero(~np.isclose(x, again, REPEATED, 0, equal_nan=True))[:1]:
            raise ValueError(
                f"{name} of timestep {steps[i]} = {x[i]:.6g} must be the same in every call, was {again[i]:.6g} in another "
                "order and batch: add_noise must not remember earlier calls. Take a scheduler's method that does not, "
                "or compute alpha and sigma yourself"
            )
    for i in np.flatnonzero(np.abs(ask(everything, 0, 0)) > REPEATED * (np.abs(alpha) + np.abs(sigma)))[:1]:
        raise ValueError(
            f"add_noise(0, 0) at timestep {steps[i]} must be 0: pass a function that returns alpha x0 + sigma eps and no more"
        )
    both = ask(everything, 1, 1)
    for i in np.flatnonzero(np.abs(both - alpha - sigma) > ADDED * (np.abs(alpha) + np.abs(sigma)))[:1]:
        raise ValueError(
            f"add_noise(1, 1) at timestep {steps[i]} = {both[i]:.6g} must be add_noise(1, 0) + add_noise(0, 1) = "
            f"{alpha[i]:.6g} + {sigma[i]:.6g}: pass a function that returns alpha x0 + sigma eps and no more"
        )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        levels = (sigma / alpha).astype(np.float32)
    if fault := refusal("levels", levels):
        i, reason = fault
        here = f"{reason}; timestep {steps[i]} has alpha = {alpha[i]:.6g}, sigma = {sigma[i]:.6g}"
        raise ValueError(f"{here}. {remedy(alpha[i], sigma[i])}")
    return Table(steps, alpha.astype(np.float32), sigma.astype(np.float32), levels)


def remedy(alpha: float, sigma: float) -> str:
    """What to do about a timestep with these factors."""
    if alpha == 0:
        return "Such a sample is noise alone (zero terminal SNR): leave this timestep out"
    if sigma == 0:
        return "It adds no noise: leave this timestep out, or add the noise in float32 if it is lost in bfloat16"
    if not np.isfinite(sigma / alpha) or sigma / alpha < 0:
        return "Both must be finite and positive: check the timesteps and the function"
    return (
        "After set_timesteps a scheduler may know only the timesteps of its sampling grid, some keep the level of their "
        "first call, and in bfloat16 levels coincide: use a scheduler made for training, and float32"
    )


def filled(like, size: tuple[int, ...], value: float) -> Any:
    """An array of float32 of the library of ``like``, and on its device where that is PyTorch."""
    if hasattr(like, "detach"):
        import torch

        return torch.full(size, float(value), dtype=torch.float32, device=like.device)
    xp = like.__array_namespace__() if hasattr(like, "__array_namespace__") else np
    return xp.full(size, value, dtype=np.float32)


def on_host(values) -> np.ndarray:
    return as_array(values.cpu() if hasattr(values, "cpu") else values)


def one_per_sample(answer, size: tuple[int, ...]) -> np.ndarray:
    """The number (float64) that fills each sample of add_noise's answer."""
    rows = as_numbers("the array that add_noise returns", on_host(answer))
    if rows.shape != size:
        raise ValueError(
            f"add_noise returned the shape {rows.shape}, must keep the shape {size} of its samples: pass shape=, "
            "that of one of your samples without the batch"
        )
    rows = rows.reshape(size[0], -1).astype(np.float64)
    if not np.isclose(rows, rows[:, :1], REPEATED, 0, equal_nan=True).all():
        raise ValueError("add_noise must add one level of noise to all entries of a sample, and adds several")
    return rows[:, 0]


def check_table(levels: np.ndarray) -> None:
    """ValueError that names the entry, for a row of float32 levels that the core refuses."""
    if not levels.size:
        raise ValueError("table has 0 entries, must have at least one: pass the noise level of each timestep")
    if fault := refusal("table", levels):
        raise ValueError(f"{fault[1]}: give each level once and in order, and leave out those without noise or data")


def refusal(name: str, levels: np.ndarray) -> tuple[int, str] | None:
    """Which entry of a row of float32 levels the core refuses, with the reason; None if it takes them.
    The core only says whether: what is wrong is looked for afterwards, for the message."""
    try:
        _native.snap(np.empty(0, np.float32), np.empty(0, np.uint32), levels)
    except ValueError:
        if (i := first_outside(levels)) is not None:
            return i, f"{entry(name, levels, i)} must be positive and finite"
        if (turn := first_turn(levels)) is not None:
            i, rises = turn
            bound = f"{'above' if rises else 'below'} {entry(name, levels, i - 1)}"
            return i, f"{entry(name, levels, i)} must be {bound}, since the entries {'rise' if rises else 'fall'}"
        raise
    return None


def checked_steps(timesteps, levels: np.ndarray) -> np.ndarray:
    """One timestep for each level. They must rise where the levels rise."""
    steps = np.ravel(as_numbers("timesteps", timesteps))
    if steps.size != levels.size:
        raise ValueError(f"timesteps has {steps.size} entries, must have {levels.size}, one for each level of the table")
    rises = steps[1:] > steps[:-1] if levels[0] < levels[-1] else steps[1:] < steps[:-1]
    if (turns := np.flatnonzero(~rises)).size and turns.size < rises.size:
        i = int(turns[0]) + 1
        bound = f"{'above' if levels[0] < levels[-1] else 'below'} {entry('timesteps', steps, i - 1)}"
        raise ValueError(f"{entry('timesteps', steps, i)} must be {bound}, as the levels go: give each timestep once and in order")
    if turns.size:
        raise ValueError(
            f"table goes from {levels[0]:.6g} to {levels[-1]:.6g}, but timesteps from {steps[0]:g} to {steps[-1]:g}: "
            "noise must grow with the timestep. Reverse one of them or, if your time runs from noise to data, leave "
            "timesteps out and take timesteps[index]"
        )
    return steps


def entry(name: str, row: np.ndarray, i: int) -> str:
    return f"{name}[{i}] = {row[i]:.9g}"


def check_sigma(row: np.ndarray) -> None:
    """ValueError that names the first entry that no noise level can have."""
    if (i := first_outside(row)) is not None:
        raise ValueError(f"{entry('sigma', row, i)} must be positive and finite")


def first_outside(row: np.ndarray) -> int | None:
    """The first entry that is no positive, finite, normal float32."""
    outside = np.flatnonzero(~(np.isfinite(row) & (row >= SMALLEST)))
    return int(outside[0]) if outside.size else None


def first_turn(row: np.ndarray) -> tuple[int, bool] | None:
    """The first entry that does not go on in the direction of most, and whether most rise."""
    up, down = row[1:] > row[:-1], row[1:] < row[:-1]
    rises = bool(up.sum() >= down.sum())
    turns = np.flatnonzero(~(up if rises else down))
    return (int(turns[0]) + 1, rises) if turns.size else None
