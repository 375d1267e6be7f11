//! A score as a function of independent random choices: the multilinear extension of the tables.
//!
//! The expected value of a sum of tables under independent choices is exact: every cell times the probabilities of
//! its choices (Călinescu, Chekuri, Pál and Vondrák 2011 for sets). Links and formulas take these expectations in
//! place of an architecture's values.

use crate::error::Result;
use crate::metric::Link;
use crate::search::problem::objective::Objective;
use crate::space::definition::Space;
use crate::store::benchmark::Benchmark;
use crate::tables::axes::{Granularity, starts};

/// Step of a difference, relative to a value.
const STEP: f64 = 1e-6;

/// A score over probabilities of the allowed choices, variable after variable.
#[derive(Debug)]
pub(crate) struct Extension {
    objective: Objective,
    columns: Vec<MetricExtension>,
    /// Position of each allowed choice among all choices.
    places: Vec<usize>,
    /// First choice of every variable among all choices, and the end of the last.
    first: Vec<usize>,
}

/// One metric on the scale of its link.
#[derive(Debug)]
struct MetricExtension {
    link: Link,
    constant: f64,
    axes: Axes,
    /// Axes and first cell of every table.
    tables: Vec<(Vec<usize>, usize)>,
    cells: Vec<f64>,
    /// Whether each state of the axes is made of allowed choices: the others cost no time.
    allowed: Vec<bool>,
}

/// The axes of tables: variables, or blocks of them.
#[derive(Debug)]
struct Axes {
    /// First state of every axis, and the end of the last.
    first: Vec<usize>,
    /// Variables of every axis.
    variables: Vec<std::ops::Range<usize>>,
}

impl Extension {
    pub(crate) fn new(
        bench: &Benchmark,
        metrics: &[usize],
        objective: Objective,
        allowed: &[Vec<u8>],
    ) -> Result<Extension> {
        let space = bench.space();
        let first = starts(space.cards());
        let place =
            |(v, choices): (usize, &Vec<u8>)| choices.iter().map(|&c| first[v] + c as usize).collect::<Vec<_>>();
        let places: Vec<usize> = allowed.iter().enumerate().flat_map(place).collect();
        let mut possible = vec![0.0; first[first.len() - 1]];
        places.iter().for_each(|&place| possible[place] = 1.0);
        let column = |&metric: &usize| MetricExtension::new(bench, metric, &possible, &first);
        let columns = metrics.iter().map(column).collect::<Result<_>>()?;
        Ok(Extension { objective, columns, places, first })
    }

    /// The score, and how it changes with each probability.
    pub(crate) fn score(&self, probabilities: &[f64], gradient: &mut [f64]) -> f64 {
        let all = self.first[self.first.len() - 1];
        let mut p = vec![0.0; all];
        self.places.iter().zip(probabilities).for_each(|(&place, &own)| p[place] = own);
        let mut slopes = vec![vec![0.0; all]; self.columns.len()];
        let columns = self.columns.iter().zip(&mut slopes);
        let mut values: Vec<f64> = columns.map(|(column, slopes)| column.value(&p, &self.first, slopes)).collect();
        let mut out = Vec::new();
        let mut score = |values: &[f64]| {
            out.clear();
            self.objective.score(values, &mut out);
            out[0]
        };
        let here = score(&values);
        gradient.fill(0.0);
        for (c, slopes) in slopes.iter().enumerate() {
            let (value, step) = (values[c], STEP * values[c].abs().max(1e-9));
            let [above, below] = [value + step, value - step].map(|moved| {
                values[c] = moved;
                score(&values)
            });
            values[c] = value;
            let slope = (above - below) / (2.0 * step);
            gradient.iter_mut().zip(&self.places).for_each(|(g, &place)| *g += slope * slopes[place]);
        }
        here
    }
}

impl MetricExtension {
    fn new(bench: &Benchmark, metric: usize, possible: &[f64], first: &[usize]) -> Result<MetricExtension> {
        let surrogate = bench.tables_of(metric, "gradients do not exist", "choose another algorithm")?;
        let axes = Axes::new(bench.space(), surrogate.tables.granularity);
        let starts = surrogate.tables.sets.iter().zip(&surrogate.tables.offsets);
        let tables = starts.map(|(set, &start)| (set.axes().iter().map(|&a| a as usize).collect(), start)).collect();
        let cells = surrogate.tables.mean_cells().into_owned();
        let allowed = axes.states(possible, first).iter().map(|&p| p > 0.0).collect();
        Ok(MetricExtension {
            link: bench.metrics()[metric].link,
            constant: surrogate.mean_constant(),
            axes,
            tables,
            cells,
            allowed,
        })
    }

    /// The metric at the expected value on the scale of the link, and its slopes.
    fn value(&self, p: &[f64], first: &[usize], slopes: &mut [f64]) -> f64 {
        let states = self.axes.states(p, first);
        let mut of_states = vec![0.0; states.len()];
        let mut sum = Contraction {
            first: &self.axes.first,
            allowed: &self.allowed,
            probabilities: &states,
            slopes: &mut of_states,
        };
        let tables = self.tables.iter().map(|(axes, start)| sum.contract(&self.cells[*start..], axes, 1.0));
        let expected = self.constant + tables.sum::<f64>();
        self.axes.to_choices(&of_states, p, first, slopes);
        let slope = self.link.derivative(expected);
        slopes.iter_mut().for_each(|s| *s *= slope);
        self.link.inverse(expected)
    }
}

/// Expected cells of tables, and their slopes by the states of axes.
struct Contraction<'a> {
    first: &'a [usize],
    allowed: &'a [bool],
    probabilities: &'a [f64],
    slopes: &'a mut [f64],
}

impl Contraction<'_> {
    /// The expected cell of a table over these axes; its slopes count as often as the weight says.
    fn contract(&mut self, cells: &[f64], axes: &[usize], weight: f64) -> f64 {
        let Some((&axis, rest)) = axes.split_first() else { return cells[0] };
        let states = self.first[axis]..self.first[axis + 1];
        let mut sum = 0.0;
        if rest.is_empty() {
            for (state, cell) in states.zip(cells).filter(|(state, _)| self.allowed[*state]) {
                sum += self.probabilities[state] * cell;
                self.slopes[state] += weight * cell;
            }
            return sum;
        }
        let step: usize = rest.iter().map(|&a| self.first[a + 1] - self.first[a]).product();
        for (state, cells) in states.zip(cells.chunks(step)) {
            if self.allowed[state] {
                let inner = self.contract(cells, rest, weight * self.probabilities[state]);
                sum += self.probabilities[state] * inner;
                self.slopes[state] += weight * inner;
            }
        }
        sum
    }
}

impl Axes {
    fn new(space: &Space, granularity: Granularity) -> Axes {
        let first = starts(granularity.cards(space));
        let variables = (0..first.len() - 1).map(|axis| granularity.variables(space, axis)).collect();
        Axes { first, variables }
    }

    /// Probabilities of the states of all axes.
    fn states(&self, p: &[f64], first: &[usize]) -> Vec<f64> {
        let of_axis = |variables: &std::ops::Range<usize>| product(variables.clone(), p, first, None);
        self.variables.iter().flat_map(of_axis).collect()
    }

    /// Slopes by choices, of slopes by states.
    fn to_choices(&self, of_states: &[f64], p: &[f64], first: &[usize], slopes: &mut [f64]) {
        for (axis, variables) in self.variables.iter().enumerate() {
            let of_states = &of_states[self.first[axis]..self.first[axis + 1]];
            for v in variables.clone() {
                let others = product(variables.clone(), p, first, Some(v));
                let after: usize = (v + 1..variables.end).map(|w| first[w + 1] - first[w]).product();
                let card = first[v + 1] - first[v];
                for (state, (slope, other)) in of_states.iter().zip(&others).enumerate() {
                    slopes[first[v] + state / after % card] += slope * other;
                }
            }
        }
    }
}

/// Products of the probabilities of a block's choices, a state at a time; of one variable they count as 1.
fn product(variables: std::ops::Range<usize>, p: &[f64], first: &[usize], without: Option<usize>) -> Vec<f64> {
    let mut out = vec![1.0];
    for v in variables {
        let factor = |place: usize| if without == Some(v) { 1.0 } else { p[place] };
        out = out.iter().flat_map(|q| (first[v]..first[v + 1]).map(move |place| q * factor(place))).collect();
    }
    out
}
