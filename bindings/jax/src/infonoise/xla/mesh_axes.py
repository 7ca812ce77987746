"""One schedule for all devices along a mesh axis: what JAX's types say of it, and the gathering of a batch.

Under ``shard_map`` with ``check_vma`` a value's type names the mesh axes along which it differs
between devices. A schedule differs along none, so that its replicas are one state by type too.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from infonoise.xla.bits import as_bits, of_bits

# all_gather can type its result as equal on all devices from this JAX on.
_TYPED_GATHER = jax.__version_info__ >= (0, 10)


def varying(x) -> frozenset:
    """The mesh axes along which ``x`` differs between devices, by its type."""
    aval = jax.typeof(x)
    return aval.mat.varying if hasattr(aval, "mat") else aval.vma


def as_varying(x, axes: frozenset):
    """``x``, typed as one that differs along ``axes`` too; no operation when it runs."""
    if not (missing := tuple(sorted(axes - varying(x)))):
        return x
    return lax.pcast(x, missing, to="varying") if hasattr(lax, "pcast") else lax.pvary(x, missing)  # type: ignore[attr-defined] # of JAX 0.7


def size(axis_name) -> int:
    """How many devices there are along ``axis_name``, or along several."""
    return lax.axis_size(axis_name)


@functools.partial(jax.jit, static_argnames="axis_name", inline=True)  # so that its constants are no transfers
def own_part(whole: jax.Array, axis_name) -> jax.Array:
    """This device's part of a row that all devices have: parts are equal, in the order of ranks."""
    ranks = size(axis_name)
    parts = whole.reshape(ranks, whole.size // ranks)
    return lax.dynamic_index_in_dim(parts, lax.axis_index(axis_name), keepdims=False)


def check_shared(words, axis_name) -> None:
    """That the state is one for all devices along ``axis_name``, where the types tell."""
    names = axis_name if isinstance(axis_name, tuple) else (axis_name,)
    if differs := varying(words) & frozenset(names):
        raise ValueError(
            f"state differs between the devices along {quoted(differs)}, and axis_name={axis_name!r} needs one for all of "
            "them: give it to shard_map with in_specs=P(), without pcast or pvary; schedules of their own, one for each "
            "device, take no axis_name"
        )


def quoted(axes) -> str:
    return ", ".join(map(repr, sorted(axes)))


def gather(rows: list[jax.Array], axis_name) -> list[jax.Array]:
    """Every device's part of the rows, joined in the order of ranks. The rows have one shape, and
    elements of at most four bytes; they travel as bits, in one collective."""
    bits = jnp.stack([as_bits(row) for row in rows])
    rank = lax.axis_index(axis_name)
    axes = varying(rank)
    if not axes:  # vmap, pmap, or shard_map without check_vma: nothing is typed
        every = lax.all_gather(bits, axis_name)
    elif _TYPED_GATHER:
        every = lax.all_gather(as_varying(bits, axes), axis_name, to="invarying")
    else:  # a sum in which all other devices have zeros: half as fast again
        zeros = as_varying(jnp.zeros((size(axis_name), *bits.shape), bits.dtype), axes | varying(bits))
        every = lax.psum(lax.dynamic_update_index_in_dim(zeros, as_varying(bits, axes), rank, 0), axis_name)
    joined = every.swapaxes(0, 1).reshape(len(rows), -1)
    return [of_bits(part, row.dtype) for part, row in zip(joined, rows)]
