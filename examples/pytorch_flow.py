"""InfoNoise in flow matching with the velocity loss.

    python examples/pytorch_flow.py --steps 900

The direction of time, which is where most mistakes are made:

    x_t = (1 - t) x0 + t eps        t = 0 is data, **t = 1 is noise**
    v   = eps - x0                  what the network predicts
    t   = sigma / (1 + sigma)       x_t = (x0 + sigma eps) / (1 + sigma)

The data are words of an error-correcting code, finitely many points, so the endpoint
is discrete; for images leave it continuous, as it is by default.

If your time runs the other way, from noise at 0 to data at 1, keep it in your
network: pass it 1 - t, and observe sigma as here.
"""

import argparse

import infonoise
import torch
from infonoise.coordinates import from_sigma
from pytorch_edm import line

# The extended Hamming code: 16 of the 256 rows of eight bits, any two four bits apart.
ROWS = ["10000111", "01001011", "00101101", "00011110"]
CODE = torch.tensor([[int(bit) for bit in row] for row in ROWS])


def words(n):
    """Code words as points at -0.5 and 0.5, of standard deviation 0.5."""
    return (torch.randint(2, (n, 4)) @ CODE % 2).float() - 0.5


def valid(points):
    """The share of points whose signs are a code word; 1/16 by chance."""
    bits = (points > 0).long()
    return (bits @ CODE.T % 2 == 0).all(1).float().mean().item()  # the code is its own dual


class Velocity(torch.nn.Module):
    """A small network for rows of eight numbers and a time from 0 to 1."""

    def __init__(self, width=128):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(8 + 16, width), torch.nn.SiLU(),
            torch.nn.Linear(width, width), torch.nn.SiLU(),
            torch.nn.Linear(width, 8),
        )  # fmt: skip

    def forward(self, x, t):
        waves = t * torch.arange(1, 9) * (torch.pi / 2)
        return self.layers(torch.cat([x, waves.sin(), waves.cos()], 1))


def loss(net, scheduler, x0):
    """The velocity loss at times that the schedule draws; the schedule learns from it."""
    sigma = scheduler.sample(len(x0))
    t = torch.from_numpy(from_sigma("flow_t", sigma)).float()[:, None]
    eps = torch.randn_like(x0)
    error = ((net((1 - t) * x0 + t * eps, t) - (eps - x0)) ** 2).mean(1)
    scheduler.observe(sigma, error)  # per sample, no weight, with the sigma that was drawn
    return error.mean()


@torch.no_grad()
def sampled(net, grid, n):
    """Heun's method from noise at grid[0], nearly 1, down to data at 0."""
    x = torch.randn(n, 8)
    for now, then in zip(grid[:-1], grid[1:]):
        v = net(x, now.expand(n, 1))
        ahead = x + (then - now) * v
        x = x + (then - now) * (v + net(ahead, then.expand(n, 1))) / 2
    return x


def main(steps, batch=512, seed=0):
    torch.manual_seed(seed)
    net = Velocity()
    config = infonoise.Config.flow(endpoint="discrete", sigma_data=infonoise.data_deviation(words(20000)))
    scheduler = infonoise.Scheduler(config, seed)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for step in range(steps):
        optimizer.zero_grad()
        loss(net, scheduler, words(batch)).backward()
        optimizer.step()
        report = scheduler.step()
        if (step + 1) % (steps // 6) == 0:
            print(line(report))
    grid = torch.from_numpy(scheduler.info_grid(18, coordinate="flow_t")).float()
    share = valid(sampled(net, torch.cat([grid, torch.zeros(1)]), 2000))
    print(f"{share:.1%} of 2000 samples are code words; by chance it would be 6.2%")
    return net, scheduler, share


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=900, help="optimizer steps, at least 12")
    main(parser.parse_args().steps)
