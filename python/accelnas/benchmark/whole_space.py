"""What a benchmark says of its whole space: exact, with certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelnas.benchmark.opened import Opened
from accelnas.errors import SearchError
from accelnas.exact.engine import Run
from accelnas.exact.estimates import estimate
from accelnas.exact.options import RunOptions
from accelnas.exact.questions import BestQuestion, CountQuestion, DistributionQuestion, Question, RankQuestion
from accelnas.exact.solve import solve
from accelnas.exact.verify import verify

if TYPE_CHECKING:
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.constraints import Constraints
    from accelnas.exact.distribution import Distribution
    from accelnas.exact.kinds import BestResult, CountResult
    from accelnas.exact.objectives import ObjectiveLike, Within
    from accelnas.exact.options import Progress
    from accelnas.exact.rank import RankResult
    from accelnas.exact.verification import Verification
    from accelnas.space import Architectures

__all__ = ["WholeSpace"]


class WholeSpace(Opened):
    """The part of `accelnas.Benchmark` that is about all architectures at once."""

    def solve(
        self,
        question: Question,
        *,
        options: RunOptions | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Answer a question about the whole space, or a part, and prove the answer.

        Parameters
        ----------
        question : Question
            One of `accelnas.exact.QUESTIONS`, such as `accelnas.exact.BestQuestion`; `accelnas.exact.read_question`
            reads one from a file.
        options, threads, progress
            As for `best`.

        Returns
        -------
        BestResult, FrontResult, CountResult, RankResult, Distribution, ScalarisedResult, or tuple of BestResult
            As the method of that question gives it.

        Raises
        ------
        SearchError, MetricError, SpaceError, ParameterError, FileError, MissingExtraError
            As `best`.

        Examples
        --------
        >>> import accelnas
        >>> from accelnas.exact import CountQuestion
        >>> accelnas.load().solve(CountQuestion("macs <= 60")).count
        19334
        """
        if not isinstance(question, Question):
            raise SearchError(f"question is {question!r}; give one of accelnas.exact, such as BestQuestion('accuracy')")
        return solve(self, question, Run(options or RunOptions(), threads, progress))

    def estimate(
        self, question: Question, *, samples: int = 1_000_000, seed: int = 0, threads: int | None = None
    ) -> Any:
        """Estimate the answer of a question from random architectures: of any metric, and any space.

        Parameters
        ----------
        question : CountQuestion, RankQuestion or DistributionQuestion
            Of `accelnas.exact`; its metrics need no tables.
        samples : int
            Random architectures, drawn with repetition, 100 to 10,000,000.
        seed : int
            0 to 2**64 - 1.
        threads : int, optional
            Threads to use; one a core by default.

        Returns
        -------
        CountEstimate, RankEstimate or DistributionEstimate
            Estimates with 95 % intervals; nothing is proven.

        Raises
        ------
        SearchError, MetricError, SpaceError, ParameterError
            As `best`; also if the question is of another kind, or samples are no fewer than architectures.

        Examples
        --------
        >>> import accelnas
        >>> from accelnas.exact import CountQuestion
        >>> found = accelnas.load().estimate(CountQuestion("accuracy >= 65"), samples=10_000)
        >>> found.fraction.lower < found.fraction.value < found.fraction.upper
        True
        """
        return estimate(self, question, samples=samples, seed=seed, threads=threads)

    def verify(
        self, certificate: Certificate, *, rerun: bool = False, samples: int = 100_000, threads: int | None = None
    ) -> Verification:
        """Check a certificate again; `Certificate.verify` says how.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> bench.verify(bench.best("macs").certificate, samples=1000).passed
        True
        """
        return verify(certificate, self, rerun=rerun, samples=samples, threads=threads)

    def best(
        self,
        objective: ObjectiveLike,
        *,
        subject_to: Constraints = (),
        within: Within | None = None,
        k: int = 1,
        risk: float = 0.0,
        options: RunOptions | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> BestResult:
        """Find the k best architectures of the whole space, or of a part, and prove it.

        Parameters
        ----------
        objective : str or (str, {"maximise", "minimise"})
            A metric, sought in its own direction or a given one.
        subject_to : str, sequence of str, or mapping of str to (lower, upper)
            Constraints on predicted metrics in float64: ``"latency_zcu102 <= 5"``,
            ``"200 <= macs < 300"``, or pairs of inclusive bounds, None for none; and on choices:
            ``"count(se == 1) <= 3"``, ``"sum(l) <= 16"``, ``"block1_k == block2_k"``, ``"block0_e in (1, 4)"``.
            With ``"latency_zcu102 <= 5 with 0.95"`` the limit holds for a measurement with this probability.
        within : mapping of str to a choice or several, optional
            What variables are fixed or restricted to; others have all their choices.
        k : int
            How many; 1 to 10,000.
        risk : float
            How many total standard deviations the objective is on the safe side of the prediction, on the scale of its
            link: with 1, the accuracy less its deviation. `Benchmark.derive` gives quantiles.
        options : RunOptions, optional
            Engine, checkpoint and time limit, which long searches need.
        threads : int, optional
            Threads to use; one a core by default.
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
        ParameterError
            If a number is out of range.
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
        question = BestQuestion(objective, subject_to, within, k, risk)
        result: BestResult = self.solve(question, options=options, threads=threads, progress=progress)
        return result

    def count(
        self,
        subject_to: Constraints,
        *,
        within: Within | None = None,
        options: RunOptions | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> CountResult:
        """Count the architectures of the whole space, or of a part, that meet constraints.

        Parameters
        ----------
        subject_to, within, options, threads, progress
            As for `best`.

        Returns
        -------
        CountResult
            The exact count, with a certificate.

        Raises
        ------
        SearchError, MetricError, SpaceError, ParameterError, FileError, MissingExtraError
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
        question = CountQuestion(subject_to, within)
        result: CountResult = self.solve(question, options=options, threads=threads, progress=progress)
        return result

    def rank(
        self,
        archs: Architectures,
        objective: ObjectiveLike,
        *,
        within: Within | None = None,
        options: RunOptions | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> RankResult:
        """Say how many architectures of the whole space, or of a part, are better than given ones.

        Parameters
        ----------
        archs : any form that `Space.encode` takes
            One architecture or many; they may lie outside of `within`.
        objective : str or (str, {"maximise", "minimise"})
            A metric, better in its own direction or a given one.
        within, options, threads, progress
            As for `best`.

        Returns
        -------
        RankResult
            Exact ranks, ties and percentiles, with a certificate: arrays, or scalars for one architecture.

        Raises
        ------
        SearchError, MetricError, SpaceError, ParameterError, FileError, MissingExtraError
            As `best`; also if there is no architecture.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> small = bench.space.decode(0)[0]
        >>> found = bench.rank(small, "peak_memory")
        >>> int(found.rank), float(found.percentile)
        (1, 100.0)
        """
        question = RankQuestion(archs, objective, within)
        result: RankResult = self.solve(question, options=options, threads=threads, progress=progress)
        return result

    def distribution(
        self,
        metric: str,
        *,
        bins: int = 4096,
        subject_to: Constraints = (),
        within: Within | None = None,
        options: RunOptions | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Distribution:
        """Count the architectures of the whole space, or of a part, by the value of a metric.

        Parameters
        ----------
        metric : str
            A metric's name.
        bins : int
            1 to 65,536 intervals of even width on the scale of the metric's link.
        subject_to, within, options, threads, progress
            As for `best`.

        Returns
        -------
        Distribution
            Exact counts, and what they prove of quantiles and moments, with a certificate.

        Raises
        ------
        SearchError, MetricError, SpaceError, ParameterError, FileError, MissingExtraError
            As `best`; also if `bins` is out of range.

        Examples
        --------
        >>> import accelnas
        >>> bench = accelnas.load()
        >>> found = bench.distribution("latency_zcu102", within={f"block{b}_e": 6 for b in range(7)}, bins=64)
        >>> lower, upper = found.quantile(0.5)
        >>> bool(found.cdf()[0] == 0), lower < upper, found.mean.lower < found.mean.upper
        (True, True, True)
        """
        question = DistributionQuestion(metric, subject_to, within, bins)
        result: Distribution = self.solve(question, options=options, threads=threads, progress=progress)
        return result
