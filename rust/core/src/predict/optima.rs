//! Steepest hill climbing from many architectures, all neighbours of an architecture at a time.
//!
//! A cell of a dense table is linear in the choices, so another choice of a variable is a fixed step away.
//! Every table keeps what it adds to the architecture that each choice of each variable leads to, and a move
//! renews only the tables of the moved variable. Tables are added in the order of float64 predictions, so the
//! bits agree with them.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::layout::groups::Group;
use crate::memory::room;
use crate::metric::Direction;
use crate::predict::predictor::Predictor;
use crate::space::definition::Space;
use crate::tables::axes::{Granularity, starts};
use crate::threads::{Run, map};

/// Climbs that a thread makes at a time.
const CHUNK: usize = 64;

/// What climbs from many architectures reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Optima {
    /// Distinct rows that no neighbour is better than, best first; those of one value in the order of rows.
    pub rows: Vec<u8>,
    /// The metric's value of each, as float64 predictions give it.
    pub values: Vec<f64>,
    /// Which of them each start reached.
    pub reached: Vec<i64>,
    /// Number of moves from each start.
    pub steps: Vec<u32>,
}

impl Predictor {
    /// Climbs from each checked row to the best neighbour, the first of equals, until none is better.
    pub fn climb(&self, space: &Space, direction: Direction, mut rows: Vec<u8>, run: &Run<'_>) -> Result<Optima> {
        self.own_surrogate().map_err(Error::model)?.require_tables(" to climb on")?;
        let width = space.width();
        let (mut scores, mut steps) = (vec![0.0; rows.len() / width], vec![0; rows.len() / width]);
        run.in_pool(|| {
            let climber = Climber::new(space, self, direction)?;
            let chunks = rows.chunks_mut(CHUNK * width).zip(scores.chunks_mut(CHUNK)).zip(steps.chunks_mut(CHUNK));
            run.for_each(chunks.collect(), |((rows, scores), steps)| {
                let mut buffers = ClimbBuffers::default();
                for ((row, score), steps) in rows.chunks_exact_mut(width).zip(scores).zip(steps) {
                    run.check()?;
                    (*score, *steps) = climber.climb(row, &mut buffers);
                    if !score.is_finite() {
                        let text = space.format_row(row);
                        return Err(Error::model(format!(
                            "its value at {text} is not finite; keep to metrics that are"
                        )));
                    }
                }
                Ok(())
            })
        })?;
        collect(&rows, width, &scores, steps, direction.sign(), run)
    }
}

/// The distinct rows and which of them each row is.
fn collect(rows: &[u8], width: usize, scores: &[f64], steps: Vec<u32>, sign: f64, run: &Run<'_>) -> Result<Optima> {
    // Many climbs end at few rows: those alone are sorted.
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    let mut distinct = Vec::new();
    let mut reached = room(scores.len(), 1)?;
    for (row, &score) in rows.chunks_exact(width).zip(scores) {
        run.check()?;
        reached.push(*seen.entry(row).or_insert_with(|| {
            distinct.push((row, score));
            distinct.len() - 1
        }));
    }
    let mut order: Vec<usize> = (0..distinct.len()).collect();
    order.sort_unstable_by(|&a, &b| {
        distinct[b].1.total_cmp(&distinct[a].1).then_with(|| distinct[a].0.cmp(distinct[b].0))
    });
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, &i)| places[i] = place as i64);
    Ok(Optima {
        rows: order.iter().flat_map(|&i| distinct[i].0).copied().collect(),
        values: order.iter().map(|&i| sign * distinct[i].1).collect(),
        reached: reached.into_iter().map(|i: usize| places[i]).collect(),
        steps,
    })
}

/// A dense table, and for each of its variables how far apart the cells of two successive choices are.
struct DenseTable {
    cells: Vec<f64>,
    steps: Vec<(usize, usize)>,
}

impl DenseTable {
    fn new(space: &Space, granularity: Granularity, group: &Group, cells: &[f64]) -> DenseTable {
        let cards: Vec<usize> = space.cards().collect();
        let mut steps = Vec::new();
        for (&axis, stride) in group.axes.iter().zip(group.strides()) {
            let variables = granularity.variables(space, axis as usize);
            let last = variables.end;
            steps.extend(variables.map(|v| (v, stride * cards[v + 1..last].iter().product::<usize>())));
        }
        DenseTable { cells: group.expand(cells), steps }
    }
}

/// A metric as climbs see it: a lane for every choice of every variable, one variable after the other.
struct Climber<'a> {
    predictor: &'a Predictor,
    constant: f64,
    sign: f64,
    tables: Vec<DenseTable>,
    /// Tables that hold each variable.
    tables_of: Vec<Vec<usize>>,
    /// First lane of each variable, and the end of the last.
    first: Vec<usize>,
}

/// Buffers of one thread.
#[derive(Default)]
struct ClimbBuffers {
    /// What each table adds to each lane.
    parts: Vec<f64>,
    scores: Vec<f64>,
}

impl<'a> Climber<'a> {
    fn new(space: &Space, predictor: &'a Predictor, direction: Direction) -> Result<Climber<'a>> {
        let surrogate = &predictor.surrogate;
        let (cells, granularity) = (surrogate.tables.mean_cells(), surrogate.tables.granularity);
        let groups = surrogate.assigned(0)?;
        let tables = map(&groups, |group| DenseTable::new(space, granularity, group, &cells));
        let holds = |t: &usize, v: usize| tables[*t].steps.iter().any(|&(own, _)| own == v);
        let tables_of = (0..space.width()).map(|v| (0..tables.len()).filter(|t| holds(t, v)).collect()).collect();
        let first = starts(space.cards());
        let (constant, sign) = (surrogate.mean_constant(), direction.sign());
        Ok(Climber { predictor, constant, sign, tables, tables_of, first })
    }

    /// Climbs to a local optimum; gives its score, the value times the sign, and the number of moves.
    fn climb(&self, row: &mut [u8], buffers: &mut ClimbBuffers) -> (f64, u32) {
        let lanes = self.first[row.len()];
        buffers.parts.resize(self.tables.len() * lanes, 0.0);
        buffers.scores.resize(lanes, 0.0);
        (0..self.tables.len()).for_each(|t| self.renew(t, row, &mut buffers.parts));
        let mut moves = 0;
        loop {
            self.score(buffers);
            // The lane of a choice that the row has is the row itself.
            let (mut best, mut lane) = (buffers.scores[row[0] as usize], None);
            for (i, &score) in buffers.scores.iter().enumerate() {
                if score > best {
                    (best, lane) = (score, Some(i));
                }
            }
            let Some(lane) = lane else { return (best, moves) };
            let variable = self.first.partition_point(|&first| first <= lane) - 1;
            row[variable] = (lane - self.first[variable]) as u8;
            self.tables_of[variable].iter().for_each(|&t| self.renew(t, row, &mut buffers.parts));
            moves += 1;
        }
    }

    /// Looks up what a table adds to every lane.
    fn renew(&self, table: usize, row: &[u8], parts: &mut [f64]) {
        let lanes = self.first[row.len()];
        let (parts, table) = (&mut parts[table * lanes..][..lanes], &self.tables[table]);
        let cell: usize = table.steps.iter().map(|&(v, step)| row[v] as usize * step).sum();
        parts.fill(table.cells[cell]);
        for &(v, step) in &table.steps {
            let base = cell - row[v] as usize * step;
            let own = parts[self.first[v]..self.first[v + 1]].iter_mut();
            own.enumerate().for_each(|(choice, part)| *part = table.cells[base + choice * step]);
        }
    }

    /// Adds up all tables and inverts the link.
    fn score(&self, buffers: &mut ClimbBuffers) {
        let ClimbBuffers { parts, scores } = buffers;
        scores.fill(0.0);
        for parts in parts.chunks_exact(scores.len()) {
            scores.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        }
        let link = self.predictor.link;
        scores.iter_mut().for_each(|score| *score = self.sign * link.inverse(self.constant + *score));
    }
}

#[cfg(test)]
mod tests {
    use crate::threads::ALONE;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::metric::Link;
    use crate::rng::uniform;
    use crate::surrogate::ensemble::Surrogate;
    use crate::surrogate::lower::lower;
    use crate::testing::{forest, mnasnet, run, space_of, spaces};
    use proptest::prelude::*;

    const BOTH: [Direction; 2] = [Direction::Maximise, Direction::Minimise];

    /// The climb by its definition: predictions of all neighbours, one architecture after the other.
    fn climbed(space: &Space, predictor: &Predictor, direction: Direction, row: &[u8]) -> (Vec<u8>, u32) {
        let scores = |rows: &[u8]| -> Vec<f64> {
            let (values, _) = predictor.predict_f64(space, rows, None, &run()).unwrap();
            values.iter().map(|v| direction.sign() * v).collect()
        };
        let (mut row, mut moves) = (row.to_vec(), 0);
        loop {
            let here = scores(&row)[0];
            let neighbours = space.neighbours(&row);
            let of_neighbours = scores(&neighbours);
            let best = of_neighbours.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let Some(first) = of_neighbours.iter().position(|&s| s == best && s > here) else { return (row, moves) };
            row = neighbours[first * space.width()..][..space.width()].to_vec();
            moves += 1;
        }
    }

    fn check(space: &Space, predictor: &Predictor, starts: &[u8]) {
        for direction in BOTH {
            let found = predictor.climb(space, direction, starts.to_vec(), &run()).unwrap();
            let expected: Vec<_> =
                starts.chunks_exact(space.width()).map(|row| climbed(space, predictor, direction, row)).collect();
            assert_eq!(found.steps, expected.iter().map(|(_, moves)| *moves).collect::<Vec<_>>());
            let (values, _) = predictor.predict_f64(space, &found.rows, None, &run()).unwrap();
            assert_eq!(found.values, values, "bits differ from those of predictions");
            assert!(values.windows(2).all(|w| direction.sign() * w[0] >= direction.sign() * w[1]));
            let optima: Vec<&[u8]> = found.rows.chunks_exact(space.width()).collect();
            let ends: Vec<&[u8]> = expected.iter().map(|(end, _)| end.as_slice()).collect();
            assert_eq!(found.reached.iter().map(|&i| optima[i as usize]).collect::<Vec<_>>(), ends);
            assert!(optima.iter().enumerate().all(|(i, row)| ends.contains(row) && !optima[..i].contains(row)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn climbs_follow_their_definition(space in spaces(), depth in 1usize..4, seed: u64, link in 0usize..6) {
            let members: Vec<_> = (0..2).map(|m| forest(&space, 6, depth, 3, seed.wrapping_add(m))).collect();
            let surrogate = lower(&space, &members.iter().collect::<Vec<_>>(), &run()).unwrap();
            prop_assume!(surrogate.forest_trees() == 0);
            let link = [Link::Identity, Link::Log, Link::Reciprocal, Link::Below(9.0), Link::Capped(0.3), Link::Floored(2.0)][link];
            let predictor = Predictor::new(surrogate, link, None).unwrap();
            check(&space, &predictor, &space.sample(60, seed, false).unwrap());
        }
    }

    #[test]
    fn every_optimum_is_reached_from_all_architectures() {
        let space = space_of(&[&[3, 1, 2], &[4], &[2, 3]]);
        let sets = [vec![0, 1], vec![1, 2], vec![0, 2]];
        let cards: Vec<usize> = space.blocks().iter().map(|b| b.states).collect();
        let table = |set: &Vec<usize>| -> Vec<f64> {
            let cells = set.iter().map(|&b| cards[b]).product::<usize>();
            (0..cells).map(|c| uniform(set[0] as u64 + 9, c as u64, 1000) as f64 / 7.0).collect()
        };
        let cells: Vec<Vec<f64>> = sets.iter().map(table).collect();
        let surrogate = Surrogate::from_tables(&space, Granularity::Blocks, &[500.0], &sets, &cells, &run()).unwrap();
        let predictor = Predictor::new(surrogate, Link::Reciprocal, None).unwrap();
        let rows = space.range(0, space.size().unwrap(), &ALONE).unwrap();
        check(&space, &predictor, &rows);
        let value = |rows: &[u8]| predictor.predict_f64(&space, rows, None, &run()).unwrap().0;
        let is_optimum = |row: &&[u8]| value(&space.neighbours(row)).iter().all(|&v| v <= value(row)[0]);
        let expected = rows.chunks_exact(space.width()).filter(is_optimum).count();
        let found = predictor.climb(&space, Direction::Maximise, rows.clone(), &run()).unwrap();
        assert!(expected > 3, "{expected} optima test little");
        assert_eq!(found.values.len(), expected);
    }

    #[test]
    fn threads_change_nothing_and_climbs_stop() {
        let space = mnasnet();
        let surrogate = lower(&space, &[&forest(&space, 200, 3, 28, 4)], &run()).unwrap();
        let predictor = Predictor::new(surrogate, Link::Identity, None).unwrap();
        let starts = space.sample(500, 2, false).unwrap();
        let [one, three] = [1, 3].map(|threads| {
            let run = Run { threads: Some(threads), ..run() };
            predictor.climb(&space, Direction::Maximise, starts.clone(), &run).unwrap()
        });
        assert_eq!(one, three);
        let stopped = Run { cancelled: &AtomicBool::new(true), ..run() };
        assert!(matches!(predictor.climb(&space, BOTH[0], starts, &stopped), Err(Error::Cancelled)));
    }

    #[test]
    fn trees_and_infinite_values_are_refused() {
        let space = space_of(&[&[4], &[4], &[4], &[4], &[4], &[4]]);
        let deep = lower(&space, &[&forest(&space, 30, 6, 6, 1)], &run()).unwrap();
        let zero = Surrogate::additive(&space, 0.0, &[const { [0.0; 4] }; 6].map(Vec::from), &run()).unwrap();
        for (surrogate, expected) in [
            (deep, "trees are no interaction tables to climb on"),
            (zero, "its value at p0-p0-p0-p0-p0-p0 is not finite"),
        ] {
            let predictor = Predictor::new(surrogate, Link::Reciprocal, None).unwrap();
            let message = predictor.climb(&space, BOTH[0], vec![0; 6], &run()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
