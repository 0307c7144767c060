"""The table of coverage in docs/from-pytorch.md, written by ``python tests/parity/table.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from parity import vocabulary

PAGE = Path(__file__).parents[2] / "docs" / "from-pytorch.md"
BEGIN, END = "<!-- coverage:begin -->\n", "<!-- coverage:end -->\n"

TITLES = {
    "operations": "Functions and methods of tensors",
    "nn.functional": "`nn.functional`",
    "nn": "`nn`",
    "optim": "`optim`",
    "optim.lr_scheduler": "`optim.lr_scheduler`",
    "nn.init": "`nn.init`",
}


def table() -> str:
    """The names of PyTorch by family; missing ones are struck out, with the reason below."""
    lines = [
        "PyTorch's wheel contains samples of inputs for its operations and modules. The tests run",
        "them with cnet, and compare values, dtypes, shapes, gradients and errors. These names are",
        "covered:",
        "",
    ]
    for part, families in vocabulary.NAMES.items():
        found, listed = vocabulary.present(part, False), vocabulary.names(part)
        lines += [f"### {TITLES[part]}: {len(found)} of {len(listed)}", ""]
        for family, names in families.items():
            spelled = " ".join(
                f"~~`{name}`~~" if name in vocabulary.MISSING else f"`{name}`"
                for name in names.split()
            )
            lines += [f"**{family}** {spelled}", ""]
    lines += [f"- `{name}` is missing: {why}." for name, why in vocabulary.MISSING.items()]
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the current table."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
