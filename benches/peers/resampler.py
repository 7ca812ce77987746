"""The loss-second-moment resampler of the literature, for 1000 timesteps: it draws in proportion to the root
mean square of each timestep's last ten losses, once every timestep has ten."""

import numpy as np


class LossSecondMoment:
    def __init__(self, steps=1000, history=10, uniform=0.001, seed=0):
        self.rng = np.random.default_rng(seed)
        self.uniform = uniform
        self.losses = np.zeros((steps, history))
        self.counts = np.zeros(steps, int)

    def probabilities(self):
        steps, history = self.losses.shape
        if (self.counts < history).any():
            return np.full(steps, 1 / steps)
        weights = np.sqrt((self.losses**2).mean(axis=1))
        return weights / weights.sum() * (1 - self.uniform) + self.uniform / steps

    def sample(self, n):
        """n timesteps and their importance weights."""
        p = self.probabilities()
        t = self.rng.choice(len(p), size=n, p=p)
        return t, 1 / (len(p) * p[t])

    def observe(self, timesteps, losses):
        for t, loss in zip(timesteps, losses):
            if self.counts[t] == self.losses.shape[1]:
                self.losses[t, :-1] = self.losses[t, 1:]
                self.losses[t, -1] = loss
            else:
                self.losses[t, self.counts[t]] = loss
                self.counts[t] += 1
