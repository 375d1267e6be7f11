//! The architectures of a space with rules, in their canonical form, as a decision diagram over its blocks.
//!
//! A node stands for what the rules still ask of the later blocks. Its arcs are the states that the next block
//! may take; the paths are the architectures, in ascending order of their choice indices.

use std::collections::HashMap;
use std::ops::Range;

use num_bigint::BigUint;

use crate::space::rules::Clause;
use crate::space::variables::Variable;

/// Most states of a block.
pub(crate) const MAX_STATES: usize = 1 << 16;
/// Most joint choices of a block for which a state is looked up rather than searched.
const MAX_LOOKUP: u64 = 1 << 20;
/// Most arcs of a diagram.
const MAX_ARCS: usize = 1 << 24;
/// No state, or no node.
pub(crate) const NONE: u32 = u32::MAX;

/// The lawful joint choices of a block's variables, ascending.
#[derive(Clone, Debug)]
pub(crate) struct States {
    variables: Range<usize>,
    /// Number of states of each variable.
    cards: Vec<u64>,
    /// Joint choices by state, mixed radix.
    keys: Vec<u64>,
    /// State by joint choices, where they are few.
    lookup: Vec<u32>,
    /// Choice indices, state by state.
    choices: Vec<u8>,
}

impl States {
    fn new(variables: Range<usize>, cards: Vec<u64>, mut keys: Vec<u64>) -> States {
        keys.sort_unstable();
        keys.dedup();
        let mut choices = Vec::with_capacity(keys.len() * cards.len());
        for &key in &keys {
            let (mut rest, first) = (key, choices.len());
            choices.resize(first + cards.len(), 0);
            for (choice, card) in choices[first..].iter_mut().zip(&cards).rev() {
                *choice = (rest % card) as u8;
                rest /= card;
            }
        }
        let size: u64 = cards.iter().product();
        let mut lookup = Vec::new();
        if size <= MAX_LOOKUP {
            lookup = vec![NONE; size as usize];
            keys.iter().enumerate().for_each(|(state, &key)| lookup[key as usize] = state as u32);
        }
        States { variables, cards, keys, lookup, choices }
    }

    /// Number of states.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Joint choices by state, mixed radix.
    pub(crate) fn joint_choices(&self) -> Vec<usize> {
        self.keys.iter().map(|&key| key as usize).collect()
    }

    /// Choice indices of a state.
    pub(crate) fn choices(&self, state: usize) -> &[u8] {
        &self.choices[state * self.cards.len()..][..self.cards.len()]
    }

    /// The state of a row with choices in range.
    #[inline]
    pub(crate) fn of(&self, row: &[u8]) -> Option<usize> {
        let own = row[self.variables.clone()].iter().zip(&self.cards);
        let key = own.fold(0, |key, (&choice, card)| key * card + u64::from(choice));
        match self.lookup.get(key as usize) {
            Some(&state) => (state != NONE).then_some(state as usize),
            None => self.keys.binary_search(&key).ok(),
        }
    }
}

/// Arcs by state, and the architectures below them.
#[derive(Clone, Debug)]
struct Node {
    /// Node of the next level by state.
    next: Vec<u32>,
    /// Architectures below the earlier states, and below all.
    below: Vec<u64>,
    /// The same, where the space has more than 2^64.
    wide: Vec<BigUint>,
    /// Their shares of all, as fractions of 2^64.
    shares: Vec<u64>,
    /// Architectures below every state, where all have as many; else 0.
    each: u64,
}

/// The architectures of a space, as paths.
#[derive(Clone, Debug)]
pub(crate) struct Lawful {
    pub(crate) states: Vec<States>,
    levels: Vec<Vec<Node>>,
    size: BigUint,
    /// The size, where it is below 2^64.
    narrow: Option<u64>,
}

/// A block's states and, node by node of it, the joint choices and the nodes they lead to.
type Draft = Vec<Vec<(u64, u32)>>;

impl Lawful {
    /// The architectures that no clause holds for; the error says what to mend.
    pub(crate) fn new(variables: &[Variable], blocks: &[Range<usize>], clauses: &[Clause]) -> Result<Lawful, String> {
        let mut builder = Builder::new(variables, clauses);
        let mut drafts: Vec<Draft> = Vec::new();
        let mut alive: Vec<Vec<u32>> = vec![Vec::new()];
        let mut arcs = 0;
        for block in blocks {
            let mut next: HashMap<Vec<u32>, u32> = HashMap::new();
            let mut draft = Draft::new();
            for node in &alive {
                let mut out = Vec::new();
                builder.walk(block.clone(), 0, node.clone(), &mut |key, alive| {
                    let count = next.len() as u32;
                    out.push((key, *next.entry(alive).or_insert(count)));
                });
                arcs += out.len();
                draft.push(out);
                if arcs > MAX_ARCS {
                    return Err(
                        "its rules tie too many blocks together; join those that they name, or state fewer".to_owned()
                    );
                }
            }
            let mut keys: Vec<(Vec<u32>, u32)> = next.into_iter().collect();
            keys.sort_by_key(|(_, node)| *node);
            alive = keys.into_iter().map(|(alive, _)| alive).collect();
            drafts.push(draft);
        }
        Lawful::of(variables, blocks, drafts)
    }

    /// The architectures of ascending rows.
    pub(crate) fn listed(variables: &[Variable], blocks: &[Range<usize>], rows: &[u8]) -> Result<Lawful, String> {
        let width = variables.len();
        let mut drafts: Vec<Draft> = Vec::new();
        let mut parts: Vec<Vec<&[u8]>> = vec![rows.chunks_exact(width).collect()];
        for block in blocks {
            let (mut draft, mut next) = (Draft::new(), Vec::new());
            for part in &parts {
                let mut out = Vec::new();
                for group in part.chunk_by(|a, b| a[block.clone()] == b[block.clone()]) {
                    let own = block.clone().map(|v| (variables[v].card() as u64, u64::from(group[0][v])));
                    out.push((own.fold(0, |key, (card, c)| key * card + c), next.len() as u32));
                    next.push(group.to_vec());
                }
                draft.push(out);
            }
            parts = next;
            drafts.push(draft);
        }
        Lawful::of(variables, blocks, drafts)
    }

    /// Nodes from the last block to the first: without dead ends, and each once.
    fn of(variables: &[Variable], blocks: &[Range<usize>], mut drafts: Vec<Draft>) -> Result<Lawful, String> {
        let mut merged: Vec<Vec<Vec<(u64, u32)>>> = Vec::new();
        // The last level has one end.
        let mut new_of: Option<Vec<u32>> = None;
        for draft in drafts.iter_mut().rev() {
            let mut known: HashMap<Vec<(u64, u32)>, u32> = HashMap::new();
            let mut nodes = Vec::new();
            let mut of_draft = Vec::new();
            for arcs in draft {
                let next = |node: u32| new_of.as_ref().map_or(0, |new_of| new_of[node as usize]);
                let arcs: Vec<(u64, u32)> =
                    arcs.iter().map(|&(key, node)| (key, next(node))).filter(|(_, node)| *node != NONE).collect();
                if arcs.is_empty() {
                    of_draft.push(NONE);
                    continue;
                }
                of_draft.push(*known.entry(arcs.clone()).or_insert_with(|| {
                    nodes.push(arcs);
                    nodes.len() as u32 - 1
                }));
            }
            merged.push(nodes);
            new_of = Some(of_draft);
        }
        merged.reverse();
        if merged[0].is_empty() {
            return Err("its rules leave no architecture; state fewer".to_owned());
        }
        let mut states = Vec::new();
        for (block, nodes) in blocks.iter().zip(&merged) {
            let cards = block.clone().map(|v| variables[v].card() as u64).collect();
            states.push(States::new(block.clone(), cards, nodes.iter().flatten().map(|(key, _)| *key).collect()));
        }
        let (levels, size) = counted(&states, &merged);
        let narrow = u64::try_from(&size).ok();
        Ok(Lawful { states, levels, size, narrow })
    }

    /// Number of architectures.
    pub(crate) fn size(&self) -> &BigUint {
        &self.size
    }

    /// Whether a row with choices in range is one of them; else the block that spoils it.
    pub(crate) fn check(&self, row: &[u8]) -> Result<(), usize> {
        self.walk(row, |_, _| ())
    }

    #[inline]
    fn walk<'a>(&'a self, row: &[u8], mut at: impl FnMut(&'a Node, usize)) -> Result<(), usize> {
        let mut node = 0;
        for (block, (states, nodes)) in self.states.iter().zip(&self.levels).enumerate() {
            let state = states.of(row).ok_or(block)?;
            let here = &nodes[node as usize];
            at(here, state);
            node = here.next[state];
            if node == NONE {
                return Err(block);
            }
        }
        Ok(())
    }

    /// Number of a lawful row, where numbers fit 64 bits.
    #[inline]
    pub(crate) fn index(&self, row: &[u8]) -> u64 {
        let mut index = 0;
        let _ = self.walk(row, |node, state| index += node.below[state]);
        index
    }

    /// Number of a lawful row.
    pub(crate) fn wide_index(&self, row: &[u8]) -> BigUint {
        let mut index = BigUint::ZERO;
        let _ = self.walk(row, |node, state| match self.narrow {
            Some(_) => index += node.below[state],
            None => index += &node.wide[state],
        });
        index
    }

    /// Goes from block to block by the state that a function finds in each node.
    #[inline]
    fn descend(&self, out: &mut [u8], mut state_of: impl FnMut(&Node) -> usize) {
        let mut node = 0;
        for (states, nodes) in self.states.iter().zip(&self.levels) {
            let here = &nodes[node as usize];
            let state = state_of(here);
            out[states.variables.clone()].copy_from_slice(states.choices(state));
            node = here.next[state];
        }
    }

    /// The row of a number below the size, where numbers fit 64 bits.
    #[inline]
    pub(crate) fn at(&self, mut index: u64, out: &mut [u8]) {
        self.descend(out, |node| {
            let state = match node.each {
                0 => node.below.partition_point(|&below| below <= index) - 1,
                each => (index / each) as usize,
            };
            index -= node.below[state];
            state
        });
    }

    /// The row of a number below the size.
    pub(crate) fn wide_at(&self, mut index: BigUint, out: &mut [u8]) {
        if self.narrow.is_some() {
            return self.at(u64::try_from(&index).unwrap_or(0), out);
        }
        self.descend(out, |node| {
            let state = node.wide.partition_point(|below| *below <= index) - 1;
            index -= &node.wide[state];
            state
        });
    }

    /// A uniform row by a random word a block, but for 2^-64 of its chance.
    pub(crate) fn drawn(&self, mut word: impl FnMut() -> u64, out: &mut [u8]) {
        self.descend(out, |node| {
            let word = word().min(u64::MAX - 1);
            node.shares.partition_point(|&share| share <= word) - 1
        });
    }
}

/// Nodes with the numbers of architectures below their arcs, and that of all.
fn counted(states: &[States], merged: &[Vec<Vec<(u64, u32)>>]) -> (Vec<Vec<Node>>, BigUint) {
    let mut totals = vec![BigUint::from(1u32)];
    let mut levels = Vec::new();
    for (states, nodes) in states.iter().zip(merged).rev() {
        let mut own = Vec::new();
        let level = nodes.iter().map(|arcs| {
            let mut next = vec![NONE; states.len()];
            for &(key, node) in arcs {
                next[states.keys.partition_point(|&k| k < key)] = node;
            }
            let mut sum = BigUint::ZERO;
            let mut wide = vec![BigUint::ZERO];
            for &node in &next {
                if node != NONE {
                    sum += &totals[node as usize];
                }
                wide.push(sum.clone());
            }
            let share = |below: &BigUint| u64::try_from((below << 64u32) / &sum).unwrap_or(u64::MAX);
            let shares = wide.iter().map(share).collect();
            own.push(sum);
            Node { next, below: Vec::new(), wide, shares, each: 0 }
        });
        levels.push(level.collect::<Vec<_>>());
        totals = own;
    }
    levels.reverse();
    let size = totals.swap_remove(0);
    if u64::try_from(&size).is_ok() {
        for node in levels.iter_mut().flatten() {
            node.below = node.wide.drain(..).map(|n| u64::try_from(n).unwrap_or(u64::MAX)).collect();
            node.shares = Vec::new();
            let each = node.below[1];
            node.each = if node.below.windows(2).all(|w| w[1] - w[0] == each) { each } else { 0 };
        }
    }
    (levels, size)
}

/// A clause's literal: the clause, which states hold, whether it is the first and the last one.
type Part = (u32, Vec<bool>, bool, bool);

/// Clauses on the way through the variables: those of which every literal so far holds.
struct Builder {
    cards: Vec<usize>,
    /// By variable, clauses with a literal there: its states that hold, whether it is the first and the last.
    at: Vec<Vec<Part>>,
}

impl Builder {
    fn new(variables: &[Variable], clauses: &[Clause]) -> Builder {
        let mut at = vec![Vec::new(); variables.len()];
        for (c, clause) in clauses.iter().enumerate() {
            for (i, literal) in clause.iter().enumerate() {
                let ends = (i == 0, i + 1 == clause.len());
                at[literal.variable].push((c as u32, literal.holds.clone(), ends.0, ends.1));
            }
        }
        Builder { cards: variables.iter().map(Variable::card).collect(), at }
    }

    /// Finds the joint choices of variables that no clause holds for, with the clauses that may still hold.
    fn walk(&mut self, open: Range<usize>, key: u64, alive: Vec<u32>, found: &mut impl FnMut(u64, Vec<u32>)) {
        if open.is_empty() {
            return found(key, alive);
        }
        let v = open.start;
        for choice in 0..self.cards[v] {
            let mut own = alive.clone();
            let mut is_lawful = true;
            for (clause, holds, first, last) in &self.at[v] {
                let place = own.binary_search(clause);
                match (holds[choice], *first, *last, place) {
                    (true, true, true, _) | (true, false, true, Ok(_)) => is_lawful = false,
                    (true, true, false, Err(place)) => own.insert(place, *clause),
                    (false, false, _, Ok(place)) => {
                        own.remove(place);
                    }
                    _ => {}
                }
            }
            if is_lawful {
                self.walk(v + 1..open.end, key * self.cards[v] as u64 + choice as u64, own, found);
            }
        }
    }
}
