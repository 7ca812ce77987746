#!/usr/bin/env bash
# optax.MultiSteps calls the wrapped optimizer at every micro-batch and discards what it did, and
# has_updated says that an update happened when a micro-batch was skipped.
#
# Versions: optax 0.2.8, jax and jaxlib 0.10.2, numpy 2.4.6. CPython 3.11.
# Behaviour: its documentation has the wrapped optimizer called when enough micro-batches have been
#   accumulated. With k = 4 the wrapped `update` runs four times for one update of the parameters, on
#   partial means, with the `extra_args` of each micro-batch; the state that the first three return is
#   thrown away. So a transformation that counts, or takes something from `extra_args`, sees each
#   micro-batch and remembers every fourth, and the optimizer's work is done k times.
#   `has_updated` compares `mini_step` with 0. A micro-batch that `should_skip_update_fn` rejects
#   right after an update leaves it 0, so it says True again for an update that did not happen.
# Output seen: "updates 2, calls of the wrapped optimizer 8"; "extra_args seen sum to 36, the state kept
#   12" (of 1 to 8: the fourth and the eighth); "gradient nan: has_updated True, updates 0".
# So: what must count updates compares `gradient_step` before and after, and what must see each micro-batch
#   stays outside of MultiSteps.
# Needs python3 (3.11 to 3.13). Exits non-zero if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

cat >use.py <<'PY'
import jax, jax.numpy as jnp, numpy as np, optax

seen = []

def update(updates, total, params=None, *, batch):
    jax.debug.callback(lambda batch: seen.append(int(batch)), batch)
    return updates, total + batch

adding = optax.GradientTransformationExtraArgs(lambda params: jnp.int32(0), update)
steps = optax.MultiSteps(optax.chain(adding, optax.sgd(0.1)), 4)
params = jnp.ones(2)
state = steps.init(params)
run = jax.jit(lambda state, batch: steps.update(params, state, params, batch=batch)[1])
for batch in range(1, 9):
    state = run(state, jnp.int32(batch))
    jax.effects_barrier()
print(f"updates {state.gradient_step}, calls of the wrapped optimizer {len(seen)}")
print(f"extra_args seen sum to {sum(seen)}, the state kept {state.inner_opt_state[0]}")

skipping = optax.MultiSteps(optax.sgd(0.1), 2, should_skip_update_fn=optax.skip_not_finite)
state = skipping.init(params)
for gradient in (1.0, 1.0, np.nan, np.nan):
    before = state.gradient_step
    _, state = skipping.update(jnp.full(2, gradient), state, params)
    print(f"gradient {gradient}: has_updated {bool(skipping.has_updated(state))}, updates {state.gradient_step - before}")
PY
JAX_PLATFORMS=cpu venv/bin/python use.py | tee output
expect() {
  grep -qF "$1" output || { echo "changed: no line '$1'" >&2; exit 1; }
}
expect 'updates 2, calls of the wrapped optimizer 8'
expect 'extra_args seen sum to 36, the state kept 12'
expect 'gradient 1.0: has_updated True, updates 1'
expect 'gradient nan: has_updated True, updates 0'
