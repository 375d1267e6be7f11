"""What a benchmark says of its whole space: exact, with certificates."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from accelnas import _core
from accelnas.errors import SearchError
from accelnas.exact.artifacts import described
from accelnas.exact.certificate import Certificate, Counts, engine_sha256
from accelnas.exact.engine import Finished, RunOptions, run
from accelnas.exact.kinds import KINDS
from accelnas.exact.question import best_question, count_question
from accelnas.exact.sampling import sampled_outcome, sampling_wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from accelnas.benchmark import Benchmark
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.engine import Progress
    from accelnas.exact.estimates import CountEstimate
    from accelnas.exact.kinds import BestResult, CountResult
    from accelnas.exact.question import Question, Within

__all__ = ["WholeSpace", "certified", "conclude", "solve"]


class WholeSpace:
    """The part of `accelnas.Benchmark` that is about all architectures at once."""

    def best(
        self,
        objective: str,
        *,
        subject_to: Constraints = (),
        within: Within | None = None,
        k: int = 1,
        threads: int | None = None,
        engine: Literal["threads", "ray", "scan"] = "threads",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Progress | None = None,
    ) -> BestResult:
        """Find the k best architectures of the whole space, or of a part, and prove it.

        Parameters
        ----------
        objective : str
            A metric's name; its `Metric.direction` says which end is sought.
        subject_to : str, sequence of str, or mapping of str to (lower, upper)
            Constraints on predicted metrics in float64: ``"latency_zcu102 <= 5"``,
            ``"200 <= macs < 300"``, or pairs of inclusive bounds, None for none.
        within : mapping of str to a choice or several, optional
            What variables are fixed or restricted to; others have all their choices.
        k : int
            How many; 1 to 10,000.
        threads : int, optional
            Threads to use; one a core by default.
        engine : {"threads", "ray", "scan"}
            This process, or a Ray cluster (extra ``[ray]``): the one that this process is connected to,
            else that of ``RAY_ADDRESS``, else a new one on this machine. ``"scan"`` evaluates every
            architecture, in seconds, to confirm what branch and bound proves in a fraction of one.
        checkpoint : str or path, optional
            SQLite file that holds the state after every chunk of jobs. The same question goes on from
            it, also after a crash.
        time_limit : float, optional
            Seconds that the search may take; what an early estimate says will take longer is refused.
        progress : callable, optional
            Called with the number of architectures dealt with and their total, about 20 times a second.

        Returns
        -------
        BestResult
            Architectures, float64 values and a certificate. It does not depend on threads or engine.

        Raises
        ------
        SearchError
            If a constraint can't be read or met by any value, the time limit would be exceeded, or the
            checkpoint is of another question.
        MetricError
            If a metric is unknown or no sum of tables: an expression of others, or with trees.
        SpaceError
            If `within` names an unknown variable or choice, or the space has more than 2**64 architectures.
        FileError
            If the checkpoint can't be read or written.
        MissingExtraError
            If Ray is asked for and not installed.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> found = bench.best("accuracy", subject_to=["latency_zcu102 <= 5"], within={"block6_e": 6, "block5_k": 3})
        >>> found.architectures.shape, bool(found.metric_values["latency_zcu102"][0] <= 5)
        ((1, 28), True)
        """
        question = best_question(cast("Benchmark", self), objective, subject_to=subject_to, within=within, k=k)
        options = RunOptions(engine, threads, checkpoint, time_limit=time_limit, progress=progress)
        result: BestResult = solve(cast("Benchmark", self), question, options)
        return result

    @overload
    def count(
        self,
        subject_to: Constraints,
        *,
        within: Within | None = ...,
        method: Literal["exact"] = ...,
        threads: int | None = ...,
        engine: Literal["threads", "ray"] = ...,
        checkpoint: str | PathLike[str] | None = ...,
        time_limit: float | None = ...,
        progress: Progress | None = ...,
    ) -> CountResult: ...

    @overload
    def count(
        self,
        subject_to: Constraints,
        *,
        within: Within | None = ...,
        method: Literal["sample"],
        samples: int = ...,
        seed: int = ...,
        threads: int | None = ...,
    ) -> CountEstimate: ...

    def count(
        self,
        subject_to: Constraints,
        *,
        within: Within | None = None,
        method: Literal["exact", "sample"] = "exact",
        samples: int = 1_000_000,
        seed: int = 0,
        threads: int | None = None,
        engine: Literal["threads", "ray"] = "threads",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Progress | None = None,
    ) -> CountResult | CountEstimate:
        """Count the architectures of the whole space, or of a part, that meet constraints.

        Parameters
        ----------
        subject_to, within, threads, engine, checkpoint, time_limit, progress
            As for `best`.
        method : {"exact", "sample"}
            Search, or estimate from random architectures: of any metrics, and any space.
        samples, seed : int
            Random architectures to estimate from, 100 to 10,000,000, and their seed.

        Returns
        -------
        CountResult
            The exact count, with a certificate; a `CountEstimate` with 95 % intervals where samples are asked for.

        Raises
        ------
        SearchError, MetricError, SpaceError, FileError, MissingExtraError
            As `best`.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> smallest = {f"block{b}_{v}": bench.space.variables[4 * b].choices[0] for b in range(7) for v in "e"}
        >>> found = bench.count("macs <= 100", within=smallest)
        >>> 0 < int(found) < found.size
        True
        """
        drawn = sampling_wanted(method, samples, seed)
        question = count_question(cast("Benchmark", self), subject_to, within=within, drawn=drawn)
        options = RunOptions(engine, threads, checkpoint, time_limit=time_limit, progress=progress)
        result: CountResult | CountEstimate = solve(cast("Benchmark", self), question, options)
        return result


def solve(bench: Benchmark, question: Question, options: RunOptions) -> Any:
    """Search, or draw samples, and give the result that the kind of question has."""
    if KINDS[question.kind].sampled:
        return certified(bench, question, *sampled_outcome(bench, question, options.threads))
    if options.engine == "scan" and not KINDS[question.kind].scanned:
        raise SearchError(f"engine is 'scan', which finds the best, not a {question.kind}; choose threads or ray")
    search = question.search(bench, options.threads, prune=options.engine != "scan")
    anytime = KINDS[question.kind].anytime
    finished = run(bench, question, search, options, anytime=anytime)
    return conclude(bench, question, search, finished, options.threads)


def conclude(
    bench: Benchmark, question: Question, search: _core.Search, finished: Finished, threads: int | None = None
) -> Any:
    """Give the result of a state, with its certificate."""
    return certified(bench, question, search.result(finished.state, threads), finished)


def certified(bench: Benchmark, question: Question, outcome: Mapping[str, Any], finished: Finished) -> Any:
    """Give the result of an outcome, with its certificate."""
    kind, space = KINDS[question.kind], bench.space
    counts = Counts(outcome["evaluated"], outcome["pruned"], outcome["settled"])
    content, findings = question.to_json(space), kind.findings(bench, question, outcome)
    complete = outcome["complete"]
    proven = kind.bound(content, findings, question.size) if complete else kind.partial_bound(findings, counts.total)
    certificate = Certificate(
        question=content,
        space={"name": space.name, "sha256": space.sha256, "size": space.size},
        size=question.size,
        metrics=described(bench, question.metrics),
        engine={
            "name": finished.engine,
            "accelnas": _core.__version__,
            "extension_sha256": engine_sha256(),
            "shards": finished.shards,
        },
        result=findings,
        counts=counts,
        bound=proven,
        complete=complete,
        seconds=finished.seconds,
        threads=finished.threads,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    return kind.result(bench, certificate)
