"""Several processes under jax.distributed: the schedule of one."""

import json
import os
import socket
import subprocess
import sys

import pytest
from conftest import ROOT


def run(processes: int, devices: int) -> list:
    """What each process prints; all of them run the code of docs/jax.md."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    program = [sys.executable, ROOT / "tests/programs/many_processes.py", ROOT / "docs/jax.md"]
    started = [
        subprocess.Popen(
            [*program, *map(str, (identity, processes, port))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for identity in range(processes)
    ]
    try:
        said = [process.communicate(timeout=120) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0] * processes, said
    return [json.loads(out.splitlines()[-1]) for out, _ in said]


@pytest.mark.parametrize(("processes", "devices"), [(2, 1), (2, 2)])
def test_replicas_of_all_processes_are_the_run_on_one(processes, devices):
    ((_, refreshes, (digest,), drawn),) = run(1, 1)
    assert refreshes > 0 and list(drawn) == ["0"]
    parts = {}
    for world, _, replicas, part in run(processes, devices):
        assert world == processes * devices and replicas == [digest] * devices and len(part) == devices
        parts |= part
    assert sum((parts[start] for start in sorted(parts, key=int)), []) == drawn["0"]
