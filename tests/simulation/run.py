"""Runs schedules: `python tests/simulation/run.py --schedules 10000`, or one of them: `--seed 42`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simulation.program import make_program
from simulation.schedule import run_seed, shrink


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the kernel under random schedules and checks it with a model.")
    parser.add_argument("--seed", type=int, help="runs this schedule alone and shows what is wrong with it")
    parser.add_argument("--shrink", action="store_true", help="with --seed: looks for a smaller program that fails")
    parser.add_argument("--schedules", type=int, default=1000, help="how many to run (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first (default: %(default)s)")
    parser.add_argument("--stop", action="store_true", help="ends at the first failure")
    options = parser.parse_args()
    if options.seed is not None:
        return _one(options.seed, options.shrink)
    began = time.perf_counter()
    failed, undecided, operations, states, ran = [], 0, 0, 0, 0
    for seed in range(options.first, options.first + options.schedules):
        result = run_seed(seed)
        ran += 1
        undecided += result.undecided
        operations += result.operations
        states += result.states
        if result.wrong:
            failed.append(seed)
            print(f"seed {seed} failed: python {sys.argv[0]} --seed {seed}", flush=True)
            if options.stop:
                break
    took = time.perf_counter() - began
    print(
        f"{ran:,} schedules, {operations:,} operations given, {states:,} states of the model, "
        f"{undecided:,} undecided, {len(failed):,} failed, {took:.0f} s"
    )
    return int(bool(failed))


def _one(seed: int, smaller: bool) -> int:
    program = make_program(Random(f"program {seed}"))
    if smaller:
        program = shrink(seed, program)
    result = run_seed(seed, program)
    for batch in program:
        print(batch)
    print(*result.wrong, sep="\n")
    print(f"trace {result.trace[:16]}, {'FAILED' if result.wrong else 'right'}, {result.undecided} undecided")
    return int(bool(result.wrong))


if __name__ == "__main__":
    sys.exit(main())
