"""What the numbers were measured on."""

import os
import platform
import re
import subprocess
from pathlib import Path


def machine():
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    name = found[1].strip() if found else "a processor without a name"
    compiler = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout
    return f"{name}, {os.cpu_count()} cores, {platform.machine()}, {platform.system()}; {compiler.split(' (')[0]}"
