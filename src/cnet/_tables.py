"""Tables as plain text and as HTML for notebooks."""

from collections.abc import Sequence
from html import escape


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns of text, the first `left` of them aligned to the left and the others to the right.

    Examples
    --------
    >>> from cnet._tables import text_table
    >>> print(text_table(["name", "size"], [["conv", "72"], ["linear", "1290"]]))
    name    size
    conv      72
    linear  1290
    """
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join(line.rstrip() for line in aligned)


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """The same table as HTML.

    Examples
    --------
    >>> from cnet._tables import html_table
    >>> html_table(["a<b"], [["1"]]).count("a&lt;b")
    1
    """

    def line(tag: str, cells: Sequence[str]) -> str:
        sides = ("left" if number < left else "right" for number in range(len(cells)))
        inside = (
            f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{''.join(inside)}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', header)}</thead><tbody>{body}</tbody></table>"
