"""The answer: at each budget, the best dynamic network against the best static one, and against the static front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.records.points import POINT_TOLERANCE, point_tolerance
from bench.records.validity import INVALID, time_state
from bench.report.entries import Entry, counted
from bench.report.front import Difference, StaticFront
from bench.report.results import Group
from bench.report.styles import static_entries
from bench.report.units import number
from bench.statistics import Interval

AHEAD, LEVEL, BEHIND, ALONE = "ahead", "no difference shown", "behind", "no static network this cheap"


@dataclass(frozen=True)
class Finding:
    """What was found at one budget.

    Attributes:
        budget: fraction of the dense backbone's MACs that a network may cost, within the tolerance of a point.
        dynamic, static: the most accurate valid entry of each kind within the budget.
        difference: of the dynamic entry to the static front at its own MACs; None where no static network is so cheap.
        candidates: how many dynamic entries it was chosen from.
    """

    budget: float
    dynamic: Entry
    static: Entry | None
    difference: Difference | None
    candidates: int

    @property
    def outcome(self) -> str:
        """``AHEAD`` or ``BEHIND`` where the interval does not hold zero."""
        if self.difference is None:
            return ALONE
        found = self.difference.interval
        return AHEAD if found.low > 0 else BEHIND if found.high < 0 else LEVEL


@dataclass(frozen=True, eq=False)
class Verdict:
    """Whether dynamic inference pays in one group."""

    group: Group
    findings: Sequence[Finding]

    @cached_property
    def sentences(self) -> list[str]:
        """The answer in plain words: of MACs, of its certainty and of time."""
        if not self.findings:
            return ["No dynamic network was measured here: there is nothing to answer."]
        return [self._macs(), f"{self._seeds()} {self._time()}"]

    def at(self, outcome: str) -> list[Finding]:
        return [one for one in self.findings if one.outcome == outcome]

    def _macs(self) -> str:
        ahead = self.at(AHEAD)
        rest = [
            f"{text} at {_budgets(found)}"
            for outcome, text in ((LEVEL, "no difference is shown"), (BEHIND, "it is behind"))
            if (found := self.at(outcome))
        ]
        if alone := self.at(ALONE):
            rest.append(f"no static network is as cheap as the best dynamic one at {_budgets(alone)}")
        if not ahead:
            return f"Not shown: {'; '.join(rest)}."
        best = max(ahead, key=lambda one: one.difference.interval.value if one.difference else 0)
        assert best.difference
        gain = best.difference.interval
        text = (
            f"In MACs, yes at {_budgets(ahead)} of the dense backbone's: {best.dynamic.label} gains most, "
            f"{gain.value:.2f} points [{gain.low:.2f}, {gain.high:.2f}] over what static networks give for these MACs"
        )
        return "; ".join([text, *rest]) + "."

    def _seeds(self) -> str:
        compared = sorted({one.difference.seeds for one in self.findings if one.difference})
        if compared == [1]:
            return "Compared on one seed: the intervals tell of other images, not of another training."
        if not compared:
            return "Nothing was compared."
        alone = " (where it is one, the interval tells of other images alone)" if compared[0] == 1 else ""
        return f"Seeds compared: {' to '.join(str(n) for n in dict.fromkeys((compared[0], compared[-1])))}{alone}."

    def _time(self) -> str:
        entries = list(dict.fromkeys(one.dynamic for one in self.findings))
        timed = [entry for entry in entries if valid_times(entry)]
        if not timed:
            return "None of the best dynamic networks has a valid time: nothing is said of time."
        said = [f"{entry.label}: {time_text(entry)}" for entry in timed]
        if left := len(entries) - len(timed):
            said.append(f"{counted(left, 'other')} without a valid time")
        times = "; ".join(said)
        return f"Time of one image (x dense: times as fast as the backbone, same executor): {times}.{self._faster()}"

    def _faster(self) -> str:
        """Which of the two best networks is the faster one, by the ratios: these compare across machines."""
        ratios = [(one, _speedup(one.static), _speedup(one.dynamic)) for one in self.findings if one.static]
        both = [(one, static >= dynamic) for one, static, dynamic in ratios if static and dynamic]
        kinds = (("static", True), ("dynamic", False))
        said = [(kind, [one for one, static in both if static is wanted]) for kind, wanted in kinds]
        parts = [f"the best {kind} network is the faster one at {_budgets(found)}" for kind, found in said if found]
        return f" By this ratio, {'; '.join(parts)}." if parts else ""


def find_verdict(group: Group, groups: Sequence[Group]) -> Verdict:
    """The verdict on ``group``; static networks of other backbones on the same data take part.

    Budgets are the operating points that dynamic entries were asked for; near ones count as one. One whose best entry
    meets a lower budget as well says nothing new and is left out.
    """
    static = static_entries(group, groups)
    front = StaticFront(static)
    dynamic = [entry for entry in group.entries if not entry.family.static and entry.comparable]
    whole = group.results[0].record.macs_backbone
    findings: list[Finding] = []
    for budget in _distinct_budgets(dynamic):
        limit = (budget + point_tolerance(budget)) * whole
        within = [entry for entry in dynamic if entry.macs.value <= limit]
        if not within:
            continue
        best = max(within, key=_quality)
        if findings and findings[-1].dynamic is best:
            findings.pop()
        cheap = [entry for entry in static if entry.macs.value <= limit]
        findings.append(
            Finding(budget, best, max(cheap, key=_quality, default=None), front.difference(best), len(within))
        )
    return Verdict(group, findings)


def points(found: Interval) -> str:
    """A difference in points with its interval."""
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


def valid_times(entry: Entry) -> list[Entry]:
    """Its valid times, by machine."""
    return [one for one in entry.timed if one.valid and one.mean("latency_ms_p50") is not None]


def time_text(entry: Entry) -> str:
    """Milliseconds of one image, and how many times as fast as the dense backbone in the same executor."""
    found = valid_times(entry)
    if not found:
        states = {time_state(result.record) for result in entry.results}
        return "time INVALID" if INVALID in states else "not timed"
    ratio = _speedup(entry)
    faster = "" if ratio is None else f" ({number(ratio)} x dense)"
    return f"{number(found[0].mean('latency_ms_p50'))} ms{faster}"


def _speedup(entry: Entry) -> float | None:
    found = valid_times(entry)
    return found[0].mean("speedup_latency_same_executor") if found else None


def _quality(entry: Entry) -> tuple[float, float]:
    return entry.top1.value, -entry.macs.value


def _distinct_budgets(entries: Sequence[Entry]) -> list[float]:
    fractions = [entry.record.point if entry.record.point is not None else _fraction(entry) for entry in entries]
    kept: list[float] = []
    for value in sorted(set(fractions), reverse=True):
        if not kept or kept[-1] - value > POINT_TOLERANCE:
            kept.append(value)
    return kept


def _fraction(entry: Entry) -> float:
    return round(entry.mean("macs_fraction") or 1.0, 2)


def _budgets(findings: Sequence[Finding]) -> str:
    texts = [f"{one.budget:g}" for one in findings]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
