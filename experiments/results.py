"""The paper's questions at the scale of two cores: `make results`, some hours. Continues where it was stopped.

    python experiments/results.py                          # every training that is missing, then the report
    python experiments/results.py --only fashion-7 --seeds 1
    python experiments/results.py --gains                  # prints the ratios and speed-ups of the records that are there
    python experiments/results.py --smoke --out out/smoke  # a minute of everything, which shows nothing but that it runs

Each training is a process of its own on one core, and leaves OUT/STUDY.ARM.SEED.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "demo"))
import measures  # noqa: E402
import training  # noqa: E402
import report  # noqa: E402
import studies  # noqa: E402
from fashion import FOLDER  # noqa: E402


class Run(NamedTuple):
    study: str
    arm: str
    seed: int

    def path(self, out):
        return out / f"{self.study}.{self.arm}.{self.seed}.json"

    def source(self):
        """The run that must come before this one, which uses its final schedule."""
        return Run("fashion-14", "infonoise-edm", self.seed) if self.arm == "transferred" else None


def plan(seeds, only, smoke=False):
    """All runs, one seed after the other, so that complete comparisons exist when it is stopped. The smoke test has one run of each kind."""
    unknown = set(only) - set(studies.STUDIES)
    if unknown:
        raise SystemExit(f"no study is called {', '.join(sorted(unknown))}: there are {', '.join(studies.STUDIES)}")
    chosen = {name: arms for name, (_, arms) in studies.STUDIES.items() if not only or name in only}
    if smoke:
        kinds = {name: ("edm", "transferred", studies.shown(name)) for name in chosen if name not in ("fashion-binary", "fashion-28")}
        chosen = {name: [arm for arm in chosen[name] if arm in arms] for name, arms in kinds.items()}
    return [Run(name, arm, seed) for seed in range(seeds) for name, arms in chosen.items() for arm in arms]


def rounded(value):
    """Arrays and numbers for JSON, to six digits; NaN is null."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [rounded(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def execute(run, options):
    """One training, in this process."""
    scale = studies.SMOKE if options.smoke else studies.Scale()
    study, floor = studies.make(run.study, scale, options.data)
    source = run.source()
    density = json.loads(source.path(options.out).read_text())["schedule"][-1]["density"] if source else None
    record = training.measured(study, floor, run.arm, run.seed, scale, density)
    path = run.path(options.out)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rounded(record), allow_nan=False) + "\n", encoding="utf-8")
    partial.rename(path)


def start(run, core, options):
    """One training in a process on one core; its output goes to a file."""
    command = [sys.executable, __file__, "--run", run.study, run.arm, str(run.seed), "--out", options.out, "--data", options.data]
    # The processes share compiled programs.
    cache = {"JAX_COMPILATION_CACHE_DIR": str(options.out / "compiled"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    with open(run.path(options.out).with_suffix(".log"), "w") as log:
        return subprocess.Popen(
            command + ["--smoke"] * options.smoke,
            env={**os.environ, **cache},
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )


def execute_all(runs, options):
    """All runs without a record, one on each core at a time; without workers, one after the other in this process."""
    runs = list(dict.fromkeys(run for wanted in runs for run in (wanted.source(), wanted) if run))
    left = [run for run in runs if not run.path(options.out).exists()]
    if not options.workers:
        for run in tqdm(left, desc="trainings", unit="run"):
            execute(run, options)
        return
    cores, working, failed = sorted(os.sched_getaffinity(0))[: options.workers], {}, []
    with tqdm(total=len(runs), initial=len(runs) - len(left), desc="trainings", unit="run") as bar:
        while left or working:
            for core in cores * (not failed):
                ready = [run for run in left if not (source := run.source()) or source.path(options.out).exists()]
                if core not in working and ready:
                    left.remove(ready[0])
                    working[core] = ready[0], start(ready[0], core, options)
            time.sleep(0.2)
            for core, (run, process) in list(working.items()):
                if process.poll() is not None:
                    del working[core]
                    bar.update()
                    bar.set_postfix_str(f"{run.study} {run.arm} {run.seed}", refresh=False)
                    if process.returncode:
                        failed.append(run.path(options.out).with_suffix(".log"))
            if failed and not working:
                raise SystemExit(f"{len(failed)} failed, see {', '.join(map(str, failed))}")


def parser():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--out", type=Path, help="folder of the records (default out/results, or out/smoke)")
    ask.add_argument("--data", type=Path, default=FOLDER, help=f"folder of Fashion-MNIST's four files (default {FOLDER}), and of the letters' files if Debian's packages are not installed")
    ask.add_argument("--seeds", type=int, default=3, help="how many seeds (default 3)")
    ask.add_argument("--only", nargs="+", default=[], metavar="STUDY", help="these studies alone")
    workers = "trainings at a time, each on its core (default all cores); 0: one after the other in this process"
    ask.add_argument("--workers", type=int, default=os.cpu_count(), help=workers)
    ask.add_argument("--smoke", action="store_true", help="a few steps of everything")
    ask.add_argument("--report-only", action="store_true", help="train nothing, write the page from the records that are there")
    gains = "train nothing, print what the adaptive schedules gain over the fixed ones, from the records that are there"
    ask.add_argument("--gains", action="store_true", help=gains)
    ask.add_argument("--report", type=Path, help="folder for the report and its pictures (default: where the records are)")
    ask.add_argument("--run", nargs=3, metavar=("STUDY", "ARM", "SEED"), help=argparse.SUPPRESS)
    return ask


def main(arguments=None):
    options = parser().parse_args(arguments)
    options.out = options.out or Path("out/smoke" if options.smoke else "out/results")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.run:
        study, arm, seed = options.run
        return execute(Run(study, arm, int(seed)), options)
    runs = plan(options.seeds, options.only, options.smoke)
    if options.gains:
        return print(report.gains(measures.gather(options.out, runs, incomplete=True)))
    if not options.report_only:
        execute_all(runs, options)
    report.write(options.out, runs, options.report or options.out)


if __name__ == "__main__":
    main()
