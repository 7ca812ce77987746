"""infonoise.Scheduler with PyTorch's tensors; tests/test_pytorch.py runs it where PyTorch is installed.

    python torch_scheduler.py FOLDER              the checks, with examples/ on the path
    python torch_scheduler.py FOLDER RANK WORLD   a rank of the loss class, which prints its digest
"""

import pickle
import sys
from pathlib import Path

import infonoise
import numpy as np
import torch
import torch.distributed as dist
from pytorch_edm import InfoNoiseLoss, Net, spots

FOLDER = Path(sys.argv[1])
CONFIG = infonoise.Config(warmup_steps=2, refresh_every=2, refresh_growth=0, min_count=1)


def refused(call, error, words):
    try:
        call()
    except error as found:
        assert words in str(found), found
    else:
        raise AssertionError(f"nothing said {words}")


def tensors():
    one = infonoise.Scheduler(CONFIG, seed=1)
    sigma = one.sample(512)
    error = sigma**2 / (1 + sigma**2)
    error = torch.from_numpy(error).bfloat16().float().numpy()  # numbers that every type below holds
    lent = torch.from_dlpack(sigma)
    assert lent.dtype == torch.float32 and lent.data_ptr() == sigma.ctypes.data, "a copy was made"
    assert one.observe(sigma, error, sigma > 1) == 0
    kinds = {
        "float32": lambda x: x,
        "requires grad": lambda x: x.clone().requires_grad_(),
        "computed": lambda x: x.clone().requires_grad_() * 1,
        "float64": torch.Tensor.double,
        "bfloat16": torch.Tensor.bfloat16,
        "strided": lambda x: torch.stack([x, x], 1)[:, 0],
        "column": lambda x: x[:, None],
    }
    for name, kind in kinds.items():
        other = infonoise.Scheduler(CONFIG, seed=1)
        drawn = torch.from_numpy(other.sample(512))
        same = kind(torch.from_numpy(error))
        drawn, mask = drawn.reshape(same.shape), torch.from_numpy(sigma > 1).reshape(same.shape)
        assert other.observe(drawn, same, mask) == 0
        assert other.digest() == one.digest(), name
        assert (other.advance(drawn, same) == pickle.loads(pickle.dumps(one)).advance(sigma, error)).all(), name
        print("observed", name)
    before = one.digest()
    refused(lambda: one.observe(sigma, torch.empty(512, device="meta")), TypeError, "a tensor on meta must come to the host")
    refused(lambda: one.observe(torch.ones(3), torch.ones(3, 1)), ValueError, "same shape")
    assert one.digest() == before
    # A noise level that bfloat16 has rounded to a value outside the grid is counted as rejected.
    assert one.observe(torch.tensor([CONFIG.sigma_min]).bfloat16(), [1e-6]) == 1
    with infonoise.Journal(FOLDER / "torch.journal", infonoise.Scheduler(CONFIG, seed=1)) as journal:
        drawn = torch.from_numpy(journal.sample(64))
        journal.observe(drawn, (drawn * 0.1).requires_grad_())
        journal.step()
        assert journal.advance(drawn, (drawn * 0.1).requires_grad_()).shape == (64,)
    assert infonoise.replay(FOLDER / "torch.journal").scheduler.digest() == journal.scheduler.digest()


def deviations():
    """Of tensors and of a loader's batches, as of the same NumPy arrays."""
    images = 100 + 0.5 * torch.randn(1000, 3, 8, 8)
    known = infonoise.data_deviation(images.numpy())
    assert abs(known - 0.5) < 0.01
    assert infonoise.data_deviation(images.clone().requires_grad_()) == known
    assert infonoise.data_deviation(images.double().permute(0, 2, 3, 1)) == infonoise.data_deviation(images.numpy().transpose(0, 2, 3, 1))
    rounded = images.bfloat16()
    assert infonoise.data_deviation(rounded) == infonoise.data_deviation(rounded.float().numpy())
    assert infonoise.data_deviation((256 * torch.rand(100, 8)).to(torch.uint8)) > 60
    pairs = torch.utils.data.TensorDataset(images, torch.arange(1000))
    loader = torch.utils.data.DataLoader(pairs, batch_size=96, shuffle=True)
    assert abs(infonoise.data_deviation(batch for batch, labels in loader) / known - 1) < 1e-12
    refused(lambda: infonoise.data_deviation(loader), TypeError, "(images for images, labels in loader)")
    print("deviation", known)


def checkpoints():
    one = infonoise.Scheduler(CONFIG, seed=1)
    for _ in range(5):
        sigma = one.sample(512)
        one.observe(sigma, sigma**2 / (1 + sigma**2))
        one.step()
    torch.save({"schedule": one.state_dict()}, FOLDER / "checkpoint.pt")
    loaded = torch.load(FOLDER / "checkpoint.pt")["schedule"]
    as_tensor = {"snapshot": torch.tensor(list(one.save()), dtype=torch.uint8)}
    expected = None
    for state in (loaded, as_tensor):
        other = infonoise.Scheduler(infonoise.Config.edm(), seed=2)
        other.load_state_dict(state)
        assert other.digest() == one.digest()
        drawn = other.sample(100)
        assert expected is None or (drawn == expected).all()
        expected = drawn
    refused(lambda: other.load_state_dict({"snapshot": torch.ones(5)}), TypeError, "must be bytes, got an array of float32")
    print("checkpoints", len(one.save()), "bytes")


def trained(loss_fn, steps, seed):
    torch.manual_seed(seed)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    for _ in range(steps):
        loss_fn(net, spots(64)).mean().backward()
        optimizer.step()
        loss_fn.step()


def loss_class():
    """Its state is in its state_dict, among a model's own."""
    timing = {"warmup_steps": 3, "refresh_every": 2, "min_count": 1}
    one, other = InfoNoiseLoss(seed=1, **timing), InfoNoiseLoss(seed=2, **timing)
    trained(one, 12, seed=0)
    assert one.scheduler.report()["refreshes"] > 0
    torch.save(torch.nn.ModuleDict({"net": Net(), "loss": one}).state_dict(), FOLDER / "model.pt")
    whole = torch.nn.ModuleDict({"net": Net(), "loss": other})
    whole.load_state_dict(torch.load(FOLDER / "model.pt"))
    assert other.scheduler.digest() == one.scheduler.digest()
    trained(one, 5, seed=3)
    trained(other, 5, seed=3)
    assert other.scheduler.digest() == one.scheduler.digest()
    # The loss of EDM's own class at these noise levels.
    torch.manual_seed(7)
    net, images = Net(), spots(8)
    sigma = torch.from_numpy(pickle.loads(pickle.dumps(one.scheduler)).sample(8)).reshape(-1, 1, 1, 1)
    torch.manual_seed(8)
    loss = one(net=net, images=images, labels=None, augment_pipe=None)
    torch.manual_seed(8)
    weight = (sigma**2 + 0.5**2) / (sigma * 0.5) ** 2
    assert torch.equal(loss, weight * (net(images + torch.randn_like(images) * sigma, sigma) - images) ** 2)
    assert loss.shape == images.shape and loss.requires_grad
    print("the loss class resumes, and its loss is EDM's")


def rank(number, world):
    """A rank that trains on its own images; its schedule observes the errors of all ranks."""
    dist.init_process_group("gloo", init_method=f"file://{FOLDER / 'meet'}", rank=number, world_size=world)
    loss_fn = InfoNoiseLoss(seed=1, warmup_steps=3, refresh_every=2, refresh_growth=0, min_count=1)
    trained(loss_fn, 12, seed=number)
    report = loss_fn.scheduler.report()
    assert report["observations"] == report["draws"] == 12 * 64 * world and report["refreshes"] > 0
    print(f"{loss_fn.scheduler.digest():016x}")
    # Without this the interpreter may end while gloo's threads run, and abort.
    dist.barrier()
    dist.destroy_process_group()


if len(sys.argv) > 2:
    rank(int(sys.argv[2]), int(sys.argv[3]))
else:
    tensors()
    deviations()
    checkpoints()
    loss_class()
