"""Questions about a whole space, answered exactly and with certificates."""

from accelnas.exact.certificate import Certificate, Counts
from accelnas.exact.constraints import Constraint
from accelnas.exact.distribution import Distribution, Moment
from accelnas.exact.engine import RunOptions
from accelnas.exact.estimates import CountEstimate, DistributionEstimate, RankEstimate
from accelnas.exact.front import FrontResult
from accelnas.exact.hypervolume import hypervolume
from accelnas.exact.kinds import BestResult, CountResult, ScalarisedResult
from accelnas.exact.question import Objective, Question, best_question, count_question
from accelnas.exact.rank import RankResult
from accelnas.exact.references import REFERENCES
from accelnas.exact.scalarised import WeightedExponentialSum, WeightedMinMax, WeightedProduct, WeightedSum
from accelnas.exact.shards import Part, merge_shards, run_shard
from accelnas.exact.spread import distribution_question, rank_question
from accelnas.exact.tradeoffs import front_question
from accelnas.exact.verify import Check, Verification

__all__ = [
    "REFERENCES",
    "BestResult",
    "Certificate",
    "Check",
    "Constraint",
    "CountEstimate",
    "CountResult",
    "Counts",
    "Distribution",
    "DistributionEstimate",
    "FrontResult",
    "Moment",
    "Objective",
    "Part",
    "Question",
    "RankEstimate",
    "RankResult",
    "RunOptions",
    "ScalarisedResult",
    "Verification",
    "WeightedExponentialSum",
    "WeightedMinMax",
    "WeightedProduct",
    "WeightedSum",
    "best_question",
    "count_question",
    "distribution_question",
    "front_question",
    "hypervolume",
    "merge_shards",
    "rank_question",
    "run_shard",
]
