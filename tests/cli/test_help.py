"""Help as a terminal shows it."""

import re

from command_line import run


def test_help_shows_what_stands_in_brackets_and_fills_its_lines():
    shown = re.sub(r"[\s│]+", " ", run("info", "--help").stdout)
    assert shown.count("time_a100 [ms] = 1000 / throughput_a100") == 2
    assert (
        "they open the benchmark of the runs unless --benchmark names where it is now" in run("report", "--help").stdout
    )
    assert "four for table2, ensembles many times that" in run("reproduce", "--help").stdout  # of another application
