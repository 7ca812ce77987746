"""Runs a schedule over four devices of one process, and prints the replicas' digests.

tests/test_jax_devices.py gives the errors on stdin and compares.
"""

import json
import sys
import warnings
from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

BATCH = 32
CONFIG = infonoise.Config.discrete(bins=16, warmup_steps=6, refresh_every=3, refresh_growth=0, min_count=4)
ERRORS = np.frombuffer(sys.stdin.buffer.read(), np.float32).reshape(-1, BATCH)
MASKS = ERRORS < 0.9  # NaN is left out too
LINE = jax.make_mesh((4,), ("ranks",), axis_types=(AxisType.Explicit,))
SQUARE = jax.make_mesh((2, 2), ("a", "b"), axis_types=(AxisType.Auto,) * 2)


def share(axis, state, error, mask=None):
    """A rank's part of a step on a state that all ranks share; ``error`` is its slice of the batch."""
    state, sigma = inj.sample(state, error.shape[0], axis_name=axis)
    return inj.step(inj.observe(state, sigma, error, mask, axis_name=axis))


def by_rank(state, error):
    """The same by hand, as before there was axis_name."""
    state, sigma = inj.sample(state, error.shape[0], rank=jax.lax.axis_index("ranks"), world=4)
    every = lambda x: jax.lax.all_gather(x, "ranks", tiled=True)
    return inj.step(inj.observe(state, every(sigma), every(error)))


def fused(axis, state, errors):
    """All steps as ``advance``: the state, and this rank's next sigmas."""
    carry = inj.sample(state, errors.shape[1], axis_name=axis)
    return jax.lax.scan(lambda carry, error: (inj.advance(*carry, error, axis_name=axis), None), carry, errors)[0]


def own(state, error):
    """A step of a state that only this device has."""
    state, sigma = inj.sample(state, error.shape[0])
    return inj.step(inj.observe(state, sigma, error))


def ensemble() -> list:
    """Two schedules along one axis, each shared along the other."""
    place = lambda x, *axes: jax.device_put(x, NamedSharding(SQUARE, P(*axes)))
    specs = {"in_specs": (P("a"), P("a", "b")), "out_specs": P("a")}
    step = jax.jit(jax.shard_map(jax.vmap(partial(share, "b")), mesh=SQUARE, **specs))
    state = place(jax.vmap(partial(inj.init, CONFIG))(np.arange(2)), "a")
    for row in ERRORS:
        state = jax.block_until_ready(step(state, place(np.stack([row, row]), "a", "b")))
    return [inj.digest(inj.State(jnp.asarray(words), 16, 256)) for words in np.asarray(state.words)]


def loss(scale, state, x0):
    """Of a model with one parameter, which all devices hold; its mean over the global batch."""
    state, sigma = inj.sample(state, (x0.shape[0], 1), axis_name="ranks")
    error = ((jnp.tanh(scale) * x0 / (1 + sigma)) ** 2).mean(-1)
    return jax.lax.pmean(error.mean(), "ranks"), inj.observe(state, sigma, error, axis_name="ranks")


def run(step, state, *rows) -> dict:
    """The digests on each device, and the copies of a state in the compiled step."""
    compiled = step.lower(state, *(x[0] for x in rows)).compile()
    words = state.words.shape[-1]
    copies = sum(" copy(" in line and f"{words}]" in line for line in compiled.as_text().splitlines())
    for row in zip(*rows):
        # Callbacks of one step and collectives of the next would wait for each other's threads.
        state = jax.block_until_ready(step(state, *row))
    return {"digests": digests(state), "copies": copies}


def digests(state) -> list:
    """Of each device's replica."""
    shards = [np.asarray(shard.data) for shard in state.words.addressable_shards]
    return [inj.digest(inj.State(jnp.asarray(words).reshape(-1), 16, 256)) for words in shards]


def mapped(step, state, mesh=LINE, axis="ranks", rows=1, **options):
    specs = (state, *[P(axis)] * rows)
    return jax.jit(jax.shard_map(step, mesh=mesh, in_specs=specs, out_specs=state, **options), donate_argnums=0)


def replicated(mesh=LINE):
    return jax.device_put(inj.init(CONFIG, 5), NamedSharding(mesh, P()))


def split(rows, mesh=LINE, axis="ranks"):
    return [jax.device_put(row, NamedSharding(mesh, P(axis))) for row in rows]


def one_each():
    return jax.vmap(partial(inj.init, CONFIG))(np.arange(4))


def advanced(mesh, axis) -> dict:
    step = jax.shard_map(partial(fused, axis), mesh=mesh, in_specs=(P(), P(None, axis)), out_specs=(P(), P(axis)))
    rows = jax.device_put(ERRORS, NamedSharding(mesh, P(None, axis)))
    state, sigma = jax.jit(step)(replicated(mesh), rows)
    return {"digests": digests(state), "sigma": np.asarray(sigma).tolist()}


def refused(call) -> str:
    """What is said of a call inside shard_map on a state that all devices share."""
    try:
        mapped(call, P()).lower(replicated(), split(ERRORS[:1])[0])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def everywhere(state):
    """Typed as one that differs between devices."""
    cast = lambda x: jax.lax.pcast(x, "ranks", to="varying") if hasattr(jax.lax, "pcast") else jax.lax.pvary(x, "ranks")
    return jax.tree.map(cast, state)


OWN = np.ascontiguousarray(np.broadcast_to(ERRORS[:, None, :8], (len(ERRORS), 4, 8)))
PARTS = ERRORS.reshape(-1, 4, 8)
SAME = jax.tree.map(lambda x: np.stack([x] * 4), inj.init(CONFIG, 5))
line, diagonal = partial(share, "ranks"), ("b", "a")
results = {
    "shard_map": run(mapped(line, P()), replicated(), split(ERRORS)),
    "masked": run(mapped(line, P(), rows=2), replicated(), split(ERRORS), split(MASKS)),
    "unchecked": run(mapped(line, P(), check_vma=False), replicated(), split(ERRORS)),
    "by_rank": run(mapped(by_rank, P(), check_vma=False), replicated(), split(ERRORS)),
    "two_axes": run(
        mapped(partial(share, diagonal), P(), SQUARE, diagonal), replicated(SQUARE), split(ERRORS, SQUARE, diagonal)
    ),
    # The other axis is left to XLA.
    "one_axis": run(
        mapped(partial(share, "a"), P(), SQUARE, "a", axis_names={"a"}), replicated(SQUARE), split(ERRORS, SQUARE, "a")
    ),
    "ensemble": ensemble(),
    "advance": advanced(LINE, "ranks"),
    "advance_two_axes": advanced(SQUARE, diagonal),
    "shard_map_own": run(mapped(jax.vmap(own), P("ranks")), jax.device_put(one_each(), split(OWN)[0].sharding), split(OWN)),
    "pmap": run(jax.pmap(line, axis_name="ranks", donate_argnums=0), SAME, PARTS),
    "pmap_own": run(jax.pmap(own, axis_name="ranks", donate_argnums=0), one_each(), OWN),
    "vmap": run(jax.jit(jax.vmap(line, (None, 0), None, axis_name="ranks")), inj.init(CONFIG, 5), PARTS),
}

x0 = np.random.default_rng(0).standard_normal((BATCH, 3)).astype(np.float32)
specs = {"in_specs": (P(), P(), P("ranks")), "out_specs": (P(), P())}
slope = jax.jit(jax.shard_map(jax.grad(loss, has_aux=True), mesh=LINE, **specs))
gradient, state = slope(0.7, inj.init(CONFIG, 5), split([x0])[0])
results["gradient"] = {"x0": x0.tolist(), "slope": float(gradient), "digests": digests(state)}

rank = lambda: jax.lax.axis_index("ranks")
results["refused"] = {
    "observe": refused(lambda s, e: inj.observe(s, e, e)),
    "advance": refused(lambda s, e: inj.advance(s, e, e)[0]),
    "rank": refused(lambda s, e: inj.sample(s, 8, rank=rank(), world=4)[0]),
    "both": refused(lambda s, e: inj.sample(s, 8, rank=rank(), world=4, axis_name="ranks")[0]),
    "varying sample": refused(lambda s, e: inj.sample(everywhere(s), 8, axis_name="ranks")[0]),
    "varying observe": refused(lambda s, e: inj.observe(everywhere(s), e, e, axis_name="ranks")),
}

# Whole batches on a mesh of explicit axes, without shard_map; then the host's callbacks, as on a platform
# without a native call.
results["explicit"] = run(jax.jit(own, donate_argnums=0), replicated(), split(ERRORS))
inj._NATIVE_PLATFORMS = ()
warnings.simplefilter("ignore")
jax.clear_caches()
results["callback"] = run(mapped(line, P()), replicated(), split(ERRORS))
results["callback_explicit"] = run(jax.jit(own), inj.init(CONFIG, 5), split(ERRORS))
results["callback_own"] = run(mapped(jax.vmap(own), P("ranks")), jax.device_put(one_each(), split(OWN)[0].sharding), split(OWN))
print(json.dumps(results))
