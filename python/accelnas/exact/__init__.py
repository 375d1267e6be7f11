"""Questions about a whole space, answered exactly and with certificates."""

from accelnas.exact.certificate import Certificate, Counts
from accelnas.exact.constraints import Constraint
from accelnas.exact.engine import RunOptions
from accelnas.exact.kinds import BestResult, CountResult
from accelnas.exact.question import Objective, Question, best_question, count_question
from accelnas.exact.shards import Part, merge_shards, run_shard
from accelnas.exact.verify import Check, Verification

__all__ = [
    "BestResult",
    "Certificate",
    "Check",
    "Constraint",
    "CountResult",
    "Counts",
    "Objective",
    "Part",
    "Question",
    "RunOptions",
    "Verification",
    "best_question",
    "count_question",
    "merge_shards",
    "run_shard",
]
