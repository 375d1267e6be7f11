from __future__ import annotations

import optuna
import optunahub


accelnas = optunahub.load_module("benchmarks/accelnas")

# one objective: how far is the best trial from the proven optimum?
problem = accelnas.Problem(objectives="accuracy", subject_to="latency_zcu102 <= 5")
study = optuna.create_study(
    directions=problem.directions, sampler=optuna.samplers.TPESampler(seed=1)
)
study.optimize(problem, n_trials=100)
print(f"best {study.best_value:.2f} %, optimum {problem.best_value:.2f} %")
print(f"regret {problem.regret(study.best_params):.2f}")

# two noisy objectives on a complete table: how much of the exact Pareto front was found?
problem = accelnas.Problem("nasbench201", ["cifar100", "macs"], noise_seed=1)
study = optuna.create_study(
    directions=problem.directions, sampler=optuna.samplers.NSGAIISampler(seed=1)
)
study.optimize(problem, n_trials=100)
print(f"{len(study.best_trials)} trials not dominated, {len(problem.pareto_front)} in the front")
