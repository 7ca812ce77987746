"""Measures everything and rewrites docs/performance.md and its picture: `make bench`.

    python benches/report.py               # after make lib
    python benches/report.py --seconds 1   # coarse, for trying it out
"""

import argparse
import ctypes
import datetime
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benches"))
import growth  # noqa: E402
import instructions  # noqa: E402
import linked  # noqa: E402
from machine import machine  # noqa: E402
from share import share  # noqa: E402
from timing import interleaved, undisturbed  # noqa: E402

LIBRARY = ROOT / "out/lib/libinfonoise.a"
BATCHES = (64, 256, 2048)
GPU_STEP = 50e3  # us


def build(name, *flags):
    """A program, or with -shared a library, of benches/c, linked as a user links it."""
    target = ROOT / "out/bench" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    source = ROOT / f"benches/c/{name}.c"
    subprocess.run(["cc", "-O3", *flags, f"-I{ROOT / 'include'}", source, LIBRARY, "-o", target], check=True)
    return target


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ratios():
    """{name: (ns a call, ns of the floor, ratio, target or None)} of benches/c/ratios.c."""
    rows = {}
    for line in output(build("ratios")).splitlines()[1:]:
        name, *numbers = re.split(r"\s{2,}", line.strip())
        rows[name] = tuple(None if x == "-" else float(x) for x in numbers)
    return rows


def peers(seconds):
    """{batch: {name: us a step}}, for all sides, JAX and Python included."""
    from peers import contenders

    library = ctypes.CDLL(str(build("steps", "-shared", "-fPIC")))
    table, empty = {}, None
    for n in BATCHES:
        sides = contenders.contenders(n, library)
        if n == 256:
            sides.append(contenders.jax_empty_calls())
        times = interleaved(sides, seconds)
        if n == 256:
            empty = undisturbed(times.pop(sides[-1].name))
        table[n] = {name: undisturbed(numbers) for name, numbers in times.items()}
    return table, empty


def row(table, words):
    return next(numbers for name, numbers in table.items() if words in name)


def targets(found):
    """The table of targets: what, the target, the figure, and met or why not."""
    reasons = tomllib.loads((ROOT / "benches/reasons.toml").read_text())
    python, numpy = row(found["peers"][64], "advance"), row(found["peers"][64], "NumPy log-normal")
    scan, call = row(found["peers"][256], "in a scan"), row(found["peers"][256], "a jitted call")
    over, part = call - found["jax_empty"], found["share"]
    kib, kb, step = found["bytes"] / 1024, found["binary"] / 1e3, part["step"]
    alone, gpu = 100 * part["alone"] / step, 100 * part["alone"] / GPU_STEP
    lines = [
        (name, f"<= {limit:.3g} x its floor", f"{ratio:.2f} x", ratio <= limit, "whole" if "+" in name else name.split()[0])
        for name, (_, _, ratio, limit) in found["ratios"].items()
        if limit
    ] + [
        ("JAX, inside `lax.scan`, batch 256", "<= 2 us a step", f"{scan:.2f} us", scan <= 2, "jax"),
        ("copies of the state in it", "0 in the compiled HLO", str(found["copies"]), found["copies"] == 0, "jax"),
        ("JAX, one donated jitted call a step", "<= 4 us above one that adds 1", f"{over:.2f} us", over <= 4, "jax"),
        ("Python `Scheduler.advance`, batch 64", "<= 1.5 us", f"{python:.2f} us", python <= 1.5, "python"),
        ("the same, to NumPy's log-normal draw", "< 1 x", f"{python / numpy:.2f} x", python < numpy, "python"),
        ("state, K 64, B 256", "<= 72 KiB", f"{kib:.1f} KiB", kib <= 72, "state"),
        ("`libinfonoise.a`, its exports", "<= 40 kB", f"{kb:.0f} kB", kb <= 40, "binary"),
        ("a stripped trainer, with `--gc-sections`, grows by", "-", f"{found['linked'] / 1e3:.0f} kB", True, "binary"),
        ("share of the demo's step, the calls timed alone", "< 1 %",
         f"{alone:.4f} % (by difference {part['difference']:.2f} ± {part['uncertainty']:.2f})", alone < 1, "share"),
        ("share of a 50 ms step, by arithmetic", "< 0.1 %", f"{gpu:.4f} %", gpu < 0.1, "share"),
    ]  # fmt: skip
    text, given = "| | target | measured | |\n|---|---|---|---|\n", set()
    numbers = found["instructions"] | {"bare": f"{row(found['ratios'], 'without a comparison')[2]:.2f}"}
    for name, target, figure, met, reason in lines:
        verdict = "met" if target != "-" else ""
        if not met:
            because = reasons[reason.strip(",")].format(**numbers)
            verdict = "**short**, likewise" if because in given else f"**short**, because {because}"
            given.add(because)
        text += f"| {name} | {target} | {figure} | {verdict} |\n"
    return text


def peers_table(table):
    base = {n: row(table[n], "from C") for n in BATCHES}
    text = "| batch | " + " | ".join(map(str, BATCHES)) + " |\n|---|" + "---:|" * len(BATCHES) + "\n"
    for name in table[BATCHES[0]]:
        cells = [table[n][name] / base[n] for n in BATCHES]
        text += f"| {name} | " + " | ".join(f"{x:.2f}" if x < 10 else f"{x:,.0f}" for x in cells) + " |\n"
    text += "| *infonoise, from C, us* | " + " | ".join(f"*{base[n]:.2f}*" for n in BATCHES) + " |\n"
    if not any("torch" in name for name in table[BATCHES[0]]):
        text += "\ntorch is not installed here: its sampler was skipped.\n"
    return text


def ratios_table(rows):
    text = "| | ns a call | its floor | ratio |\n|---|---:|---:|---:|\n"
    for name, (ours, floor, ratio, _) in rows.items():
        text += f"| {name} | {ours:,.0f} | {floor:,.0f} | {ratio:.2f} |\n"
    return text


def sizes_table(sizes):
    text = "| K | B | bytes | bytes a slot |\n|---:|---:|---:|---:|\n"
    for bins, window in [(8, 256), (64, 8), (64, 256), (64, 4096), (256, 256)]:
        total = sizes[bins, window]
        text += f"| {bins} | {window} | {total:,} | {total / bins / window:.2f} |\n"
    return text


def state_copies():
    """Copies of the state in a compiled scan of sample, observe, step."""
    import jax
    from peers.contenders import fresh_state, jax_step

    state, error = fresh_state(256)
    scan = jax.jit(
        lambda state: jax.lax.scan(lambda s, _: (jax_step(error, s), None), state, length=10)[0], donate_argnums=0
    )
    text = scan.lower(state).compile().as_text()
    return sum(" copy(" in line and f"u32[{state.words.size}]" in line for line in text.splitlines())


def counted():
    """Instructions: of this run if valgrind is installed, the checked-in ones otherwise."""
    here = shutil.which("valgrind") is not None
    counts = instructions.count() if here else json.loads(instructions.FIGURES.read_text())["instructions"]
    text = "; ".join(f"{name}: {count:,}" for name, count in counts.items())
    figures = {
        "instructions_sample": round(counts["sample, 256"] / 256),
        "instructions_observe": round(counts["observe, 256"] / 256),
        "instructions_step": counts["step, none due"],
    }
    return text, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="for each batch of peers, and twice that for the demo")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder to write to")
    options = parser.parse_args()

    found = {}
    print("ratios to floors ...", flush=True)
    found["ratios"] = ratios()
    print("instructions ...", flush=True)
    instruction_text, found["instructions"] = counted()
    print("growth ...", flush=True)
    curves, sizes = growth.read(output(build("growth")))
    print("peers ...", flush=True)
    found["peers"], found["jax_empty"] = peers(options.seconds)
    print("the demo's step ...", flush=True)
    found["share"] = part = share(2 * options.seconds)
    found["copies"], found["bytes"] = state_copies(), sizes[64, 256]
    found["linked"] = linked.growth(LIBRARY)
    found["binary"] = int(output("size", LIBRARY).splitlines()[1].split()[3])

    (options.out / "images").mkdir(parents=True, exist_ok=True)
    growth.plot(curves, options.out / "images/performance.png")
    values = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "targets": targets(found),
        "ratios": ratios_table(found["ratios"]),
        "instructions": instruction_text,
        "peers": peers_table(found["peers"]),
        "jax_empty": f"{found['jax_empty']:.1f}",
        "bytes_default": f"{found['bytes']:,}",
        "sizes": sizes_table(sizes),
        "share_batch": part["batch"],
        "share_step": f"{part['step'] / 1e3:.1f}",
        "share_difference": f"{part['difference']:.2f}",
        "share_uncertainty": f"{part['uncertainty']:.2f}",
        "share_alone": f"{part['alone']:.2f}",
        "share_ratio": f"{100 * part['alone'] / part['step']:.4f}",
        "share_gpu": f"{100 * part['alone'] / 50e3:.4f}",
    }
    text = (ROOT / "benches/performance.md.in").read_text()
    text = re.sub(r"\{\{(\w+)\}\}", lambda match: str(values[match[1]]).strip(), text)
    (options.out / "performance.md").write_text(text, encoding="utf-8")
    print(values["targets"], values["peers"], sep="\n")


if __name__ == "__main__":
    main()
