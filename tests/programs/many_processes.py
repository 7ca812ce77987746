"""The code of docs/jax.md under "Many devices", as one of several processes (or the only one).

    many_processes.py PAGE ID PROCESSES PORT

Prints the digest of every replica here, then which slices of the last batch were drawn here.
"""

import json
import sys

page, identity, processes, port = sys.argv[1], *map(int, sys.argv[2:])
import jax

if processes > 1:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", processes, identity, initialization_timeout=60)

text = open(page).read()
first = text.split("```python\n")[1].split("```")[0].split("def denoise")[0]
many = text.split("## Many devices")[1].split("```python\n")[1].split("```")[0]
# As the page says: several CPU devices in a process need every step to be waited for.
call = "= parallel_step(carry, x0)"
assert many.count(call) == 1
many = many.replace(call, f"= jax.block_until_ready({call[2:]})")
# The gradient's sum is rounded otherwise in another topology, and then the errors differ: parameters stay.
assert many.count("p - 1e-3 * g") == 1
many = many.replace("p - 1e-3 * g", "p - 0 * g")
exec(first + many)

replicas = [inj.digest(inj.State(shard.data, sched.bins, sched.window)) for shard in sched.words.addressable_shards]
drawn = {shard.index[0].start or 0: shard.data.tolist() for shard in sigma.addressable_shards}
print(json.dumps([jax.device_count(), inj.report(sched)["refreshes"], replicas, drawn]))
