"""Draws horizontal bars as SVG text, readable on light and dark pages."""

from __future__ import annotations

from html import escape
from typing import NamedTuple, Sequence

_WIDTH, _NAMES, _NUMBERS = 760, 290, 60  # of all, of the names at the left, of the numbers
_TOP, _ROW, _BAR = 56, 26, 16

_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.note { fill: #57606a; font-size: 12px }
.bar { fill: #8c959f } .own { fill: #0969da } .line { stroke: #57606a; stroke-dasharray: 3 3 }
.strong { font-weight: 600 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .note { fill: #8d96a0 } .bar { fill: #6e7681 } .own { fill: #4493f8 }
.line { stroke: #8d96a0 }
}"""


class Bar(NamedTuple):
    """One line of a chart.

    Attributes:
        name: What stands at its left.
        value: How long it is.
        own: Whether it is shown in the colour that matters.
    """

    name: str
    value: float
    own: bool = False


def draw(title: str, note: str, bars: Sequence[Bar], mark: float) -> str:
    """Returns the chart, with a dashed line at the value ``mark``."""
    height = _TOP + _ROW * len(bars) + 14
    scale = (_WIDTH - _NAMES - _NUMBERS) / max([bar.value for bar in bars] + [mark])
    at = _NAMES + mark * scale
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    said = f'role="img" aria-label="{escape(title)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {said}>',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="8" y="22">{escape(title)}</text>',
        f'<text class="note" x="8" y="42">{escape(note)}</text>',
        *(_bar(bar, _TOP + _ROW * number, scale) for number, bar in enumerate(bars)),
        f'<line class="line" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP - 4}" y2="{height - 10}"/>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bar(bar: Bar, y: float, scale: float) -> str:
    width = bar.value * scale
    own, strong = (" own", ' class="strong"') if bar.own else ("", "")
    return (
        f'<text{strong} x="{_NAMES - 10}" y="{y + 13}" text-anchor="end">{escape(bar.name)}</text>'
        f'<rect class="bar{own}" x="{_NAMES}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
        f'<text{strong} x="{_WIDTH - 8}" y="{y + 13}" text-anchor="end">{bar.value:.2f}</text>'
    )
