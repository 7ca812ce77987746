#!/usr/bin/env bash
# DDPMScheduler.add_noise on bfloat16 samples adds no noise at all at timesteps 0 to 9.
#
# Versions: diffusers 0.42.1, torch 2.15.0 (on the CPU), CPython 3.11.
# Behaviour: alpha_bar is converted to the samples' type before sigma = sqrt(1 - alpha_bar) is
#   computed. bfloat16 has 8 bits: all alpha_bar above 0.998 become 1. With the default betas sigma
#   is 0 at t = 0 to 9, where in float32 it is .010 to .044, and 792 of the 1000 noise levels remain
#   distinct; on Stable Diffusion's table sigma is 0 at t = 0 and 1, and 565 levels remain. The
#   noise itself would be held to three digits. There is no error and no warning.
# So: add the noise in float32, and convert the result.
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
for name, betas in (("default", {}), ("SD", SD)):
    scheduler = diffusers.DDPMScheduler(**betas)
    for dtype in (torch.float32, torch.bfloat16):
        zeros, ones = torch.zeros(1000, dtype=dtype), torch.ones(1000, dtype=dtype)
        alpha, sigma = scheduler.add_noise(ones, zeros, t).float(), scheduler.add_noise(zeros, ones, t).float()
        silent = (sigma == 0).nonzero().flatten().tolist()
        print(f"{name} {dtype}: no noise at {silent}, {len((sigma / alpha).unique())} levels, sigma at 9 = {sigma[9]:.4f}")
PY
venv/bin/python -W ignore ask.py 2>/dev/null | tee output
expect() {
  grep -qxF "$1" output || { echo "changed: no line '$1'" >&2; exit 1; }
}
expect 'default torch.float32: no noise at [], 1000 levels, sigma at 9 = 0.0435'
expect 'default torch.bfloat16: no noise at [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 792 levels, sigma at 9 = 0.0000'
expect 'SD torch.float32: no noise at [], 1000 levels, sigma at 9 = 0.0932'
expect 'SD torch.bfloat16: no noise at [0, 1], 565 levels, sigma at 9 = 0.0884'
echo "as described"
