#!/usr/bin/env bash
# EulerDiscreteScheduler.get_velocity(x0, noise, t) is the velocity of timestep 999 - t, while
# its add_noise adds the noise of t.
#
# Versions: diffusers 0.42.1, torch 2.15.0 (on the CPU), CPython 3.11.
# Behaviour: the velocity is alpha noise - sigma x0; of x0 = 0 and noise = 1 it is alpha. On Stable
#   Diffusion's table DDPMScheduler gives 0.9996 at t = 0 and 0.0683 at t = 999. The fresh
#   EulerDiscreteScheduler gives 0.0683 at 0 and 0.9996 at 999, with t in float32 as it demands. After
#   set_timesteps(20) the i-th timestep of its grid (999, 946.4, ...) gets that of t = i (0.9996,
#   0.9991, ...). add_noise of the same object is right: 0.0292 and 14.6. So a trainer that takes
#   both from it trains v-prediction on targets that do not belong to the inputs, without an error.
# So: take the target from a DDPMScheduler, or write alpha noise - sigma x0 yourself.
# Needs python3 (3.11 to 3.13), 6 GB of disk for torch. Exits non-zero if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.15.0 diffusers==0.42.1
cat >ask.py <<'PY'
import diffusers
import torch

SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def velocity(scheduler, t):
    return scheduler.get_velocity(torch.zeros(len(t)), torch.ones(len(t)), t)


ddpm, euler = diffusers.DDPMScheduler(**SD), diffusers.EulerDiscreteScheduler(**SD)
right, given = velocity(ddpm, torch.arange(1000)), velocity(euler, torch.arange(1000.0))
noise = euler.add_noise(torch.zeros(1000), torch.ones(1000), torch.arange(1000.0))
print(f"DDPM velocity: {right[0]:.4f} at 0, {right[999]:.4f} at 999")
print(f"Euler velocity: {given[0]:.4f} at 0, {given[999]:.4f} at 999; that of 999 - t: {torch.allclose(given, right.flip(0))}")
print(f"Euler noise: {noise[0]:.4f} at 0, {noise[999]:.4f} at 999")
euler.set_timesteps(20)
print("Euler velocity of its 20 timesteps is that of 0 to 19:", torch.allclose(velocity(euler, euler.timesteps), right[:20]))
PY
venv/bin/python -W ignore ask.py 2>/dev/null | tee output
expect() {
  grep -qx "$1" output || { echo "changed: no line '$1'" >&2; exit 1; }
}
expect 'DDPM velocity: 0.9996 at 0, 0.0683 at 999'
expect 'Euler velocity: 0.0683 at 0, 0.9996 at 999; that of 999 - t: True'
expect 'Euler noise: 0.0292 at 0, 14.6146 at 999'
expect 'Euler velocity of its 20 timesteps is that of 0 to 19: True'
echo "as described"
