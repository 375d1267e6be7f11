"""A leaderboard that can be checked: tasks with proven optima, records of runs, checks and rankings."""

from accelnas.leaderboard.algorithms import ADAPTED, Entrant
from accelnas.leaderboard.check import Checked, Entry, Fault, check_folder, check_record
from accelnas.leaderboard.record import Record, RunRecord
from accelnas.leaderboard.runs import Trial, record, record_trials
from accelnas.leaderboard.task import LeaderboardTask, Proof, load_task, prove, tasks

__all__ = [
    "ADAPTED",
    "Checked",
    "Entrant",
    "Entry",
    "Fault",
    "LeaderboardTask",
    "Proof",
    "Record",
    "RunRecord",
    "Trial",
    "check_folder",
    "check_record",
    "load_task",
    "prove",
    "record",
    "record_trials",
    "tasks",
]
