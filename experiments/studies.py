"""The eight studies of the results: each is a task with its data, its score and its arms."""

from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any, Callable

import jax
import jax.numpy as jnp
import numpy as np

import contenders
import dna
import edm
import fashion
import letters
import mlp
import model
from contenders import Known
from judge import STEPS, Judge
from run import real_score
from sampler import heun
from train import Settings, Task

DISCRETE = ["edm", "loguniform", "loguniform-edm", "infonoise", "infonoise-edm", "no-gate", "fixed-pivot"]
CONTINUOUS = ["edm", "loguniform-edm", "infonoise-edm", "infonoise-edm-samples"]
RESOLUTION = ["edm", "infonoise-edm", "transferred"]
LETTERS = DISCRETE[:5]

# Study -> its title and its arms. The pictures show the first adaptive arm.
STUDIES = {
    "dna": ("DNA, 64-base windows", DISCRETE),
    "text": ("English text, 64-letter windows", LETTERS),
    "protein": ("proteins, windows of 64 residues", LETTERS),
    "fashion-binary": ("binarised Fashion-MNIST, 14 x 14", [*DISCRETE, "infonoise-edm-samples"]),
    "fashion-14": ("Fashion-MNIST, 14 x 14", CONTINUOUS),
    "fashion-classes": ("Fashion-MNIST, 14 x 14, given the class", RESOLUTION[:2]),
    "fashion-28": ("Fashion-MNIST, 28 x 28", RESOLUTION),
    "fashion-7": ("Fashion-MNIST, 7 x 7", RESOLUTION),
}


def shown(study):
    """The adaptive arm that the pictures show."""
    return next(arm for arm in STUDIES[study][1] if contenders.adapts(arm))


# The symbols of the studies of sequences.
SYMBOLS = {"dna": 4, **{name: len(source.letters) for name, source in letters.SOURCES.items()}}


def known(study):
    """What the schedules are told about the data; all but DNA and binary images is scaled to EDM's deviation."""
    deviation = {"dna": 0.75**0.5, "fashion-binary": 0.92}.get(study, edm.SIGMA_DATA)
    return Known("discrete" if study in SYMBOLS or study == "fashion-binary" else "continuous", deviation)


@dataclass(frozen=True)
class Scale:
    """The sizes of the runs; the smoke test has smaller ones."""

    letters: Settings = Settings()
    images: Settings = Settings(samples=2048)
    judge_steps: int = STEPS
    offline: int = 2**15
    trajectories: int = 128
    timing: dict = field(default_factory=dict, hash=False)  # what the adaptive arms change of the library's defaults


SMOKE = Scale(
    Settings(18, 256, samples=64), Settings(18, 256, samples=128), 20, 2**10, 64, {"warmup_steps": 3, "min_count": 1}
)


@dataclass(frozen=True, eq=False)
class Study:
    name: str
    settings: Settings
    task: Task
    data: Any  # what the task draws from
    shape: tuple  # of one sample
    given: Callable  # n -> what else the network is given for n generated samples, a tuple
    score: Callable  # generated samples, as the network gives them -> {name: number}, the first one counts

    @cached_property
    def generator(self):
        """The jitted sampler: params, noise (batches, n, *shape), grid, given -> samples."""

        @jax.jit
        def generate(params, noise, grid, given):
            def one(batch):
                x, given = batch
                return heun(lambda x, sigma: self.task.denoise(params, x, sigma, *given), x, grid)

            return jax.lax.map(one, (noise * grid[0], given))

        return generate

    def generate(self, params, n, seed, grid, batch=128):
        """n samples down the grid of sigmas, whose last is 0; in batches that stay in the cache."""
        batch = min(n, batch)
        noise = jax.random.normal(jax.random.key(seed), (-(-n // batch), batch, *self.shape))
        given = jax.tree.map(lambda x: jnp.resize(x, noise.shape[:2]), self.given(n))
        samples = self.generator(params, noise, jnp.asarray(grid), given)
        return np.asarray(samples).reshape(-1, *self.shape)[:n]


@cache
def make(name, scale, folder):
    """The study of this name, and the score of real samples; `folder` holds what no package has installed."""
    return (sequences if name in SYMBOLS else images)(name, scale, folder)


def sequences(name, scale, folder):
    data = dna.load() if name == "dna" else letters.load(name, folder)
    task = model.TASK if name == "dna" else letters.task(data.symbols)
    # Long words of many symbols are too rare in so few samples.
    judge = dna.Judge(data, (3, 6) if name == "dna" else (2, 3))
    floor = real_score(data, judge, scale.letters.samples)
    return Study(
        name, scale.letters, task, data.train, (dna.WINDOW, data.symbols), lambda n: (),
        lambda x: judge(np.argmax(x, -1)),
    ), floor  # fmt: skip


def images(name, scale, folder):
    binary, classes = name == "fashion-binary", name == "fashion-classes"
    side = {"fashion-28": 28, "fashion-7": 7}.get(name, 14)
    train, test = fashion.load(folder, side, binary)
    judge = Judge(train, scale.judge_steps)

    def draw(data, key, n):
        chosen = jax.random.randint(key, (n,), 0, len(data.x))
        return data.x[chosen], (data.label[chosen],) if classes else ()

    def given(n):
        return (jnp.arange(n) % fashion.CLASSES,) if classes else ()

    # Values outside the range of pixels are clipped, as when images are stored as bytes.
    low, high = train.x.min(), train.x.max()

    def score(x):
        more = {} if binary else {"unclipped": judge(x)}
        x = np.where(x > 0, 1, -1).astype(np.float32) if binary else np.clip(x, low, high)
        if classes:
            more["recognised"] = judge.recognised(x, np.asarray(given(len(x))[0]))
        return {"distance": judge(x), **more}

    init = jax.jit(partial(mlp.init, side * side, fashion.CLASSES if classes else 0))
    task = Task(init, draw, partial(edm.denoise, mlp.network))
    chosen = np.random.default_rng(0).choice(len(test.x), min(scale.images.samples, len(test.x)), replace=False)
    floor = {"distance": judge(test.x[chosen])}
    if classes:
        floor["recognised"] = judge.recognised(test.x[chosen], test.label[chosen])
    return Study(name, scale.images, task, train, (side * side,), given, score), floor
