"""Commands of the command line, run in this process."""

import re

from typer.testing import CliRunner

from accelnas.cli import app


def run(*arguments, stdin=None, code=0):
    """Run a command that has to end with the exit code; what it gave."""
    # wide enough for every table, whatever the terminal that pytest runs in
    result = CliRunner(env={"COLUMNS": "500"}).invoke(app, [str(a) for a in arguments], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def failure(*arguments, stdin=None, code=1):
    """Run a command that has to fail; what it says on stderr, in one line without box and prefix."""
    said = run(*arguments, stdin=stdin, code=code).stderr
    if code == 1:  # usage errors have boxes
        assert said.startswith("error: ")
        assert said.count("\n") == 1
    return " ".join(re.sub("[│╭╮╰╯─]", " ", said).split()).removeprefix("error: ")
