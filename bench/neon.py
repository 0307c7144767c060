"""The inner loops of the NEON kernels by instruction counts: ``python bench/neon.py [SOURCE ...]``.

Where no such machine is at hand, this says what limits a loop. The kernels are compiled for aarch64
with zig's compiler and disassembled. Listed are the innermost loops with the most multiply-adds,
their share of the instructions, and the part of the peak that a core could reach which in one cycle
issues four instructions, among them at most two multiply-adds and two loads, as a Neoverse N1 does.

Needs the Python package ziglang and llvm-objdump.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
KERNELS = ROOT / "csrc" / "kernels"
TARGET = "aarch64-linux-musl"
WIDTH, MULTIPLY_ADDS, LOADS = 4, 2, 2
"""The most that a core issues in a cycle: instructions, among them multiply-adds and loads."""
FLAGS = (
    "-O3", "-DNDEBUG", "-std=c11", "-fPIC", "-ffp-contract=fast", "-fno-math-errno", "-w",
    "-DCNET_VARIANT=f32_neon", "-DCNET_REAL_f32", '-DCNET_ISA_HEADER="isa/neon.h"',
    f"-I{ROOT / 'csrc'}", f"-I{KERNELS}",
)  # fmt: skip
FEWEST = 8
"""The multiply-adds of a loop that is worth a line."""

Line = tuple[int, str]


class Loop(NamedTuple):
    """The instructions of an innermost loop of a function, in order."""

    function: str
    instructions: list[str]

    def count(self, pattern: str) -> int:
        """The instructions whose names match a pattern."""
        return sum(bool(re.match(pattern, text)) for text in self.instructions)

    @property
    def multiply_adds(self) -> int:
        return self.count("fml[as]")

    @property
    def loads(self) -> int:
        return self.count("ld")

    @property
    def share(self) -> float:
        """The multiply-adds as a fraction of all instructions."""
        return self.multiply_adds / len(self.instructions)

    @property
    def of_peak(self) -> float:
        """The cycles of the multiply-adds as a fraction of those that the loop needs."""
        cycles = (
            self.multiply_adds / MULTIPLY_ADDS,
            self.loads / LOADS,
            len(self.instructions) / WIDTH,
        )
        return cycles[0] / max(cycles)


def functions(disassembly: str) -> Iterator[tuple[str, list[Line]]]:
    """Names, and addresses with instructions, from the output of llvm-objdump."""
    name, lines = "", []
    for line in disassembly.splitlines():
        if head := re.match(r"[0-9a-f]+ <(.+)>:", line):
            if lines:
                yield name, lines
            name, lines = head[1], []
        elif found := re.match(r"\s*([0-9a-f]+):\s+(.+)", line):
            lines.append((int(found[1], 16), " ".join(found[2].split())))
    if lines:
        yield name, lines


def loops(name: str, lines: Sequence[Line]) -> Iterator[Loop]:
    """The innermost loops: code between the target of a backward branch and the branch.

    A loop that contains another one, or a call, is not listed.
    """
    found = []
    for address, text in lines:
        branch = re.match(r"(?:b|b\.\w+|cbn?z|tbn?z)\s.*?0x([0-9a-f]+)", text)
        if branch and int(branch[1], 16) <= address:
            found.append((int(branch[1], 16), address))
    for begin, end in found:
        if any(begin <= other[0] and other[1] < end for other in found):
            continue
        inside = [text for address, text in lines if begin <= address <= end]
        if not any(re.match(r"(bl|blr|ret)\b", text) for text in inside):
            yield Loop(name, inside)


def disassemble(source: Path, folder: Path) -> str:
    """Compile a kernel for aarch64, and return its instructions."""
    compiled = folder / f"{source.stem}.o"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", TARGET]
    subprocess.run([*compiler, *FLAGS, "-c", source, "-o", compiled], check=True)
    command = ["llvm-objdump", "-d", "--no-show-raw-insn", compiled]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="*", metavar="SOURCE",
                        help="a path in csrc/kernels (default: conv/*.c and gemm/*.c)")  # fmt: skip
    args = parser.parse_args()
    sources = [KERNELS / name for name in args.sources] or [
        *sorted(KERNELS.glob("conv/*.c")),
        *sorted(KERNELS.glob("gemm/*.c")),
    ]
    print(f"{'source':24}{'function':40}{'instructions':>13}{'FMA':>6}{'loads':>6}{'share':>7}"
          f"{'of peak':>9}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for source in sources:
            found = [
                loop
                for name, lines in functions(disassemble(source, Path(folder)))
                for loop in loops(name, lines)
                if loop.multiply_adds >= FEWEST
            ]
            for loop in sorted(found, key=lambda loop: -loop.multiply_adds):
                print(f"{source.relative_to(KERNELS)!s:24}{loop.function[:39]:40}"
                      f"{len(loop.instructions):13}{loop.multiply_adds:6}{loop.loads:6}"
                      f"{loop.share:7.0%}{loop.of_peak:9.0%}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
