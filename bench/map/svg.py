"""Draws charts as SVG, as far as the plots here need it: panels with two axes, lines or dots, and one legend."""

import html
import itertools
import math

# The colours differ in lightness as well as in hue. The first is ours.
COLOURS = ["#c1121f", "#1d5fa8", "#2a9d5c", "#8a5a00", "#6a3d9a", "#e08a00", "#5b5b5b", "#00909e", "#d16ba5", "#9aa400",
           "#3f51b5", "#795548", "#ff7043", "#26a69a", "#ab47bc", "#c0a000", "#78909c", "#66bb6a", "#ec407a", "#29b6f6"]
EMPTY = "#222222"  # of the series "empty": the loop with nothing in it
LEGEND = 5, 205  # names in a line, and the width of one
STYLE = "font-family: sans-serif; font-size: 11px; fill: #222"


def short(value):
    """Formats a number: 1000000 -> 1M, 0.25 -> 0.25."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


class Scale:
    """Maps values to a range of pixels."""

    def __init__(self, low, high, start, end, log):
        self.log = log
        self.low, self.high = (math.log10(low), math.log10(high)) if log else (low, high)
        if self.high - self.low < 1e-9:
            self.low, self.high = self.low - 0.5, self.high + 0.5
        self.start, self.end = start, end

    def __call__(self, value):
        at = math.log10(value) if self.log else value
        return self.start + (at - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self):
        if not self.log:
            step = 10 ** math.floor(math.log10((self.high - self.low) / 2))
            step *= next(m for m in (1, 2, 5, 10) if (self.high - self.low) / (step * m) <= 5)
            first = math.ceil(self.low / step - 1e-9)
            return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]
        marks = (1, 2, 5) if self.high - self.low < 2 else (1,)
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        ticks = [m * 10.0**d for d in decades for m in marks]
        return [t for t in ticks if self.low - 1e-9 <= math.log10(t) <= self.high + 1e-9]


class Panel:
    """Draws one pair of axes. series: [(name, [(x, y), ...])]. The xs are numbers, or labels for the places 0, 1, 2, ..."""

    def __init__(self, title, series, log_x=False, log_y=True, labels=None, dots=False, line_at=None):
        self.title, self.labels, self.dots, self.line_at = title, labels, dots, line_at
        self.series = [(name, [(x, y) for x, y in points if y and y > 0]) for name, points in series]
        self.log_x, self.log_y = log_x, log_y

    def draw(self, left, top, width, height, colours):
        out = [text(left, top - 6, self.title, weight="bold")]
        points = [p for _, listed in self.series for p in listed]
        if not points:
            return out
        xs = [x for x, _ in points] + (list(range(len(self.labels))) if self.labels else [])
        ys = [y for _, y in points] + ([self.line_at] if self.line_at else [])
        x = Scale(min(xs), max(xs), left + 8, left + width - 8, self.log_x)
        y = Scale(min(ys) * 0.9 if self.log_y else 0, max(ys) * 1.05, top + height, top + 4, self.log_y)
        out.append(f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>')
        out += self.axes(x, y, left, top, width, height)
        if self.line_at:
            out.append(line(left, y(self.line_at), left + width, y(self.line_at), "#222"))
        for name, listed in reversed(self.series):  # ours on top
            out += self.draw_series(listed, x, y, colours[name])
        return out

    def axes(self, x, y, left, top, width, height):
        out = []
        for tick in y.ticks():
            out.append(line(left, y(tick), left + width, y(tick), "#e4e4e4"))
            out.append(text(left - 4, y(tick) + 4, short(tick), anchor="end"))
        marks = [(i, label) for i, label in enumerate(self.labels)] if self.labels else [(t, short(t)) for t in x.ticks()]
        for at, label in marks:
            if self.labels and len(max(self.labels, key=len)) > 8:  # too long to be side by side
                out.append(text(x(at) + 3, top + height + 12, label, anchor="end", rotate=-35))
            else:
                out.append(text(x(at), top + height + 14, label, anchor="middle"))
        return out

    def draw_series(self, points, x, y, colour):
        out, dashes = [], ' stroke-dasharray="4 3"' if colour == EMPTY else ""
        if not self.dots:
            path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>')
        out += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="{3 if self.dots else 2}" fill="{colour}"/>' for a, b in points]
        return out


def text(x, y, what, anchor="start", weight="normal", rotate=0):
    turn = f' transform="rotate({rotate} {x:.1f} {y:.1f})"' if rotate else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"{turn}>{html.escape(what)}</text>'


def line(x1, y1, x2, y2, colour):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def figure(title, panels, names, columns=4, width=260, height=170, foot=24, margin=56):
    """Returns an SVG with panels in rows, under a title and one legend. names: {series: its name in the legend}."""
    gap_x, gap_y, head = 56, 34 + foot, 64 + 16 * ((len(names) - 1) // LEGEND[0])
    colours = dict(zip((n for n in names if n != "empty"), itertools.cycle(COLOURS)))
    colours["empty"] = EMPTY
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    total = max(margin + columns * (width + gap_x), LEGEND[0] * LEGEND[1] + 40), head + rows * (height + gap_y)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{total[0]}" height="{total[1]}" style="{STYLE}">',
           '<rect width="100%" height="100%" fill="white"/>', text(20, 22, title, weight="bold")]  # fmt: skip
    for i, (name, shown) in enumerate(names.items()):
        at = 20 + i % LEGEND[0] * LEGEND[1], 40 + i // LEGEND[0] * 16
        out.append(f'<rect x="{at[0]}" y="{at[1] - 8}" width="14" height="8" fill="{colours[name]}"/>')
        out.append(text(at[0] + 19, at[1], shown))
    for i, panel in enumerate(panels):
        out += panel.draw(margin + i % columns * (width + gap_x), head + i // columns * (height + gap_y) + 10, width, height, colours)
    return "\n".join([*out, "</svg>"]) + "\n"
