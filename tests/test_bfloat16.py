"""What bfloat16 does to observed errors, and what the report then says (docs/choosing.md#bfloat16)."""

import infonoise
import jax
import jax.numpy as jnp
import numpy as np
import pytest

DEVIATION, DIMENSIONS, DIRECTIONS = 0.5, 64, 8


def rounded(x):
    return np.asarray(jnp.asarray(x, jnp.bfloat16), np.float64)


def exact(x):
    return x


def errors(sigma, network, output):
    """Squared error per dimension of the exact denoiser of correlated Gaussian data, whose network returns `output`."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((DIMENSIONS, DIMENSIONS)))[0][:, :DIRECTIONS]
    variance = DEVIATION**2 * DIMENSIONS / DIRECTIONS
    x0 = np.sqrt(variance) * rng.standard_normal((1000, DIRECTIONS)) @ basis.T
    eps = rng.standard_normal(x0.shape)
    noisy = x0 + sigma * eps
    mean = noisy @ basis @ basis.T * variance / (variance + sigma**2)
    alpha = 1 / np.hypot(1, sigma)
    skip = DEVIATION**2 / (sigma**2 + DEVIATION**2)
    scale = sigma * DEVIATION / np.hypot(sigma, DEVIATION)
    guess = (noisy - mean) / sigma
    error = {
        "x0": lambda: output(mean) - x0,
        "edm": lambda: skip * noisy + scale * output((mean - skip * noisy) / scale) - x0,
        "epsilon": lambda: output(guess) - eps,
        "v": lambda: output(alpha * (guess - sigma * mean)) - alpha * (eps - sigma * x0),
        "velocity": lambda: output(guess - mean) - (eps - x0),
    }[network]()
    return (error**2).mean()


def refreshed(network, output, **changes):
    emphasis = "samples" if network == "epsilon" else "target"
    config = infonoise.Config(objective=network, emphasis=emphasis, sigma_data=DEVIATION, min_count=1, **changes)
    scheduler = infonoise.Scheduler(config)
    sigma = scheduler.profile()["sigma"]
    scheduler.observe(sigma, [errors(s, network, output) for s in sigma])
    return scheduler.step(), scheduler.profile()["density"]


@pytest.mark.parametrize("network", ["x0", "edm", "epsilon", "v", "velocity"])
def test_only_a_rounded_x0_moves_the_draws(network):
    (true, density), (report, moved) = refreshed(network, exact), refreshed(network, rounded)
    apart = abs(density - moved).sum() / 2
    print(f"{network}: pivot {true['pivot']:.3f} -> {report['pivot']:.3f}, total variation {apart:.3f}")
    assert (0.1 < apart < 0.2) if network == "x0" else apart < 0.002
    if network == "x0":
        # No warning: pixel noise would look the same. A higher sigma_min helps.
        assert (report["warning"], report["hold_reason"]) == ("none", "none")
        (_, density), (_, moved) = (refreshed("x0", output, sigma_min=0.01, sigma_max=80.0) for output in (exact, rounded))
        assert abs(density - moved).sum() / 2 < 0.01


def test_a_true_error_of_a_thousandth_reads_four_times_too_large():
    rng = np.random.default_rng(0)
    x0 = rng.standard_normal(1 << 18)
    guess = x0 + 0.001 * rng.standard_normal(x0.shape)
    assert ((rounded(guess) - x0) ** 2).mean() / 0.001**2 == pytest.approx(3.77, rel=0.01)
    assert ((rounded(x0) - x0) ** 2).mean() ** 0.5 == pytest.approx(0.00166, rel=0.01)


def test_segment_sums_stop():
    ones = jnp.ones(1000, jnp.bfloat16)
    assert jax.ops.segment_sum(ones, jnp.zeros(1000, int), 1)[0] == 256 and ones.sum() == 1000
