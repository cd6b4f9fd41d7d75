#!/usr/bin/env python3
"""Draws the table "What tracing costs" of bench/README.md as bars, in costs.svg. The figures come from that table."""
import re
from pathlib import Path

from svg import SANS, Svg

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent.parent / "bench/README.md"
INK, GREY, LINE = "#57606a", "#8c959f", "#d0d7de"
COLOURS = {"traced": "#0969da", "filtered": "#54aeff", "bpftrace": "#bc4c00"}
LABEL, BAR, GAP, WIDTH = 150, 16, 22, 860


def rows():
    """Reads the table: (name, traced, filtered, bpftrace), all but the name as numbers."""
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        numbers = [re.match(r"([\d.]+) times", cell) for cell in cells[1:]]
        if len(cells) == 4 and cells[0].startswith("Go ") and all(numbers):
            yield cells[0], *(float(number[1]) for number in numbers)


def bar(svg, y, value, scale, colour, label):
    svg.rect(LABEL, y, value * scale, BAR, colour, 3)
    svg.text(LABEL + value * scale + 8, y + 13, [(f"{value:g} times", INK, True), (f"  {label}", GREY, False)], 12, SANS)


def panel(svg, y, title, unit, scale, bars):
    """Draws one panel. bars: a list of (row name, [(value, series, label)]). Returns the y below it."""
    svg.text(16, y, [(title, INK, True)], 14, SANS)
    y += 14
    top = y
    for name, values in bars:
        svg.text(LABEL - 10, y + 13 + (len(values) - 1) * 9, [(name, INK, False)], 12, SANS, "end")
        for value, series, label in values:
            bar(svg, y, value, scale, COLOURS[series], label)
            y += BAR + 2
        y += 8
    svg.line(LABEL + scale, top - 4, LABEL + scale, y - 4, LINE)
    svg.text(LABEL + scale, y + 8, [(unit, GREY, False)], 11, SANS, "middle")
    return y + 34


def main():
    table = list(rows())
    svg = Svg(WIDTH, 392, "What tracing a delete costs, as ratios")
    svg.rect(0, 0, WIDTH, 392, "#ffffff", 8)
    y = panel(svg, 30, "tophash, beside an empty BPF program on a bare uprobe", "1 = the empty program", 190,
              [(name, [(traced, "traced", "a traced delete"), (filtered, "filtered", "stopped by --key")])
               for name, traced, filtered, _ in table])
    panel(svg, y, "bpftrace with ustack(5), beside tophash", "1 = tophash", 40,
          [(name, [(bpftrace, "bpftrace", "a traced delete")]) for name, _, _, bpftrace in table])
    svg.save(HERE / "costs.svg")


if __name__ == "__main__":
    main()
