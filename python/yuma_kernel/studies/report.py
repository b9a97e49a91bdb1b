"""The report of a table of scenarios: one HTML file with its pictures inside."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from yuma_kernel import files
from yuma_kernel.extras import extra
from yuma_kernel.studies.engine import Progress, reporting
from yuma_kernel.studies.scenario_inputs import Scenario
from yuma_kernel.studies.scenario_table import NOT_THE_CHAINS, Line, Scenarios, What, part
from yuma_kernel.units import RAO

DRAWN: Final[tuple[What, ...]] = ("dividends", "bonds", "incentive")
"""A row of charts each, under every penalty, of each rule."""

_Rows = Sequence[tuple[What, Sequence[Sequence[Line]]]]
"""What is drawn in a row of charts, and the lines of each of them."""

_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1180px; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1rem; } h3 { margin-bottom: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
td, th { padding: .15rem .55rem; text-align: right; border-bottom: 1px solid #eee; }
td:first-child, th:first-child { text-align: left; white-space: nowrap; } th { font-weight: 600; }
th[colspan] { text-align: center; } .wide { overflow-x: auto; }
img { max-width: 100%; display: block; } .legend span { margin-right: 1.2rem; white-space: nowrap; }
.legend { font-size: .85rem; margin: .3rem 0; } .no { color: #b03030; } nav { columns: 3; }
"""


def write(study: Scenarios, path: str | os.PathLike[str], progress: Progress | None) -> None:
    """The file, all of it or none."""
    out = io.StringIO()
    for piece in _page(study, progress):
        out.write(piece)
    files.write(path, out.getvalue().encode())


def _page(study: Scenarios, progress: Progress | None) -> Iterator[str]:
    made = study.scenarios
    yield f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(study.title)}</title>'
    yield f"<style>{_STYLE}</style></head><body>\n<h1>{escape(study.title[0].upper() + study.title[1:])}</h1>\n"
    numbers = zip(map(len, (made, study.rules, study.penalties)), ("scenario", "rule", "bonds penalty"), strict=True)
    each, rules, penalties = (f"{k} {what if k == 1 else _PLURALS[what]}" for k, what in numbers)
    counts = f"{each} under {rules} and {penalties}"
    yield f"<p>{counts}. {_said(study)}</p>\n"
    yield "<nav>" + "<br>".join(f'<a href="#s{k}">{k + 1}. {escape(s.name)}</a>' for k, s in enumerate(made)) + "</nav>\n"
    yield from _overview(study)
    sheet = _Sheet()
    with reporting(progress, len(made), "report") as report:
        for k, one in enumerate(made):
            yield from _section(study, sheet, k, one)
            report(k + 1)
    about = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>"
        for name, value in study.provenance.items()
        if name != "parameters"
    )
    yield f"<h2>Where this comes from</h2>\n<table>{about}</table>\n</body></html>\n"


def _said(study: Scenarios) -> str:
    emission = study.provenance["parameters"]["emission_rao"]
    return (
        f"An epoch divides {emission / RAO:,.9g} alpha. Dividends are alpha of an epoch for each 1000 alpha of stake; bonds"
        " are as they are stored. A vertical line is an event."
    )


def _overview(study: Scenarios) -> Iterator[str]:
    """What the validator of each scenario gets for its stake, in one table."""
    ratio = study.summary()["ratio"].reshape(len(study.scenarios), -1)
    yield "<h2>What the validator that a scenario is about gets for its stake, over what all get for theirs</h2>\n"
    yield '<div class="wide"><table><tr><th></th>'
    yield "".join(f'<th colspan="{len(study.penalties)}">{_name(study, rule)}</th>' for rule in study.rules)
    penalties = "".join(f"<th>{part(p)}</th>" for p in study.penalties) * len(study.rules)
    yield f"</tr><tr><th>bonds penalty</th>{penalties}</tr>\n"
    for k, (each, row) in enumerate(zip(study.scenarios, ratio.tolist(), strict=True)):
        reset = "" if each.of_the_chain else f' <span class="no">({escape(NOT_THE_CHAINS)})</span>'
        yield f'<tr><td><a href="#s{k}">{escape(each.name)}</a> ({escape(each.validators[each.base])}){reset}</td>'
        yield "".join(f'<td style="background:{_shade(value)}">{_number(value)}</td>' for value in row) + "</tr>\n"
    yield "</table></div>\n"


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _shade(value: float) -> str:
    """Blue below 1, orange above, white at 1 and where there is nothing."""
    if not np.isfinite(value):
        return "#fff"
    depth = min(1.0, abs(value - 1) / 0.5) * 0.55
    red, green, blue = (230, 126, 20) if value > 1 else (70, 110, 190)
    return "#" + "".join(f"{round(255 - (255 - c) * depth):02x}" for c in (red, green, blue))


def _name(study: Scenarios, rule: str) -> str:
    label = escape(study.label(rule))
    return label if label == escape(rule) else f'<span class="no">{label}</span>'


def _section(study: Scenarios, sheet: _Sheet, k: int, each: Scenario) -> Iterator[str]:
    yield f'<h2 id="s{k}">{k + 1}. {escape(each.name)}</h2>\n<p>{escape(each.description)}</p>\n'
    parts = each.stakes[0] / max(1, int(each.stakes[0].sum()))
    stakes = "; ".join(f"{escape(label)}: {p:.4g}" for label, p in zip(each.validators, parts.tolist(), strict=True))
    first = "" if (each.stakes == each.stakes[0]).all() else " at first"
    yield f"<p>Stakes{first}, as parts of all – {stakes}.</p>\n"
    for name, value in each.hyperparameters.items():
        yield f"<p>{escape(name)} = {escape(str(value))} under all rules.</p>\n"
    for event in each.events:
        yield f"<p{'' if each.of_the_chain else ' class=no'}>{escape(str(event)).capitalize()}.</p>\n"
    rule, penalty = study.rules[0], study.penalties[0]
    weights = study.lines("weights", each.name, rule, penalty)
    yield _legend(weights)
    yield sheet.picture([("weights", [weights])], [], f"weights of {each.name}", each)
    for name in study.rules:
        rows: _Rows = [(what, [study.lines(what, each.name, name, p) for p in study.penalties]) for what in DRAWN]
        yield f"<h3>{_name(study, name)}</h3>\n"
        yield sheet.picture(rows, study.penalties, f"{each.name} under {study.label(name)}", each)


def _legend(lines: Sequence[Line]) -> str:
    dashes = {"-": "", "--": "6,3", ":": "1.5,2.5", "-.": "6,3,1.5,3"}
    keys = "".join(
        f'<span><svg width="34" height="8"><line x1="1" y1="4" x2="33" y2="4" stroke="{line.color}" stroke-width="2"'
        f' stroke-dasharray="{dashes[line.dash]}"/></svg> {escape(line.label)}</span>'
        for line in lines
    )
    return f'<div class="legend">{keys} (incentive: black, by server)</div>\n'


class _Sheet:
    """Figures that are made once and filled again for each picture: axes take longer to make than to draw."""

    def __init__(self) -> None:
        self._library, self._agg = (extra(f"matplotlib.{m}", "studies") for m in ("figure", "backends.backend_agg"))
        self._made: dict[tuple[int, int], Any] = {}

    def _figure(self, rows: int, columns: int) -> tuple[Any, Any]:
        if (rows, columns) not in self._made:
            alone = rows * columns == 1
            size = (4.6, 1.9) if alone else (0.7 + 2.75 * columns, 0.6 + 1.45 * rows)
            figure = self._library.Figure(figsize=size, dpi=100)
            self._agg.FigureCanvasAgg(figure)
            axes = figure.subplots(rows, columns, sharex=True, sharey="row", squeeze=False)
            width, height = figure.get_size_inches()
            figure.subplots_adjust(
                left=0.62 / width,
                right=1 - 0.08 / width,
                top=1 - (0.08 if alone else 0.26) / height,
                bottom=0.42 / height,
                wspace=0.06,
                hspace=0.12,
            )
            for ax in axes.flat:
                ax.tick_params(labelsize=8)
                ax.spines[["top", "right"]].set_visible(False)
            self._made[rows, columns] = figure, axes
        return self._made[rows, columns]  # type: ignore[no-any-return]

    def picture(self, rows: _Rows, penalties: Sequence[int], text: str, each: Scenario) -> str:
        """The charts of lines, a row of them for each of `rows`, a column for each penalty."""
        columns = len(rows[0][1])
        figure, axes = self._figure(len(rows), columns)
        for r, (what, cells) in enumerate(rows):
            values = np.concatenate([line.values for cell in cells for line in cell])
            top = max(1e-9, float(np.nanmax(values))) if np.isfinite(values).any() else 1.0
            for c, cell in enumerate(cells):
                ax = axes[r, c]
                for artist in [*ax.lines, *ax.collections]:
                    artist.remove()
                for line in cell:
                    ax.plot(line.values, color=line.color, linestyle=line.dash, linewidth=line.width)
                for event in each.events:
                    ax.axvline(event.epoch, color="#999999", linewidth=0.8)
                ax.set_xlim(-0.5, each.epochs - 0.5)
                ax.set_ylim(-0.04 * top, 1.06 * top)
                if r == 0 and penalties:
                    ax.set_title(f"penalty {part(penalties[c])}", fontsize=9)
                if c == 0:
                    ax.set_ylabel(_SHORT[what], fontsize=8)
                if r == len(rows) - 1:
                    ax.set_xlabel("epoch", fontsize=8)
        content = io.BytesIO()
        figure.savefig(content, format="png", metadata={"Software": None})
        data = base64.b64encode(content.getvalue()).decode()
        return f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">\n'


_PLURALS: Final = {"scenario": "scenarios", "rule": "rules", "bonds penalty": "bonds penalties"}
_SHORT: Final = {"weights": "weight", "dividends": "dividends", "bonds": "bond", "incentive": "incentive"}
