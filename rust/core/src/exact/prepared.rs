//! A question about a space: a domain, objectives and constraints, made ready for the search.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::exact::fixed::lattice::Lattice;
use crate::exact::fixed::network::{Network, relevant_variables};
use crate::exact::fixed::residuals::{factored_variables, tangent};
use crate::exact::fixed::tiles::MAX_LIMITS;
use crate::exact::question::dominated::{Wanted, leave_dominated_out};
use crate::exact::question::kinds::{Item, Question};
use crate::exact::question::levels::Levels;
use crate::exact::screen::{Screen, Threshold, screened};
use crate::metric::Link;
use crate::store::benchmark::Benchmark;
use crate::threads::Run;

/// A function that must be large: a metric on the scale of its link, times 1 or -1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    /// Position in [`Prepared::networks`].
    pub(crate) network: usize,
    pub(crate) sign: f64,
    /// What the function has to reach to meet a constraint possibly, and surely; objectives have nothing to reach.
    pub(crate) reach: (f64, f64),
}

/// A question with the tables of its metrics.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) bench: Arc<Benchmark>,
    pub(crate) question: Question,
    pub(crate) levels: Levels,
    /// Metrics that the question names, each once.
    pub(crate) metrics: Vec<usize>,
    /// Those of the metrics, and that of rules that tie levels together, where there are such.
    pub(crate) networks: Vec<Network>,
    /// Objectives first, then the constraints that can fail, then the rules.
    pub(crate) terms: Vec<Term>,
    /// By metric, where its values lie off predictions.
    screens: Vec<Option<Screen>>,
}

impl Prepared {
    /// Builds the tables and trees over levels.
    ///
    /// Where it is the best that is sought, dominated choices may be left out of levels.
    pub(crate) fn new(bench: Arc<Benchmark>, question: Question, seeks_best: bool, run: &Run<'_>) -> Result<Prepared> {
        let metrics = question.metrics();
        let space = bench.space().clone();
        let mut relevant = vec![false; space.width()];
        for &metric in &metrics {
            let predictor = bench.predictor(metric)?;
            relevant_variables(&space, &predictor.surrogate, predictor.deviation.is_some(), &mut relevant);
            if let Some(deviation) = &predictor.deviation {
                factored_variables(&space, &deviation.uncertainty, &mut relevant);
            }
        }
        let mut levels = Levels::new(&space, &question.domain, &relevant)?;
        levels.require_counted(&question.domain, &space)?;
        if seeks_best {
            let wanted = metrics.iter().map(|&m| wanted(&bench, &question, m)).collect::<Result<Vec<_>>>()?;
            leave_dominated_out(&space, &wanted, &mut levels);
        }
        let network = |&m: &usize| {
            let named = |e: Error| match e {
                Error::Model { reason } => bench.refused(m, reason),
                other => other,
            };
            let predictor = bench.predictor(m)?;
            let mean = Network::new(&space, &predictor.surrogate, &question.domain, &levels, run).map_err(named)?;
            Ok(match &predictor.deviation {
                None => mean,
                Some(of) => mean.deviated(of.count, &tangent(&space, &of.uncertainty, &levels)),
            })
        };
        let mut networks = metrics.iter().map(network).collect::<Result<Vec<Network>>>()?;
        networks.extend(Network::lawful(&space, &levels, run)?);
        let screens = metrics.iter().map(|&m| Screen::new(&bench, m, run)).collect::<Result<_>>()?;
        let mut prepared = Prepared { bench, question, levels, metrics, networks, terms: Vec::new(), screens };
        prepared.set_terms()?;
        if prepared.constraint_terms().len() > MAX_LIMITS {
            let found = prepared.constraint_terms().len();
            return Err(Error::search(format!(
                "{found} bounds are given, at most {MAX_LIMITS} are supported; join those of a metric"
            )));
        }
        Ok(prepared)
    }

    /// Where a metric of the question is among [`Prepared::metrics`].
    fn place(&self, metric: usize) -> usize {
        self.metrics.iter().position(|&m| m == metric).unwrap_or(0)
    }

    fn set_terms(&mut self) -> Result<()> {
        for &(metric, direction) in &self.question.objectives {
            let sign = direction.sign() * self.link(metric).sign();
            self.require_bound(metric, sign)?;
            let network = self.place(metric);
            self.terms.push(Term { network, sign, reach: (f64::NEG_INFINITY, f64::NEG_INFINITY) });
        }
        for constraint in &self.question.constraints {
            let link = self.link(constraint.metric);
            for (bound, up) in [(constraint.lower, 1.0), (constraint.upper, -1.0)] {
                let sign = up * link.sign();
                let reach = reach(link, sign, bound);
                let (least, most) = link.range();
                let met = if up > 0.0 { bound <= least } else { bound >= most };
                if !met && reach.1 > f64::NEG_INFINITY {
                    self.require_bound(constraint.metric, sign)?;
                    self.terms.push(Term { network: self.place(constraint.metric), sign, reach });
                }
            }
        }
        if self.rules().is_some() {
            self.terms.push(Term { network: self.metrics.len(), sign: 1.0, reach: (-0.5, -0.5) });
        }
        Ok(())
    }

    /// Refuses what no tables bound: a deviation counts in full where it makes a function smaller, and as its least then.
    fn require_bound(&self, metric: usize, sign: f64) -> Result<()> {
        let Some(deviation) = &self.bench.predictor(metric)?.deviation else { return Ok(()) };
        let is_past_zero = deviation.link == Link::Reciprocal && deviation.count < 0.0;
        if sign * deviation.count <= 0.0 && !is_past_zero {
            return Ok(());
        }
        let reason = match is_past_zero {
            true => {
                "is a rate that has no bound where its deviation is large; estimate by a sample (Benchmark.estimate, --samples)"
            }
            false => {
                "rises where predictions are uncertain, so that tables give no bound of it; seek the side on the safe                  side of the prediction, search (Benchmark.search), or estimate by a sample (Benchmark.estimate, --samples)"
            }
        };
        Err(self.bench.refused(metric, reason.to_owned()))
    }

    fn link(&self, metric: usize) -> Link {
        self.bench.metrics()[metric].link
    }

    /// Number of objectives: the first terms.
    pub(crate) fn objectives(&self) -> usize {
        self.question.objectives.len()
    }

    /// The terms of constraints.
    pub(crate) fn constraint_terms(&self) -> &[Term] {
        &self.terms[self.objectives()..]
    }

    /// The function of rules that tie levels together, where there are such.
    pub(crate) fn rules(&self) -> Option<&Network> {
        self.networks.get(self.metrics.len())
    }

    /// The functions of terms, before levels are ordered.
    pub(crate) fn functions(&self, terms: &[Term]) -> Vec<Network> {
        terms.iter().map(|term| self.function(term)).collect()
    }

    /// The function of a term, before levels are ordered.
    pub(crate) fn function(&self, term: &Term) -> Network {
        Network::combined(&[(term.sign, &self.networks[term.network])])
    }

    /// Values of all metrics of the question in rows, in float64 and their units: metric by metric.
    pub(crate) fn values(&self, rows: &[u8], run: &Run<'_>) -> Result<Vec<Vec<f64>>> {
        let space = self.bench.space();
        let value = |&m: &usize| Ok(self.bench.predictor(m)?.predict_f64(space, rows, None, run)?.0);
        self.metrics.iter().map(value).collect()
    }

    /// Some architectures without those that surely break a constraint, or fall short of a value of the first objective.
    pub(crate) fn screened<'r>(&self, rows: &'r [u8], value: Option<f64>, run: &Run<'_>) -> Result<Cow<'r, [u8]>> {
        let objective = value.map(|value| (&self.terms[0], self.beating(&self.terms[0], value).0));
        let limits = self.constraint_terms().iter().map(|term| (term, term.reach.0));
        let threshold = |(term, least): (&Term, f64)| {
            let screen = self.screens.get(term.network)?.as_ref()?;
            Some(Threshold { screen, sign: term.sign, least })
        };
        let thresholds: Vec<Threshold<'_>> = objective.into_iter().chain(limits).filter_map(threshold).collect();
        screened(&self.bench, rows, &thresholds, run)
    }

    /// The values of those of some architectures that meet the constraints, with their numbers.
    pub(crate) fn feasible(&self, rows: &[u8], run: &Run<'_>) -> Result<Vec<(usize, Vec<f64>)>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let values = self.values(rows, run)?;
        let space = self.bench.space();
        let is_lawful = |i: usize| space.is_lawful(&rows[i * space.width()..][..space.width()]);
        let met = (0..rows.len() / space.width()).filter(|&i| is_lawful(i) && self.is_feasible(|m| values[m][i]));
        Ok(met.map(|i| (i, values.iter().map(|v| v[i]).collect())).collect())
    }

    /// Those of some architectures that meet the constraints, each standing for so many.
    pub(crate) fn items(&self, rows: &[u8], ties: u128, run: &Run<'_>) -> Result<Vec<Item>> {
        let row = |i: usize| &rows[i * self.bench.space().width()..][..self.bench.space().width()];
        let item = |(i, values): (usize, Vec<f64>)| {
            self.require_finite(row(i), &values)?;
            Ok(Item { row: row(i).to_vec(), values, ties })
        };
        self.feasible(rows, run)?.into_iter().map(item).collect()
    }

    /// Refuses an architecture with a value that no result can hold.
    pub(crate) fn require_finite(&self, row: &[u8], values: &[f64]) -> Result<()> {
        let Some(m) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
        let architecture = self.bench.space().format_row(row);
        let reason = format!(
            "is {} at architecture {architecture}, which is no number; restrict choices to where it is one, or refit",
            values[m]
        );
        Err(self.bench.refused(self.metrics[m], reason))
    }

    /// Adds the first `k` of the architectures that differ from a row in free variables alone, that row, and those that
    /// are decided with them.
    pub(crate) fn first_ties(&self, row: &[u8], k: usize, out: &mut Vec<u8>) {
        let count = self.levels.free_size.min(k as u128);
        for number in 0..count {
            let (mut row, mut rest) = (row.to_vec(), number);
            for &v in self.levels.free.iter().rev() {
                let choices = &self.question.domain.allowed()[v];
                row[v] = choices[(rest % choices.len() as u128) as usize];
                rest /= choices.len() as u128;
            }
            self.levels.push_with_dominated(&row, out);
        }
    }

    /// Whether an architecture meets the constraints, given its metrics' values.
    pub(crate) fn is_feasible(&self, value_of: impl Fn(usize) -> f64) -> bool {
        self.question.constraints.iter().all(|c| (c.lower..=c.upper).contains(&value_of(self.place(c.metric))))
    }

    /// An objective's value as a score: more is better.
    pub(crate) fn score(&self, objective: usize, value: f64) -> f64 {
        self.question.objectives[objective].1.sign() * value
    }

    /// Values on the scale of a term from which on a metric is possibly, and surely, as good as a value.
    pub(crate) fn on_term(&self, term: &Term, value: f64) -> (f64, f64) {
        reach(self.link_of(term.network), term.sign, value)
    }

    /// Values on the scale of a term from which on a metric is possibly as good as a value, and surely better: infinite
    /// where nothing is better, or nothing worse. Many architectures may have the best value, or the worst, of a link.
    pub(crate) fn beating(&self, term: &Term, value: f64) -> (f64, f64) {
        let link = self.link_of(term.network);
        let (equal, better) = reach(link, term.sign, value);
        let ((least, most), rises) = (link.range(), term.sign * link.sign() > 0.0);
        let (worst, best) = if rises { (value <= least, value >= most) } else { (value >= most, value <= least) };
        (if worst { f64::NEG_INFINITY } else { equal }, if best { f64::INFINITY } else { better })
    }

    /// For every constraint the steps from which on it may be, and surely is, met.
    pub(crate) fn limits<'l>(&self, lattice: impl Fn(usize) -> &'l Lattice) -> Vec<(i32, i32)> {
        let limit =
            |(c, term): (usize, &Term)| (self.least(term, lattice(c)), clamp(lattice(c).surely_at_least(term.reach.1)));
        self.constraint_terms().iter().enumerate().map(limit).collect()
    }

    /// Link of a metric of the question.
    pub(crate) fn link_of(&self, network: usize) -> Link {
        self.link(self.metrics[network])
    }

    /// For every constraint the fewest steps at which it can be met.
    pub(crate) fn least_of_constraints<'l>(&self, lattice: impl Fn(usize) -> &'l Lattice) -> Vec<i32> {
        self.constraint_terms().iter().enumerate().map(|(c, term)| self.least(term, lattice(c))).collect()
    }

    /// Fewest steps at which a term can reach its threshold.
    pub(crate) fn least(&self, term: &Term, lattice: &Lattice) -> i32 {
        clamp(lattice.possibly_at_least(term.reach.0))
    }
}

/// A metric's surrogate, and which side of it a question wants.
fn wanted<'b>(bench: &'b Benchmark, question: &Question, metric: usize) -> Result<Wanted<'b>> {
    let (predictor, link) = (bench.predictor(metric)?, bench.metrics()[metric].link);
    let objectives = question.objectives.iter().filter(|(m, _)| *m == metric).map(|(_, direction)| direction.sign());
    let constraints = question.constraints.iter().filter(|c| c.metric == metric);
    let bounds = constraints.flat_map(|c| {
        let lower = (c.lower > f64::NEG_INFINITY).then_some(1.0);
        lower.into_iter().chain((c.upper < f64::INFINITY).then_some(-1.0))
    });
    let signs: Vec<f64> = objectives.chain(bounds).map(|sign| sign * link.sign()).collect();
    Ok(Wanted {
        surrogate: &predictor.surrogate,
        plain: predictor.deviation.is_none() && matches!(link, Link::Identity | Link::Reciprocal),
        more: signs.contains(&1.0),
        less: signs.contains(&-1.0),
    })
}

/// Values of a function from which on its metric possibly, and surely, is beyond a value or equal.
fn reach(link: Link, sign: f64, value: f64) -> (f64, f64) {
    let (first, last) = link.bracket(value);
    if sign > 0.0 { (first, last) } else { (-last, -first) }
}

/// A number of steps inside the range of values.
pub(crate) fn clamp(steps: i64) -> i32 {
    steps.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}
