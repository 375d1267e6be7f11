"""How many runs of search algorithms are shown."""

from __future__ import annotations

from typing import Any

from accelnas.cli.info import new_table, significant
from accelnas.cli.shared import console

__all__ = ["print_standings"]


def print_standings(report: dict[str, Any], unit: str) -> None:
    """Print tables of a report of accelnas simulate; the unit is that of the clock."""
    screen, algorithms = console(), report["algorithms"]
    for name in ("regret", "best", "hypervolume", "igd_plus"):
        numbers = ("after", f"mean {name}", "95 % interval", "median", "5 to 95 %")
        table = new_table("algorithm", *numbers, numbers=numbers)
        for label, found in algorithms.items():
            for row in found.get(name, ()):
                mean, lower, upper, median, low, high = (
                    _number(row[key]) for key in ("mean", "lower", "upper", "median", "q05", "q95")
                )
                after = (
                    f"{row['evaluations']:,}"
                    if "evaluations" in row
                    else f"{row['time']:,.6g} {unit or report['clock']}"
                )
                table.add_row(label, after, mean, f"{lower} to {upper}", median, f"{low} to {high}")
        if table.rows:
            screen.print(table)
    differences = report["differences"] or {}
    clock = f"simulated {report['clock']}" + (f" \\[{unit}]" if unit else "")
    wanted = ("average rank", "rank in the space (5, 50, 95 %)", clock, "evaluations")
    table = new_table("algorithm", *wanted, "evaluations/s", numbers=(*wanted, "evaluations/s"))
    for label, found in algorithms.items():
        average = differences.get("ranks", {}).get(label)
        space = "" if found["ranks"] is None else ", ".join(f"{rank:,}" for rank in found["ranks"].values())
        spent = "" if found["time"] is None else f"{found['time']:,.0f}"
        speed = found["evaluations_per_second"]
        speed = "" if speed is None else f"{speed:,.0f}"
        made = "" if report["time"] is None else f"{found['evaluations']:,.1f}"
        table.add_row(label, "" if average is None else f"{average:.2f}", space, spent, made, speed)
    table.columns = [c for c in table.columns if any(c._cells)]
    screen.print(table)
    _print_notes(report)


def _print_notes(report: dict[str, Any]) -> None:
    screen, differences = console(), report["differences"] or {}
    if "alike" in differences:
        groups = "; ".join(", ".join(group) for group in differences["alike"]) or "none"
        p_value = differences["friedman_p"]
        test = f"Friedman p = {p_value:.2g}" if p_value else "Friedman p < 1e-300"
        screen.print(f"{test}; not told apart at 5 %: {groups}", soft_wrap=True)
    elif "error" in differences:
        screen.print(f"no test of differences: {differences['error']}", soft_wrap=True)
    for label, found in report["algorithms"].items():
        if found.get("without_feasible"):
            screen.print(
                f"{label}: {found['without_feasible']:,} of {report['runs']:,} runs had found nothing feasible at the "
                "first of these evaluations, and are left out"
            )


def _number(value: float) -> str:
    return significant(value, 4) if value else "0"
