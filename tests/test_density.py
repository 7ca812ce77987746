"""The density of the draws, slices of a global batch, and levels for validation."""

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from infonoise import exact

CONFIG = infonoise.Config.edm(sigma_data=0.5)


def trained(config=CONFIG, seed=0, steps=60):
    """A schedule of Gaussian data's exact errors."""
    scheduler, model = infonoise.Scheduler(config, seed), exact.gaussian(0.5)
    for _ in range(steps):
        sigma = scheduler.sample(256)
        scheduler.observe(sigma, model.mmse(sigma))
        scheduler.step()
    assert scheduler.report()["refreshes"] > 3
    return scheduler


def test_the_density_is_that_of_the_histogram_of_1e7_draws():
    scheduler = trained()
    edges = scheduler.profile()["edges"]
    # Cells narrower than the bins, so that the slope inside a bin counts.
    cells = np.exp(np.linspace(np.log(edges[0]), np.log(edges[-1]), 64 * 5 + 1))
    sigma = scheduler.sample(10_000_000)
    found = np.histogram(sigma, cells)[0]
    # The integral over each cell, by 64 midpoints in ln sigma.
    place = (np.arange(64) + 0.5) / 64
    inside = np.exp(np.log(cells[:-1, None]) + place * np.diff(np.log(cells))[:, None])
    mass = np.exp(scheduler.log_density(inside)).mean(1) * np.diff(np.log(cells))
    assert abs(mass.sum() - 1) < 1e-5
    expected = mass * sigma.size
    chi2 = ((found - expected) ** 2 / expected).sum()
    assert abs(chi2 - 319) < 4 * np.sqrt(2 * 319), chi2
    # The same against a density that is constant in ln sigma inside a bin fails: the test can.
    flat = np.repeat(np.add.reduceat(mass, np.arange(0, 320, 5)) / 5, 5) * sigma.size
    assert ((found - flat) ** 2 / flat).sum() > 2000


def test_the_density_is_the_cdf_of_the_profile():
    scheduler = trained(seed=2)
    curves = scheduler.profile()
    mass, edges = np.diff(curves["cdf"]), curves["edges"]
    expected = np.log(mass * curves["sigma"].astype(np.float32) / np.diff(edges))
    np.testing.assert_allclose(scheduler.log_density(curves["sigma"]), expected, 1e-9, 1e-9)


def test_shapes_and_ends():
    scheduler = trained()
    assert scheduler.log_density(1.0).shape == () and scheduler.log_density(np.ones((2, 3))).shape == (2, 3)
    assert scheduler.log_density([]).shape == (0,)
    outside = scheduler.log_density([0.0, -1.0, 1e-4, 1e4, np.inf])
    assert (outside == -np.inf).all() and np.isnan(scheduler.log_density(np.nan))
    with pytest.raises(TypeError, match="sigma must be real"):
        scheduler.log_density(1j)


def test_jax_gives_the_same_density_inside_jit_vmap_and_grad():
    scheduler = trained()
    state, sigma = inj.from_words(scheduler.state), scheduler.sample(512).reshape(4, 128)
    expected = scheduler.log_density(sigma).astype(np.float32)
    assert np.array_equal(inj.log_density(state, sigma), expected)
    assert np.array_equal(jax.jit(inj.log_density)(state, sigma), expected)
    assert np.array_equal(jax.vmap(inj.log_density, (None, 0))(state, sigma), expected)
    both = jax.tree.map(lambda words: jnp.stack([words, words]), state)
    assert np.array_equal(jax.vmap(inj.log_density)(both, sigma[:2]), expected[:2])
    # A constant for gradients: only the other factor's derivative is left.
    slope = jax.grad(lambda s: (s * jnp.exp(inj.log_density(state, s))).sum())(jnp.asarray(sigma[0]))
    np.testing.assert_allclose(slope, np.exp(expected[0]), 1e-6)
    with pytest.raises(TypeError, match="State"):
        inj.log_density(scheduler, sigma)
    with pytest.raises(TypeError, match="sigma must be real numbers, got complex64"):
        inj.log_density(state, jnp.array([1 + 5j]))


def test_an_importance_weighted_loss_is_unbiased():
    """The mean of loss / density estimates the same integral under every schedule."""
    scheduler, rng = trained(), np.random.default_rng(0)
    low, high = np.log(scheduler.config.sigma_min), np.log(scheduler.config.sigma_max)
    loss = lambda sigma: exact.gaussian(0.5).mmse(sigma) / sigma**2  # VDM's: SNR-weighted, per unit ln sigma
    fixed = np.exp(rng.uniform(low, high, 200_000))
    fixed = loss(fixed) * (high - low)
    sigma = scheduler.sample(200_000).astype(float)
    weighted = loss(sigma) / np.exp(scheduler.log_density(sigma))
    spread = np.hypot(fixed.std(), weighted.std()) / np.sqrt(200_000)
    assert abs(weighted.mean() - fixed.mean()) < 2 * spread
    assert abs(loss(sigma).mean() * (high - low) - fixed.mean()) > 10 * spread  # without the density it is not


def test_levels_are_quantile_midpoints_and_touch_nothing():
    scheduler = trained()
    state, before = inj.from_words(scheduler.state), scheduler.digest()
    levels = scheduler.levels(64)
    assert levels.dtype == np.float32 and (np.diff(levels) > 0).all() and scheduler.digest() == before
    # Each of 64 shares of the draws holds one level, in its middle.
    draws = np.sort(scheduler.sample(640_000))
    np.testing.assert_allclose(np.log(levels), np.log(draws[5000::10_000]), atol=0.1)
    assert np.array_equal(inj.levels(state, 64), levels)
    assert np.array_equal(jax.jit(inj.levels, static_argnums=1)(state, 64), levels)
    both = jax.tree.map(lambda words: jnp.stack([words, words]), state)
    assert np.array_equal(jax.vmap(lambda one: inj.levels(one, 8))(both), np.stack([scheduler.from_state(state.words).levels(8)] * 2))
    assert scheduler.levels(0).shape == (0,)
    with pytest.raises(TypeError, match="non-negative"):
        scheduler.levels(-1)


@pytest.mark.parametrize("draw", ["independent", "stratified"])
def test_counts_and_offsets_divide_one_global_batch(draw, tmp_path):
    config, counts = infonoise.Config(draw=draw), [70, 0, 128, 2]
    whole = infonoise.Scheduler(config, 3)
    expected = [whole.sample(200) for _ in range(3)]
    parts, digests = [], {whole.digest()}
    for rank, n in enumerate(counts):
        scheduler, state = infonoise.Scheduler(config, 3), inj.init(config, 3)
        with infonoise.Journal(tmp_path / f"{rank}.journal", infonoise.Scheduler(config, 3)) as journal:
            mine = []
            for _ in range(3):
                sigma = scheduler.sample(n, rank=rank, counts=counts)
                state, traced = jax.jit(lambda s, o: inj.sample(s, n, offset=o, total=200))(state, sum(counts[:rank]))
                assert np.array_equal(sigma, traced)
                assert np.array_equal(sigma, journal.sample(n, rank=rank, counts=counts))
                mine.append(sigma)
            digests |= {scheduler.digest(), inj.digest(state), journal.scheduler.digest()}
        parts.append(mine)
        with infonoise.Replay(tmp_path / f"{rank}.journal") as replay:
            drawn = [event for event in replay.events() if event["kind"] == "sampled"]
        assert np.array_equal(drawn[2]["sigma"], expected[2]) and drawn[2]["total"] == 200
        assert drawn[2]["offset"] == sum(counts[:rank]) and drawn[2]["n"] == n
    assert len(digests) == 1
    for call in range(3):
        assert np.array_equal(np.concatenate([mine[call] for mine in parts]), expected[call])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(offset=5), "offset name no slice"),
        (dict(world=2), "world name no slice"),
        (dict(counts=[10, 4]), "counts name no slice"),
        (dict(counts={10: 1}, rank=0), "list of integers"),
        (dict(counts=3, rank=0), "list of integers, the draws of each rank, got 3"),
        (dict(offset=0, total=9), "total = 9"),
        (dict(offset=-1, total=20), "offset = -1"),
        (dict(offset=0, total=2**32 + 1), "at most 2\\^32"),
        (dict(offset=0, total=10, rank=1, world=2), "name no slice"),
        (dict(counts=[10, 4], rank=0, offset=0, total=14), "name no slice"),
        (dict(counts=[4, 10], rank=0), "n = 10 must be counts\\[0\\] = 4"),
        (dict(counts=[10, 4], rank=2), "rank = 2 must be from 0 to below 2"),
        (dict(counts=[10, 4], rank=0, world=3), "world = 3 must be 2"),
        (dict(counts=[10, -4], rank=0), "counts\\[1\\] = -4 must not be negative"),
        (dict(counts=[10, 1.5], rank=0), "counts must be"),
        (dict(rank=2, world=2), "rank = 2"),
    ],
)
def test_slices_that_make_no_sense_change_nothing(arguments, message, tmp_path):
    scheduler, state = infonoise.Scheduler(CONFIG), inj.init(CONFIG)
    before = scheduler.digest()
    with infonoise.Journal(tmp_path / "run.journal", scheduler) as journal:
        for sample in (scheduler.sample, journal.sample, lambda n, **given: inj.sample(state, n, **given)):
            with pytest.raises((TypeError, ValueError), match=message):
                sample(10, **arguments)
    assert scheduler.digest() == before


def test_a_traced_slice_outside_its_batch_is_refused():
    with pytest.raises(Exception, match="offset = 5 and n = 4 must lie within total = 8"):
        jax.jit(lambda o: inj.sample(inj.init(CONFIG), 4, offset=o, total=8))(5)[1].block_until_ready()


def test_a_traced_rank_is_no_second_way_to_name_a_slice():
    state = inj.init(CONFIG)
    for arguments, message in [(dict(offset=4, total=8), "name no slice"), (dict(counts=[2, 2]), "mask those")]:
        with pytest.raises(TypeError, match=message):
            jax.jit(lambda rank: inj.sample(state, 2, rank=rank, **arguments))(1)


def run(observations_of, steps=40):
    scheduler, model = infonoise.Scheduler(CONFIG, 1), exact.gaussian(0.5)
    for _ in range(steps):
        sigma = observations_of(scheduler)
        scheduler.observe(sigma, model.mmse(sigma))
        scheduler.step()
    return scheduler.report()


def test_replicas_that_do_not_share_a_batch_are_noticed():
    # Draws its slice of 4 ranks, and does not gather the others' errors.
    assert run(lambda s: s.sample(256, rank=1, world=4))["warning"] == "draws_not_observed"
    # Draws without its rank, and gathers four times the same sigmas.
    assert run(lambda s: np.tile(s.sample(256), 4))["warning"] == "observed_not_drawn"
    # Validation on draws of the training schedule; on levels it is no draw.
    assert run(lambda s: s.sample(512)[:256])["warning"] == "draws_not_observed"
    assert run(lambda s: (s.levels(256), s.sample(256))[1])["warning"] == "none"
    # Nobody observes, so no refresh is ever due: the report says it all the same.
    idle = infonoise.Scheduler(CONFIG)
    for _ in range(20):
        idle.sample(64)
        report = idle.step()
    assert (report["phase"], report["warning"]) == ("waiting", "draws_not_observed")
    # Sigmas from elsewhere alone are nothing to warn of.
    own = np.exp(np.random.default_rng(0).uniform(np.log(0.002), np.log(80), 256)).astype(np.float32)
    assert run(lambda s: own)["draws"] == 0 and run(lambda s: own)["warning"] == "none"


def test_the_counts_of_a_long_run_hide_no_mistake_and_remember_none():
    model = exact.gaussian(0.5)
    scheduler = infonoise.Scheduler(CONFIG, 1)

    def train(steps, draw):
        for _ in range(steps):
            sigma = draw()
            scheduler.observe(sigma, model.mmse(sigma))
            scheduler.step()
        return scheduler.report()["warning"]

    right = lambda: scheduler.sample(64)
    assert train(2000, right) == "none"
    assert train(200, lambda: scheduler.sample(64, rank=0, world=2)) == "draws_not_observed"
    assert train(200, right) == "none"
    assert train(200, lambda: np.tile(scheduler.sample(64), 2)) == "observed_not_drawn"
    scheduler.freeze()
    assert train(300, right) == "observed_not_drawn" and infonoise.Scheduler.load(scheduler.save()).report() == scheduler.report()
    # A few batches drawn ahead, and levels for validation, are no mistake.
    scheduler.unfreeze()
    queue = [right() for _ in range(8)]

    def ahead():
        queue.append(right())
        return queue.pop(0)

    assert train(200, ahead) == "none"
