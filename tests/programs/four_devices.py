"""Runs a schedule over four devices of one process, and prints the replicas' digests.

tests/test_jax_transforms.py gives the errors on stdin and compares.
"""

import json
import sys
import warnings
from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

BATCH = 32
CONFIG = infonoise.Config.discrete(bins=16, warmup_steps=6, refresh_every=3, refresh_growth=0, min_count=4)
ERRORS = np.frombuffer(sys.stdin.buffer.read(), np.float32).reshape(-1, BATCH)
MESH = jax.make_mesh((4,), ("ranks",))
SPLIT = NamedSharding(MESH, P("ranks"))


def every(x):
    return jax.lax.all_gather(x, "ranks", tiled=True)


def share(state, error):
    """A rank's part of a step on a replicated state; ``error`` is its slice of the batch."""
    state, sigma = inj.sample(state, BATCH // 4, rank=jax.lax.axis_index("ranks"), world=4)
    return inj.step(inj.observe(state, every(sigma), every(error)))


def own(state, error):
    """A step of a state that only this device has."""
    state, sigma = inj.sample(state, BATCH // 4)
    return inj.step(inj.observe(state, sigma, error))


def run(step, state, rows) -> dict:
    """The digests on each device, and the copies of a state in the compiled step."""
    compiled = step.lower(state, rows[0]).compile()
    words = state.words.shape[-1]
    copies = sum(" copy(" in line and f"{words}]" in line for line in compiled.as_text().splitlines())
    for row in rows:
        # Callbacks of one step and collectives of the next would wait for each other's threads.
        state = jax.block_until_ready(step(state, row))
    digests = [inj.digest(inj.State(jax.numpy.asarray(w).reshape(-1), 16, 256)) for w in shards(state.words)]
    return {"digests": digests, "copies": copies}


def shards(words):
    return [np.asarray(shard.data) for shard in words.addressable_shards]


def mapped(step, state):
    return jax.jit(
        jax.shard_map(step, mesh=MESH, in_specs=(state, P("ranks")), out_specs=state, check_vma=False),
        donate_argnums=0,
    )


def replicated():
    return jax.device_put(inj.init(CONFIG, 5), NamedSharding(MESH, P()))


def split(rows):
    return [jax.device_put(row, SPLIT) for row in rows]


def one_each():
    return jax.vmap(partial(inj.init, CONFIG))(np.arange(4))


OWN = np.ascontiguousarray(np.broadcast_to(ERRORS[:, None, :8], (len(ERRORS), 4, 8)))
PARTS = ERRORS.reshape(-1, 4, 8)
results = {
    "shard_map": run(mapped(share, P()), replicated(), split(ERRORS)),
    "shard_map_own": run(
        mapped(jax.vmap(own), P("ranks")), jax.device_put(one_each(), SPLIT), split(OWN)
    ),
    "pmap_own": run(jax.pmap(own, axis_name="ranks", donate_argnums=0), one_each(), OWN),
}
same = jax.tree.map(lambda x: np.stack([x] * 4), inj.init(CONFIG, 5))
results["pmap"] = run(jax.pmap(share, axis_name="ranks", donate_argnums=0), same, PARTS)

# The host's callbacks, as on a platform without a native call.
inj._NATIVE_PLATFORMS = ()
warnings.simplefilter("ignore")
results["callback"] = run(mapped(share, P()), replicated(), split(ERRORS))
print(json.dumps(results))
