"""InfoNoise in EDM's training loop: a loss class that replaces its EDMLoss.

    python examples/pytorch_edm.py --steps 600

EDM's loop calls ``loss_fn(net=..., images=..., labels=..., augment_pipe=...)`` once a
micro-batch, and continues to do so. What is new in the loop is one line, after
``optimizer.step()``: ``loss_fn.step()``. The network, its preconditioning, the loss
and its weight stay as they are; only the noise levels come from elsewhere.

Here it trains a small network on images of a spot, for some seconds.
"""

import argparse

import infonoise
import torch
import torch.distributed as dist


class InfoNoiseLoss(torch.nn.Module):
    """EDM's loss at noise levels that follow the information.

    ``sigma_data`` is the data's deviation, ``infonoise.data_deviation(images)``. Its ``state_dict`` holds the schedule; ``changes`` are fields of ``infonoise.Config``.
    """

    def __init__(self, sigma_data=0.5, seed=0, **changes):
        super().__init__()
        self.sigma_data = sigma_data
        self.scheduler = infonoise.Scheduler(infonoise.Config.edm(sigma_data, **changes), seed)

    def __call__(self, net, images, labels=None, augment_pipe=None):
        rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        # Every rank has the same schedule and takes its own slice of one global batch.
        drawn = torch.from_numpy(self.scheduler.sample(len(images), rank=rank, world=world)).to(images.device)
        sigma = drawn.reshape(-1, *[1] * (images.ndim - 1))
        weight = (sigma**2 + self.sigma_data**2) / (sigma * self.sigma_data) ** 2
        images, augment_labels = augment_pipe(images) if augment_pipe is not None else (images, None)
        noisy = images + torch.randn_like(images) * sigma
        known = {} if augment_labels is None else {"augment_labels": augment_labels}
        error = (net(noisy, sigma, labels, **known) - images) ** 2
        # The error before the weight, in float32, one number for each image.
        with torch.no_grad():
            pairs = gathered(torch.stack([drawn, error.float().flatten(1).mean(1)])).cpu()
        self.scheduler.observe(pairs[0], pairs[1])
        return weight * error

    def step(self):
        """Once per optimizer step, whatever the number of micro-batches; a dict for the logger."""
        return self.scheduler.step()

    def get_extra_state(self):
        return self.scheduler.state_dict()

    def set_extra_state(self, state):
        self.scheduler.load_state_dict(state)


def gathered(pairs):
    """The pairs of all ranks, in their order, so that every rank observes the same."""
    if not dist.is_initialized():
        return pairs
    parts = [torch.empty_like(pairs) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, pairs.contiguous())
    return torch.cat(parts, 1)


class Net(torch.nn.Module):
    """EDM's preconditioning around a small network for 8 x 8 pixels."""

    def __init__(self, sigma_data=0.5, width=256):
        super().__init__()
        self.sigma_data = sigma_data
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64 + 16, width), torch.nn.SiLU(),
            torch.nn.Linear(width, width), torch.nn.SiLU(),
            torch.nn.Linear(width, 64),
        )  # fmt: skip

    def forward(self, x, sigma, labels=None):
        total = sigma**2 + self.sigma_data**2
        waves = sigma.flatten(1).log() / 4 * torch.arange(1, 9)
        hidden = self.layers(torch.cat([(x / total.sqrt()).flatten(1), waves.sin(), waves.cos()], 1))
        return self.sigma_data**2 / total * x + sigma * self.sigma_data / total.sqrt() * hidden.reshape(x.shape)


def spots(n):
    """Images of 8 x 8 pixels that show one spot somewhere, of standard deviation 0.5."""
    place, pixels = 5 * torch.rand(2, n, 1) - 2.5, torch.arange(8) - 3.5
    down, along = torch.exp(-((pixels - place) ** 2) / 2.88)
    return 2.2 * (down[:, None, :, None] * along[:, None, None, :] - 0.13)


def off_spots(images):
    """The mean distance of the images from the nearest of many real ones, root mean square over pixels."""
    return torch.cdist(images.flatten(1), spots(5000).flatten(1)).min(1)[0].mean().item() / 8


@torch.no_grad()
def sampled(net, grid, n):
    """Heun's method down a grid of noise levels, and the denoised images at its end."""
    x = grid[0] * torch.randn(n, 1, 8, 8)
    for high, low in zip(grid[:-1], grid[1:]):
        slope = (x - net(x, high.expand(n, 1, 1, 1))) / high
        ahead = x + (low - high) * slope
        x = x + (low - high) * (slope + (ahead - net(ahead, low.expand(n, 1, 1, 1))) / low) / 2
    return net(x, grid[-1].expand(n, 1, 1, 1))


def line(report):
    """A report in one line."""
    return (
        f"step {report['steps']:4d}  {report['phase']:8s}  refreshes {report['refreshes']:2d}  pivot {report['pivot']:.3f}"
        f"  draws from {report['q05']:.3f} to {report['q95']:.2f}, median {report['q50']:.3f}"
    )


def main(steps, batch=128, seed=0):
    torch.manual_seed(seed)
    # Of your data set: infonoise.data_deviation(images for images, labels in loader)
    sigma_data = infonoise.data_deviation(spots(20000))
    net = Net(sigma_data)
    loss_fn = InfoNoiseLoss(sigma_data, seed)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for step in range(steps):
        optimizer.zero_grad()
        for _ in range(2):  # micro-batches
            loss_fn(net=net, images=spots(batch)).mean().backward()
        optimizer.step()
        report = loss_fn.step()
        if (step + 1) % (steps // 6) == 0:
            print(line(report))
    made = sampled(net, torch.from_numpy(loss_fn.scheduler.info_grid(18)), 500)
    distance, noise = off_spots(made), off_spots(sigma_data * torch.randn_like(made))
    print(f"distance from real images: generated {distance:.3f}, noise of their spread {noise:.3f}")
    return net, loss_fn, distance


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600, help="optimizer steps, at least 12")
    main(parser.parse_args().steps)
