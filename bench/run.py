"""Measure and write records: ``python bench/run.py [SUITE ...]``.

The records of each machine have a folder of their own in bench/results."""

import argparse
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pkgutil import resolve_name
from time import monotonic

import figures
import memory
from busy import busy_processes
from cnet import runtime
from cnet.bench import cli, record, table
from cnet.bench.record import Record
from suites import AVX2, WITH_AVX2, Part, suites

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PEERS = "torch", "onnxruntime"
MEMORY_ROUNDS, MEMORY_THREADS = 3, 2
MEMORY_CASES = "cifar 128", "resnet20", "resnet18", "mobilenet_v2"


def timings(part: Part, threads: int, rounds: int) -> Record:
    """Measure one comparison with one number of threads."""
    cases = resolve_name(part.comparison.cases)
    neighbours = f", beside {part.busy} busy" if part.busy else ""
    print(f"{part.name}, {threads} thread{'s' * (threads > 1)}{neighbours}")
    printer = table.Printer(tuple(part.comparison.sides), [case.title for case in cases.values()])
    with busy_processes(part.busy):
        taken = record.take(part.comparison, threads=threads, rounds=rounds, report=printer.row)
    print(table.circumstances(taken), end="\n\n")
    return {"part": part.name, "busy_processes": part.busy, "versions": _versions()} | taken


def peak_memory(rounds: int) -> Record:
    """Measure the peak memory of training steps."""
    (part, *_) = suites()["networks"]
    sides = {
        side: contender.target
        for side, contender in part.comparison.sides.items()
        if not contender.environment
    }
    rows = []
    for name in MEMORY_CASES:
        case = memory.CASES[name]
        runs = memory.take(sides.values(), name, MEMORY_THREADS, rounds)
        figures = {side: record.summary(runs[target]) for side, target in sides.items()}
        for side, figure in figures.items():
            print(f"{case.title}, {side}: {figure['median']:.1f} MB")
        rows.append({"name": name, "title": case.title, "batch": case.batch, "timings": figures})
    print()
    taken = record.circumstances(MEMORY_THREADS) | {"threads": MEMORY_THREADS, "rounds": rounds}
    taken |= {"unit": "MB", "sides": list(sides), "cases": rows}
    return {"part": "memory", "versions": _versions()} | taken


def _versions() -> dict[str, str]:
    found = {}
    for peer in PEERS:
        try:
            found[peer] = version(peer)
        except PackageNotFoundError:
            continue
    return found


def main(argv: Sequence[str] | None = None) -> None:
    available = suites()
    names = [*available, "memory"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"default: all of {', '.join(names)}"
    )
    parser.add_argument("--rounds", type=cli.positive, default=cli.ROUNDS)
    parser.add_argument("--quick", action="store_const", const=cli.QUICK_ROUNDS, dest="rounds",
                        help=f"{cli.QUICK_ROUNDS} rounds")  # fmt: skip
    parser.add_argument(
        "--avx2",
        action="store_true",
        help=f"use no instructions beyond AVX2 (suites: {', '.join(WITH_AVX2)})",
    )
    parser.add_argument("--results", type=Path, default=RESULTS,
                        help="folder for the records, with a folder for each machine")  # fmt: skip
    args = parser.parse_args(argv)
    if unknown := set(args.suites) - set(names):
        parser.error(f"unknown suite: {', '.join(sorted(unknown))}")
    if args.avx2:
        names = list(WITH_AVX2)
        if others := set(args.suites) - set(names):
            parser.error(f"--avx2 does not limit all sides of {', '.join(sorted(others))}")
        runtime.use_isa("avx2")
        os.environ.update(AVX2)

    # The processes of the sides import from this folder.
    paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    results = args.results / figures.folder(figures.machine(runtime.config()))
    results.mkdir(parents=True, exist_ok=True)
    start = monotonic()
    for name in args.suites or names:
        if name == "memory":
            records = [peak_memory(min(args.rounds, MEMORY_ROUNDS))]
        else:
            records = [
                timings(part, threads, args.rounds)
                for part in available[name]
                for threads in part.threads
            ]
        if records:
            record.save(records, results / f"{name}.json")
        print(f"{monotonic() - start:.0f} s so far", end="\n\n", flush=True)


if __name__ == "__main__":
    main()
