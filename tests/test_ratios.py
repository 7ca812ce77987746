"""The time of a training step, as ratios: `make costs`, on a machine that runs nothing else.

Other processes can make them fail, so `make test` leaves them out.
"""

import subprocess
import sys

import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benches"))
from peers import contenders  # noqa: E402
from timing import interleaved, undisturbed  # noqa: E402

pytestmark = pytest.mark.timing


def test_ratios_to_floors(library, tmp_path):
    """With wide limits, since other processes run: twice the targets, the best of three runs."""
    program = tmp_path / "ratios"
    sources = [ROOT / "benches/c/ratios.c", library]
    subprocess.run(["cc", "-O3", f"-I{ROOT / 'include'}", *sources, "-o", program], check=True)
    for _ in range(3):
        done = subprocess.run([program, "2"], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        if done.returncode == 0:
            return
    pytest.fail(done.stdout)


def within(sides, limit):
    """Whether the first side costs less than `limit` times the second: coarse, the best of five runs."""
    found = []
    for _ in range(5):
        ours, floor = (undisturbed(times) for times in interleaved(sides, 0.5).values())
        found.append(ours / floor)
        if found[-1] < limit:
            return
    pytest.fail(f"{sides[0].name} takes {found} times as long as {sides[1].name}, must be below {limit}")


def test_a_step_in_a_jax_scan_costs_less_than_jax_random():
    """The target is 2 us; a draw with jax.random takes more than twice that and learns nothing."""
    within([contenders.from_jax_scan(256), contenders.jax_random(256)], 1)


@pytest.mark.filterwarnings("ignore:infonoise has no native call")
def test_without_a_native_call_advance_costs_less_than_half_of_three_callbacks(monkeypatch):
    """That take the state and a batch to the host and back, as sample, observe and step each do: the target is .45."""
    monkeypatch.setattr(inj, "_NATIVE_PLATFORMS", ())
    scheduler, steps, n = contenders.adapted(), 50, 256
    state, following = inj.from_words(scheduler.state), jnp.asarray(scheduler.sample(n))

    @jax.jit
    def fused(carry):
        one = lambda carry, _: (inj.advance(*carry, carry[1] * 0.1), None)
        return jax.lax.scan(one, carry, length=steps)[0]

    shapes = jax.ShapeDtypeStruct(state.words.shape, np.uint32), jax.ShapeDtypeStruct((n,), np.float32)
    keep = lambda *arrays: np.array(arrays[0])
    draw = lambda words, rank: (np.array(words), np.ones(n, np.float32))

    @jax.jit
    def apart(words):
        def one(words, _):
            words, sigma = jax.pure_callback(draw, shapes, words, jnp.zeros(1, jnp.uint32))
            words = jax.pure_callback(keep, shapes[0], words, sigma, sigma * 0.1)
            return jax.pure_callback(keep, shapes[0], words), None

        return jax.lax.scan(one, words, length=steps)[0]

    sides = [("advance, on the host", fused, (state, following)), ("three callbacks", apart, state.words)]
    within([contenders.carried(*side, steps) for side in sides], 0.45)


def test_a_jitted_call_is_mostly_dispatch():
    """The target is 4 us above a call that adds 1, which takes 3."""
    within([contenders.from_jax_calls(256), contenders.jax_empty_calls()], 1 + 2 * 4 / 3)


def test_advance_from_python_costs_less_than_two_numpy_draws():
    """The target is one."""
    within([contenders.from_python(64), contenders.numpy_lognormal(64)], 2)
