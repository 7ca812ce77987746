"""Three schedules on DNA: EDM's recipe, log-uniform, and InfoNoise. Writes a summary and three plots.

    python demo/run.py                 one seed
    python demo/run.py --seeds 3       three seeds
    python demo/run.py --steps 18 --batch 8 --samples 64 --out out/smoke
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import arms
import dna
import model
import plots
import summary as summaries
from sampler import generate
from train import Settings, train


def run_arm(arm, settings, genome, judge, seed):
    """Train one arm under a progress bar. The record: scores and schedule at the milestones, density at every chunk."""
    import infonoise.jax as inj

    record = {"js3": [], "js6": [], "schedule": [], "density": [], "pivot": [], "median": []}
    step = 0
    began = time.perf_counter()
    total = settings.steps * settings.batch
    with tqdm(total=total, desc=f"seed {seed}  {arm.label:<18}", unit=" examples", unit_scale=True) as bar:

        def watch(carry, loss):
            nonlocal step
            step += settings.chunk
            notes = {"loss": f"{loss:.3f}"}
            if arm.name == "infonoise":
                report, profile = inj.report(carry["schedule"]), inj.profile(carry["schedule"])
                # Arrays are copied, since the state that owns them is donated to the next chunk.
                record["density"].append(np.array(profile["density"], float))
                record["profile"] = {name: np.array(value, float) for name, value in profile.items()}
                record["pivot"].append(float(report["pivot"]) if report["refreshes"] else np.nan)
                record["median"].append(float(report["q50"]))
                notes["phase"] = report["phase"]
                if report["refreshes"]:
                    notes["pivot"] = f"{report['pivot']:.3f}"
            if step in settings.milestones:
                if arm.name == "infonoise":
                    digest = inj.digest(carry["schedule"])
                    record["schedule"].append(
                        {"examples": step * settings.batch, **summaries.schedule_fields(report, digest)}
                    )
                scores = judge(generate(carry["ema"], settings.samples, seed))
                record["js3"].append(scores["js3"])
                record["js6"].append(scores["js6"])
            if record["js3"]:
                notes["js3"] = f"{record['js3'][-1]:.2f}"
            bar.set_postfix(notes, refresh=False)
            bar.update(settings.chunk * settings.batch)

        train(model.TASK, arm, settings, genome.train, seed, watch)
    record["seconds"] = time.perf_counter() - began
    return record


def real_score(genome, judge, n, repeats=8):
    """The floor: the score of equally many real windows from the held-out part of the genome."""
    rng = np.random.default_rng(0)
    scores = [judge(dna.windows(genome.held_out, n, rng)) for _ in range(repeats)]
    return {key: float(np.mean([score[key] for score in scores])) for key in scores[0]}


def run(settings, seeds, out):
    """All seeds and arms; returns the summary that it writes."""
    import infonoise

    config = infonoise.Config.discrete(sigma_min=arms.SIGMA_MIN, sigma_max=arms.SIGMA_MAX)
    contenders = [arms.edm(), arms.loguniform(), arms.infonoise(config)]
    labels = {arm.name: arm.label for arm in contenders}
    genome = dna.load()
    judge = dna.Judge(genome)

    runs = {arm.name: [] for arm in contenders}
    for seed in seeds:
        for arm in contenders:
            runs[arm.name].append(run_arm(arm, settings, genome, judge, seed))

    floor = real_score(genome, judge, settings.samples)
    summary = summaries.summarise(settings, seeds, floor, runs)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(summary, indent=2, allow_nan=False)
    (out / "summary.json").write_text(text + "\n", encoding="utf-8")
    plots.quality(summary, labels, out / "quality.png")
    plots.density_over_training(settings, runs["infonoise"][0], out / "density.png")
    plots.final_density(runs["infonoise"][0], summary, labels, out / "final.png")
    print("\n" + summaries.table(summary, labels))
    print(f"\nwritten to {out}: summary.json, quality.png, density.png, final.png")
    return summary


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, counted from 0 (default 1)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder to write to")
    parser.add_argument("--steps", type=int, default=Settings.steps, help="optimizer steps, a multiple of 18")
    parser.add_argument("--batch", type=int, default=Settings.batch, help="windows in a batch")
    parser.add_argument("--samples", type=int, default=Settings.samples, help="windows generated for a score")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds must be 1 or more")
    try:
        settings = Settings(steps=options.steps, batch=options.batch, samples=options.samples)
    except ValueError as problem:
        parser.error(str(problem))
    seeds = list(range(options.first_seed, options.first_seed + options.seeds))
    return run(settings, seeds, options.out)


if __name__ == "__main__":
    main()
