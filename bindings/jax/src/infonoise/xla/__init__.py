"""What ``infonoise.jax`` is made of: operands of the custom calls, mesh axes, calls on the host."""
