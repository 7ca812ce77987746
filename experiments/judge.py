"""The score of images: the Frechet distance in the features of a small classifier trained on the real ones."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fashion import CLASSES

WIDTH, FEATURES = 256, 64
STEPS, BATCH = 3000, 256


def layers(params, x):
    """Features (n, FEATURES) and logits (n, CLASSES)."""
    hidden = jax.nn.relu(x @ params[0] + params[1])
    features = jax.nn.relu(hidden @ params[2] + params[3])
    return features, features @ params[4] + params[5]


def fit(images, steps=STEPS):
    """A classifier of the images; the same for every run, since its seed is fixed."""
    key = jax.random.key(0)
    sizes = [images.x.shape[1], WIDTH, FEATURES, CLASSES]
    params = []
    for i, (n, m) in enumerate(zip(sizes[:-1], sizes[1:])):
        params += [jax.random.normal(jax.random.fold_in(key, i), (n, m)) * np.sqrt(2 / n), jnp.zeros(m)]
    adam = optax.adam(1e-3)
    x, label = jnp.asarray(images.x), jnp.asarray(images.label)

    @partial(jax.jit, donate_argnums=0)
    def train(carry):
        def body(carry, i):
            params, state = carry
            chosen = jax.random.randint(jax.random.fold_in(key, i), (BATCH,), 0, len(x))

            def loss(params):
                logits = layers(params, x[chosen])[1]
                return optax.softmax_cross_entropy_with_integer_labels(logits, label[chosen]).mean()

            updates, state = adam.update(jax.grad(loss)(params), state)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(body, carry, 100 + jnp.arange(steps))[0]

    return train((params, adam.init(params)))[0]


def frechet(a, b):
    """The Frechet distance of two normal distributions, each (mean, covariance)."""
    (mean, cov), (other_mean, other_cov) = a, b
    # The trace of the root of a product of covariances, whose eigenvalues are real and not negative up to
    # rounding.
    root = np.sqrt(np.maximum(np.linalg.eigvals(cov @ other_cov).real, 0)).sum()
    return float(np.sum((mean - other_mean) ** 2) + np.trace(cov + other_cov) - 2 * root)


class Judge:
    """Scores images: 1000 x their Frechet distance from the training images, in units of those features' variance."""

    def __init__(self, train, steps=STEPS):
        self.params = fit(train, steps)
        self.reference = self.moments(train.x)

    def moments(self, x):
        features = np.asarray(layers(self.params, jnp.asarray(x))[0], np.float64)
        return features.mean(0), np.cov(features.T)

    def recognised(self, x, label):
        """The share of images that the classifier assigns to the class they were generated for."""
        return float(np.mean(np.argmax(layers(self.params, jnp.asarray(x))[1], -1) == label))

    def __call__(self, x):
        return 1000 * frechet(self.moments(x), self.reference) / np.trace(self.reference[1])
