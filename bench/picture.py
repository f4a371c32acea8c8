"""picture.py - docs/speed.svg: the time of a request against its elements, both on logarithmic scales."""
import math
from html import escape

WIDTH, HEIGHT = 820, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 540, 64, 400
LABEL_HEIGHT = 17
TITLE = "Time of a request, one client; lower is better"

# Colours that tell each other apart on both backgrounds, also for those who see red and green alike.
COLOURS = ("#d1495b", "#8d99ae", "#2a9d8f", "#e09f3e", "#5f7adb", "#a06cd5")

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f;
  paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
.title { font-size: 16px; font-weight: 600 }
.quiet { fill: #57606a }
.own { font-weight: 700 }
.paper { fill: #ffffff }
.grid { stroke: #d0d7de; stroke-width: 1 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; stroke: #0d1117 }
  .quiet { fill: #9da7b3 }
  .paper { fill: #0d1117 }
  .grid { stroke: #30363d }
}
"""


def duration(seconds):
    """Three significant digits with their unit."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def scale(low, high, start, end):
    """A map of logarithms: low -> start, high -> end."""
    factor = (end - start) / math.log10(high / low)
    return lambda value: start + factor * math.log10(value / low)


def spread(places, gap):
    """Moves labels down until they are gap apart."""
    placed = sorted(places, key=places.get)
    for above, below in zip(placed, placed[1:]):
        places[below] = max(places[below], places[above] + gap)
    return places


def power(exponent):
    return f'10<tspan dy="-5" font-size="10">{exponent}</tspan>'


def grid(x, y, sizes, low, high):
    for exponent in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1):
        place = y(10**exponent)
        yield f'<line class="grid" x1="{LEFT}" y1="{place:.1f}" x2="{RIGHT}" y2="{place:.1f}"/>'
        label = duration(10**exponent)
        yield f'<text class="quiet" x="{LEFT - 8}" y="{place + 4:.1f}" text-anchor="end">{label}</text>'
    for size in sizes:
        exponent = math.log10(size)
        label = power(round(exponent)) if exponent.is_integer() else str(size)
        yield f'<line class="grid" x1="{x(size):.1f}" y1="{TOP}" x2="{x(size):.1f}" y2="{BOTTOM}"/>'
        yield f'<text class="quiet" x="{x(size):.1f}" y="{BOTTOM + 20}" text-anchor="middle">{label}</text>'
    middle = (LEFT + RIGHT) / 2
    yield f'<text class="quiet" x="{middle}" y="{BOTTOM + 42}" text-anchor="middle">elements in a request</text>'


def curve(points, colour, is_own):
    """A line through points; a single point is a ring, since others may lie on it."""
    if len(points) == 1:
        yield f'<circle class="line" stroke="{colour}" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="8"/>'
        return
    text = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    width, radius = (3.5, 4.5) if is_own else (2, 3.5)
    yield f'<polyline class="line" stroke="{colour}" style="stroke-width:{width}" points="{text}"/>'
    for px, py in points:
        yield f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{radius}" fill="{colour}"/>'


def name(label, seconds, is_own):
    style = ' class="own"' if is_own else ""
    return f'<tspan{style}>{escape(label)}</tspan><tspan class="quiet" dx="6">{duration(seconds)}</tspan>'


def draw(series, subtitle):
    """The picture's text. series: label -> {elements: seconds}, the service first."""
    sizes = sorted({size for times in series.values() for size in times})
    every = [time for times in series.values() for time in times.values()]
    low, high = min(every) / 3, max(every) * 1.5
    x, y = scale(sizes[0], sizes[-1], LEFT + 20, RIGHT - 20), scale(low, high, BOTTOM, TOP)
    points = {label: [(x(size), y(times[size])) for size in sorted(times)] for label, times in series.items()}
    places = spread({label: line[-1][1] for label, line in points.items() if len(line) > 1}, LABEL_HEIGHT)

    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{TITLE}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
        f'<text class="title" x="{LEFT}" y="28">{TITLE}</text>',
        f'<text class="quiet" x="{LEFT}" y="47">{escape(subtitle)}</text>',
        *grid(x, y, sizes, low, high),
    ]
    for index, label in reversed(list(enumerate(series))):
        colour, (last_x, last_y) = COLOURS[index % len(COLOURS)], points[label][-1]
        svg += curve(points[label], colour, index == 0)
        text = name(label, series[label][max(series[label])], index == 0)
        if label in places:
            svg.append(f'<path d="M{last_x + 6:.1f} {last_y:.1f}L{RIGHT + 4} {places[label]:.1f}" stroke="{colour}"/>')
            svg.append(f'<text x="{RIGHT + 8}" y="{places[label] + 4:.1f}">{text}</text>')
        else:
            svg.append(f'<text x="{last_x + 8:.1f}" y="{last_y + 20:.1f}">{text}</text>')
    return "\n".join(svg + ["</svg>", ""])
