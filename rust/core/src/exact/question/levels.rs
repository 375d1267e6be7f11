//! The division of a domain into levels.
//!
//! A level is a few variables of one or more blocks whose joint choice is one number. Variables that
//! no table depends on are free: they multiply every count and are in no level.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::exact::question::domain::Domain;
use crate::space::definition::{Block, Space};
use crate::space::lawful::States;
use crate::space::rules::Clause;
use crate::tables::axes::joint;
use crate::threads::ALONE;

/// Blocks are joined into one level up to so many joint choices.
const JOINED: usize = 64;

/// Fewest levels; spaces of fewer blocks get levels of one state.
const LEVELS: usize = 4;

/// Most joint choices of parts that rules tie together, where these are made one level.
const TIED: usize = 1 << 22;

/// A few variables and their joint choices.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub(crate) variables: Vec<usize>,
    /// Choice indices of the variables, state by state.
    pub(crate) choices: Vec<u8>,
    pub(crate) states: usize,
    /// Choices that are no state, and the state that they are decided with, which is at least as good, in that order.
    dominated: Vec<(usize, Vec<u8>)>,
}

impl Level {
    /// Choices of the level's variables in a state.
    pub(crate) fn state(&self, state: usize) -> &[u8] {
        &self.choices[state * self.variables.len()..][..self.variables.len()]
    }

    /// The state with an architecture's choices.
    pub(crate) fn state_of(&self, row: &[u8]) -> usize {
        let has = |choices: &[u8]| self.variables.iter().zip(choices).all(|(&v, &choice)| row[v] == choice);
        let dominated = || self.dominated.iter().find(|(_, choices)| has(choices)).map(|(by, _)| *by);
        (0..self.states).find(|&state| has(self.state(state))).or_else(dominated).unwrap_or(0)
    }

    /// The choices that are decided with a state.
    pub(crate) fn dominated_by(&self, state: usize) -> &[(usize, Vec<u8>)] {
        let first = self.dominated.partition_point(|(by, _)| *by < state);
        let count = self.dominated[first..].partition_point(|(by, _)| *by == state);
        &self.dominated[first..first + count]
    }

    /// With some states alone; the others are decided with one of them, by its place.
    pub(crate) fn reduced(&self, kept: &[usize], dominated: &[(usize, usize)]) -> Level {
        Level {
            variables: self.variables.clone(),
            choices: kept.iter().flat_map(|&state| self.state(state)).copied().collect(),
            states: kept.len(),
            dominated: dominated.iter().map(|&(by, state)| (by, self.state(state).to_vec())).collect(),
        }
    }

    /// Some of a block's variables.
    fn of_block(space: &Space, block: usize, domain: &Domain, has: impl Fn(usize) -> bool) -> Level {
        let (states, block) = (space.lawful_states(block), &space.blocks()[block]);
        let inside = block.variables.clone().filter(|&v| has(v));
        match states {
            Some(states) => Level::listed(block, inside.collect(), states, domain),
            None => inside.fold(Level::empty(), |level, v| {
                let choices = domain.allowed()[v].clone();
                level.joined(&Level { variables: vec![v], states: choices.len(), choices, dominated: Vec::new() })
            }),
        }
    }

    /// The joint choices that some of a block's states have of some of its variables.
    fn listed(block: &Block, variables: Vec<usize>, states: &States, domain: &Domain) -> Level {
        let mut distinct = BTreeSet::new();
        for state in 0..states.len() {
            let choices = states.choices(state);
            let choice = |v: usize| choices[v - block.variables.start];
            if block.variables.clone().all(|v| domain.allowed()[v].contains(&choice(v))) {
                distinct.insert(variables.iter().map(|&v| choice(v)).collect::<Vec<u8>>());
            }
        }
        let (states, choices) = (distinct.len(), distinct.into_iter().flatten().collect());
        Level { variables, states, choices, dominated: Vec::new() }
    }

    /// All architectures of a space, as states of one level.
    fn united(space: &Space, domain: &Domain) -> Result<Level> {
        let rows = space.range(0, space.indexed_size()?, &ALONE)?;
        let mut choices = Vec::new();
        rows.chunks_exact(space.width()).filter(|row| domain.has(row)).for_each(|row| choices.extend_from_slice(row));
        let states = choices.len() / space.width();
        Ok(Level { variables: (0..space.width()).collect(), states, choices, dominated: Vec::new() })
    }

    /// Keeps the states that a row with their choices has something of.
    fn retain(&mut self, row: &[u8], keep: impl Fn(&[u8]) -> bool) {
        let (mut row, mut kept) = (row.to_vec(), Vec::new());
        for state in 0..self.states {
            self.variables.iter().zip(self.state(state)).for_each(|(&v, &choice)| row[v] = choice);
            if keep(&row) {
                kept.extend_from_slice(self.state(state));
            }
        }
        if !self.variables.is_empty() {
            self.states = kept.len() / self.variables.len();
            self.choices = kept;
        }
    }

    pub(crate) fn empty() -> Level {
        Level { variables: Vec::new(), choices: Vec::new(), states: 1, dominated: Vec::new() }
    }

    /// Every state of this level with every state of the next variables.
    pub(crate) fn joined(&self, other: &Level) -> Level {
        let both = (0..self.states).flat_map(|a| (0..other.states).map(move |b| (a, b)));
        Level {
            variables: [&self.variables[..], &other.variables].concat(),
            choices: both.flat_map(|(a, b)| [self.state(a), other.state(b)].concat()).collect(),
            states: self.states * other.states,
            dominated: Vec::new(),
        }
    }
}

/// The levels of a domain.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    pub(crate) levels: Vec<Level>,
    /// Variables of no level that have several allowed choices.
    pub(crate) free: Vec<usize>,
    /// Number of joint choices of the free variables.
    pub(crate) free_size: u128,
    /// The first architecture.
    pub(crate) first: Vec<u8>,
}

impl Levels {
    /// Levels of the relevant variables.
    pub(crate) fn new(space: &Space, domain: &Domain, relevant: &[bool]) -> Result<Levels> {
        let several = |v: &usize| domain.allowed()[*v].len() > 1;
        let mut levels: Vec<Level> = Vec::new();
        let relevant: Vec<bool> = relevant.iter().zip(space.ruled()).map(|(a, b)| *a || b).collect();
        for b in 0..space.blocks().len() {
            let level = Level::of_block(space, b, domain, |v| several(&v) && relevant[v]);
            if level.states == 0 {
                return Err(no_architecture());
            }
            if !level.variables.is_empty() {
                levels.push(level);
            }
        }
        if space.is_listed() {
            levels = vec![Level::united(space, domain)?];
            if levels[0].states == 0 {
                return Err(no_architecture());
            }
        }
        join_small(&mut levels);
        let free: Vec<usize> = (0..space.width()).filter(several).filter(|&v| !relevant[v]).collect();
        let free_size = free.iter().fold(1u128, |n, &v| n.saturating_mul(domain.allowed()[v].len() as u128));
        let mut levels = Levels { levels, free, free_size, first: domain.first() };
        levels.fill();
        Ok(levels)
    }

    /// Adds levels of one state to fewer than a search needs.
    pub(crate) fn fill(&mut self) {
        self.levels.resize_with(self.levels.len().max(LEVELS), Level::empty);
    }

    /// The level that has dominated choices, if one has.
    pub(crate) fn reduced_level(&self) -> Option<usize> {
        self.levels.iter().position(|level| !level.dominated.is_empty())
    }

    /// Adds an architecture, and those that are decided with it.
    pub(crate) fn push_with_dominated(&self, row: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(row);
        let Some(level) = self.reduced_level().map(|l| &self.levels[l]) else { return };
        for (_, choices) in level.dominated_by(level.state_of(row)) {
            let start = out.len();
            out.extend_from_slice(row);
            level.variables.iter().zip(choices).for_each(|(&v, &choice)| out[start + v] = choice);
        }
    }

    /// Levels of all variables of several choices that no rule ties together: every state of one goes with every state
    /// of the others.
    pub(crate) fn independent(space: &Space) -> Result<Levels> {
        let domain = Domain::whole(space);
        let of_block = |b: usize| Level::of_block(space, b, &domain, |v| domain.allowed()[v].len() > 1);
        let mut levels: Vec<Level> = (0..space.blocks().len()).map(of_block).collect();
        let mut clauses = space.clauses();
        if space.is_listed() {
            (levels, clauses) = (vec![Level::united(space, &domain)?], &[]);
        }
        // What a block alone decides is decided in its states.
        let is_across = |clause: &&Clause| space.blocks_of(clause.iter().map(|literal| literal.variable)).len() > 1;
        for clause in clauses.iter().filter(is_across) {
            let ties = |level: &Level| clause.iter().any(|literal| level.variables.contains(&literal.variable));
            let (tied, others): (Vec<Level>, Vec<Level>) = levels.into_iter().partition(ties);
            let states = joint(tied.iter().map(|level| level.states));
            if states > TIED {
                return Err(Error::model(format!(
                    "rules tie parts of {:?} together that have {states} joint choices, at most {TIED} are enumerated",
                    space.name()
                )));
            }
            let mut joined = tied.into_iter().fold(Level::empty(), |a, b| a.joined(&b));
            joined.retain(&domain.first(), |row| !clause.iter().all(|l| l.holds[row[l.variable] as usize]));
            levels = others;
            levels.push(joined);
        }
        levels.retain(|level| !level.variables.is_empty());
        Ok(Levels { levels, free: Vec::new(), free_size: 1, first: domain.first() })
    }

    /// Expects numbers of architectures to fit 128 bits.
    pub(crate) fn require_counted(&self, domain: &Domain, space: &Space) -> Result<()> {
        let states = self.levels.iter().map(|level| level.states);
        let free = self.free.iter().map(|&v| domain.allowed()[v].len());
        let size = states.chain(free).try_fold(1u128, |n, states| n.checked_mul(states as u128));
        let name = space.name();
        size.map(|_| ()).ok_or_else(|| {
            Error::search(format!(
                "{name:?} has 2^128 architectures or more, which can't be counted; allow fewer choices"
            ))
        })
    }

    /// Expects less than 2^64 architectures, as what looks at each of them needs.
    pub(crate) fn require_few(&self, space: &Space) -> Result<()> {
        let states = self.levels.iter().map(|level| level.states as u128);
        let size = states.fold(self.free_size, u128::saturating_mul);
        match u64::try_from(size) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::search(format!(
                "{:?} has about {:.1e} architectures, at most 2^64 are counted or ranked exactly; allow fewer choices, or \
                 estimate (Benchmark.estimate, --samples)",
                space.name(),
                size as f64
            ))),
        }
    }

    /// Number of joint choices of the free variables, where a space has less than 2^64 architectures.
    pub(crate) fn narrow_free_size(&self) -> u64 {
        self.free_size as u64
    }

    /// Puts the choices of a level's state into a row.
    pub(crate) fn write(&self, level: usize, state: usize, row: &mut [u8]) {
        let level = &self.levels[level];
        level.variables.iter().zip(level.state(state)).for_each(|(&v, &choice)| row[v] = choice);
    }

    /// The first architecture with these states.
    pub(crate) fn row(&self, states: &[usize]) -> Vec<u8> {
        let mut row = self.first.clone();
        states.iter().enumerate().for_each(|(level, &state)| self.write(level, state, &mut row));
        row
    }

    /// Levels in another order: position `i` gets level `order[i]`.
    pub(crate) fn permuted(&self, order: &[usize]) -> Levels {
        Levels { levels: order.iter().map(|&l| self.levels[l].clone()).collect(), ..self.clone() }
    }
}

/// The error of choices that rules exclude.
pub(crate) fn no_architecture() -> Error {
    Error::search("the allowed choices leave no architecture that obeys the space's rules; allow more")
}

/// Joins neighbours, the smallest first, while they stay small.
fn join_small(levels: &mut Vec<Level>) {
    while levels.len() > LEVELS {
        let states = |i: usize| levels[i].states * levels[i + 1].states;
        match (0..levels.len() - 1).min_by_key(|&i| states(i)) {
            Some(i) if states(i) <= JOINED => {
                let next = levels.remove(i + 1);
                levels[i] = levels[i].joined(&next);
            }
            _ => return,
        }
    }
}
