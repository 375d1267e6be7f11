"""Questions about a whole space, answered exactly and with certificates."""

from accelnas.exact.certificate import Certificate
from accelnas.exact.claims import Counts
from accelnas.exact.constraints import Constraint
from accelnas.exact.distribution import Distribution, Moment
from accelnas.exact.estimates import CountEstimate, DistributionEstimate, RankEstimate
from accelnas.exact.formulations import (
    ReferencePoint,
    WeightedExponentialSum,
    WeightedMinMax,
    WeightedProduct,
    WeightedSum,
)
from accelnas.exact.front import FrontResult
from accelnas.exact.hypervolume import hypervolume
from accelnas.exact.kinds import BestResult, CountResult, ScalarisedResult
from accelnas.exact.objectives import Objective
from accelnas.exact.options import RunOptions
from accelnas.exact.questions import (
    QUESTIONS,
    BestQuestion,
    CountQuestion,
    DistributionQuestion,
    FrontQuestion,
    LexicographicQuestion,
    Question,
    RankQuestion,
    ScalarisedQuestion,
    read_question,
)
from accelnas.exact.rank import RankResult
from accelnas.exact.references import REFERENCES
from accelnas.exact.shards import Part, merge_shards, run_shard
from accelnas.exact.verification import Check, Verification

__all__ = [
    "QUESTIONS",
    "REFERENCES",
    "BestQuestion",
    "BestResult",
    "Certificate",
    "Check",
    "Constraint",
    "CountEstimate",
    "CountQuestion",
    "CountResult",
    "Counts",
    "Distribution",
    "DistributionEstimate",
    "DistributionQuestion",
    "FrontQuestion",
    "FrontResult",
    "LexicographicQuestion",
    "Moment",
    "Objective",
    "Part",
    "Question",
    "RankEstimate",
    "RankQuestion",
    "RankResult",
    "ReferencePoint",
    "RunOptions",
    "ScalarisedQuestion",
    "ScalarisedResult",
    "Verification",
    "WeightedExponentialSum",
    "WeightedMinMax",
    "WeightedProduct",
    "WeightedSum",
    "hypervolume",
    "merge_shards",
    "read_question",
    "run_shard",
]
