"""Instructions of the hot paths, counted by callgrind; exact, since other processes do not affect them.

    python benches/instructions.py          # prints them
    python benches/instructions.py --write  # and makes them the ones to hold

Needs `make lib`, cc and valgrind. The figures hold for one version of rustc.
"""

import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "benches/instructions.json"
# What is counted: an exported function and what it calls.
PATHS = {
    "sample, 256": ("sample", "infonoise_sample"),
    "observe, 256": ("observe", "infonoise_observe"),
    "step, none due": ("count", "infonoise_step"),
    "step with a refresh": ("refresh", "infonoise_step"),
}
TIMES = 64


def compiler() -> str:
    version = subprocess.run(["rustc", "--version"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return f"rustc {version.split()[1]}, {platform.machine()}"


def count() -> dict:
    """Instructions of one call of each path."""
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "hot_path"
        sources = [ROOT / "benches/c/hot_path.c", ROOT / "out/lib/libinfonoise.a"]
        flags = ["-O2", "-fno-builtin", "-fno-tree-loop-distribute-patterns", f"-I{ROOT / 'include'}"]
        subprocess.run(["cc", *flags, *sources, "-o", program], check=True)
        for name, (path, function) in PATHS.items():
            counts[name] = round((collect(program, function, path, TIMES) - collect(program, function, path, 0)) / TIMES)
    return counts


def collect(program, function, path, times) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={function}"]
    done = subprocess.run([*command, program, path, str(times)], capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


if __name__ == "__main__":
    figures = {"compiler": compiler(), "instructions": count()}
    text = json.dumps(figures, indent=2) + "\n"
    print(text, end="")
    if "--write" in sys.argv:
        FIGURES.write_text(text)
