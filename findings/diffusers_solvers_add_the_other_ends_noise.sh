#!/usr/bin/env bash
# add_noise of four fresh solvers of diffusers adds at timestep t the noise of 999 - t, and
# after set_timesteps one and the same noise at every timestep that is not on their grid.
#
# Versions: diffusers 0.42.1, torch 2.15.0 (on the CPU), CPython 3.11.
# Behaviour: DPMSolverMultistepScheduler, DPMSolverSinglestepScheduler, DEISMultistepScheduler
#   and UniPCMultistepScheduler have the same betas and the same add_noise(x0, noise, t) as
#   DDPMScheduler, and are made from its configuration. Made for training, that is without
#   set_timesteps, they return at t = 0 the sample with the most noise (sigma / alpha = 14.6 on
#   Stable Diffusion's table, where DDPMScheduler adds 0.0292), and at t = 999 that with the
#   least. After set_timesteps(20) the 20 timesteps of the grid are right, and the other 980 all
#   get the noise of the grid's last timestep, 50 (0.226). There is no error and no warning.
# So: train with DDPMScheduler.from_config(solver.config), and ask any scheduler what it adds
#   before training with it.
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
t = torch.arange(1000)


def levels(scheduler):
    """sigma / alpha that add_noise gives to each timestep."""
    alpha = scheduler.add_noise(torch.ones(1000), torch.zeros(1000), t)
    return scheduler.add_noise(torch.zeros(1000), torch.ones(1000), t) / alpha


right = levels(diffusers.DDPMScheduler(**SD))
print(f"DDPM: {right[0]:.4f} at 0, {right[999]:.4f} at 999")
for name in ("DPMSolverMultistep", "DPMSolverSinglestep", "DEISMultistep", "UniPCMultistep"):
    scheduler = getattr(diffusers, f"{name}Scheduler")(**SD)
    fresh = levels(scheduler)
    upside_down = torch.allclose(fresh, right.flip(0), rtol=1e-5)
    print(f"{name}: {fresh[0]:.4f} at 0, {fresh[999]:.4f} at 999; that of 999 - t: {upside_down}")
    scheduler.set_timesteps(20)
    off = torch.ones(1000, dtype=bool).index_fill(0, scheduler.timesteps, False)
    others = levels(scheduler)[off].unique().tolist()
    print(f"{name} after set_timesteps(20): {off.sum()} timesteps off its grid get {', '.join(f'{x:.4f}' for x in others)}")
PY
venv/bin/python -W ignore ask.py 2>/dev/null | tee output
expect() {
  grep -qx "$1" output || { echo "changed: no line '$1'" >&2; exit 1; }
}
expect 'DDPM: 0.0292 at 0, 14.6146 at 999'
for name in DPMSolverMultistep DPMSolverSinglestep DEISMultistep UniPCMultistep; do
  expect "$name: 14.6146 at 0, 0.0292 at 999; that of 999 - t: True"
  expect "$name after set_timesteps(20): 980 timesteps off its grid get 0.2256"
done
echo "as described"
