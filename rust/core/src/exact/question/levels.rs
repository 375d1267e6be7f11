//! The division of a domain into levels.
//!
//! A level is a few variables of one or more blocks whose joint choice is one number. Variables that
//! no table depends on are free: they multiply every count and are in no level.

use crate::exact::question::domain::Domain;
use crate::space::definition::Space;

/// Blocks are joined into one level up to so many joint choices.
const JOINED: usize = 64;

/// Fewest levels; spaces of fewer blocks get levels of one state.
const LEVELS: usize = 4;

/// A few variables and their joint choices.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub(crate) variables: Vec<usize>,
    /// Choice indices of the variables, state by state.
    pub(crate) choices: Vec<u8>,
    pub(crate) states: usize,
}

impl Level {
    /// Choices of the level's variables in a state.
    pub(crate) fn state(&self, state: usize) -> &[u8] {
        &self.choices[state * self.variables.len()..][..self.variables.len()]
    }

    /// The state with an architecture's choices.
    pub(crate) fn state_of(&self, row: &[u8]) -> usize {
        let has = |&state: &usize| self.variables.iter().zip(self.state(state)).all(|(&v, &choice)| row[v] == choice);
        (0..self.states).find(has).unwrap_or(0)
    }

    fn empty() -> Level {
        Level { variables: Vec::new(), choices: Vec::new(), states: 1 }
    }

    /// Every state of this level with every state of the next variables.
    fn joined(&self, other: &Level) -> Level {
        let both = (0..self.states).flat_map(|a| (0..other.states).map(move |b| (a, b)));
        Level {
            variables: [&self.variables[..], &other.variables].concat(),
            choices: both.flat_map(|(a, b)| [self.state(a), other.state(b)].concat()).collect(),
            states: self.states * other.states,
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
    pub(crate) free_size: u64,
    /// The first architecture.
    pub(crate) first: Vec<u8>,
}

impl Levels {
    /// Levels of the relevant variables.
    pub(crate) fn new(space: &Space, domain: &Domain, relevant: &[bool]) -> Levels {
        let several = |v: &usize| domain.allowed()[*v].len() > 1;
        let mut levels: Vec<Level> = Vec::new();
        for block in space.blocks() {
            let inside = block.variables.clone().filter(several).filter(|&v| relevant[v]);
            let level = inside.fold(Level::empty(), |level, v| {
                let choices = domain.allowed()[v].clone();
                level.joined(&Level { variables: vec![v], states: choices.len(), choices })
            });
            if level.states > 1 {
                levels.push(level);
            }
        }
        join_small(&mut levels);
        levels.resize_with(levels.len().max(LEVELS), Level::empty);
        let free: Vec<usize> = (0..space.width()).filter(several).filter(|&v| !relevant[v]).collect();
        let free_size = free.iter().map(|&v| domain.allowed()[v].len() as u64).product();
        Levels { levels, free, free_size, first: domain.first() }
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
