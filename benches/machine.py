"""What the numbers were measured on."""

import os
import platform
import re
import subprocess
from pathlib import Path


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def machine():
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    name = found[1].strip() if found else "a processor without a name"
    return f"{name}, {os.cpu_count()} cores, {platform.machine()}, {platform.system()}; {output('rustc', '--version').split(' (')[0]}"
