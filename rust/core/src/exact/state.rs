//! The state of a search: what is done and found, as a text that may be damaged, or made up, on its way.
//!
//! A digest tells altered texts from whole ones. What a text says is also held against the question, for every
//! kind by its `Answer::validate`, so that a wrong one gives no panic and no wrong proof.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::exact::bounds::counts::Counts;
use crate::exact::bounds::tree::Tree;
use crate::exact::prepared::Prepared;
use crate::exact::question::kinds::Item;
use crate::hash::sha256_hex;
use crate::threads::Run;

/// Jobs that are done and what they found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Of the question, its benchmark and this engine.
    pub(crate) key: String,
    /// Ascending, disjoint ranges of jobs.
    pub done: Vec<(usize, usize)>,
    pub counts: Counts,
    pub(crate) found: Value,
    /// Of all the other fields.
    pub(crate) sha256: String,
}

impl State {
    pub(crate) fn new(key: String, done: Vec<(usize, usize)>, counts: Counts, found: &impl Serialize) -> Result<State> {
        let found = serde_json::to_value(found).map_err(unreadable)?;
        let mut state = State { key, done, counts, found, sha256: String::new() };
        state.sha256 = state.digest()?;
        Ok(state)
    }

    fn digest(&self) -> Result<String> {
        let fields = (&self.key, &self.done, &self.counts, &self.found);
        Ok(sha256_hex(&serde_json::to_vec(&fields).map_err(unreadable)?))
    }

    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(unreadable)
    }

    /// Reads what `to_json` gives, unaltered.
    pub fn from_json(text: &str) -> Result<State> {
        let state: State = serde_json::from_str(text).map_err(unreadable)?;
        let found = state.digest()?;
        match found == state.sha256 {
            true => Ok(state),
            false => Err(damaged(format!("its sha256 is {}, its fields give {found}", state.sha256))),
        }
    }

    /// What was found, as a kind has it.
    pub(crate) fn found<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        T::deserialize(&self.found).map_err(unreadable)
    }
}

/// The jobs of a state, which fit the question.
pub(crate) struct Done<'a> {
    tree: &'a Tree,
    ranges: &'a [(usize, usize)],
    pub(crate) counts: Counts,
}

impl<'a> Done<'a> {
    /// Expects ascending, disjoint ranges of jobs, and every architecture of theirs counted once.
    pub(crate) fn of(state: &'a State, tree: &'a Tree) -> Result<Done<'a>> {
        let (mut from, mut size) = (0, 0);
        for &(first, last) in &state.done {
            if first < from || first >= last || last > tree.jobs() {
                let all = tree.jobs();
                return Err(damaged(format!("jobs {first} to {last} are done, expected ascending ranges of {all}")));
            }
            from = last + 1;
            size += (first..last).map(|job| tree.weight(job) * tree.job_size()).sum::<u128>();
        }
        let Counts { evaluated, pruned, settled } = state.counts;
        let found = checked_sum([evaluated, pruned, settled])?;
        match found == size {
            true => Ok(Done { tree, ranges: &state.done, counts: state.counts }),
            false => Err(damaged(format!("{found} architectures are counted, the jobs that are done have {size}"))),
        }
    }

    /// Whether all jobs are done.
    pub(crate) fn is_complete(&self) -> bool {
        self.ranges == [(0, self.tree.jobs())]
    }

    /// Whether the job of an architecture of the domain is done.
    pub(crate) fn has(&self, row: &[u8]) -> bool {
        let job = self.tree.job_of(row);
        self.ranges.iter().any(|&(first, last)| first <= job && job < last)
    }

    /// Expects none of the architectures in one of the counts.
    pub(crate) fn expect_no(&self, what: &str, count: u128) -> Result<()> {
        match count {
            0 => Ok(()),
            _ => Err(damaged(format!("{count} architectures are {what}, expected 0"))),
        }
    }

    /// Expects counts of whole groups of architectures that differ in free variables alone; gives their sum.
    pub(crate) fn sum_of_groups(&self, counts: impl IntoIterator<Item = u128> + Clone) -> Result<u128> {
        let size = self.tree.levels.free_size;
        match counts.clone().into_iter().find(|&count| count % size != 0) {
            Some(count) => Err(damaged(format!("{count} architectures are counted, expected a multiple of {size}"))),
            None => checked_sum(counts),
        }
    }
}

/// Expects architectures of the domain that meet the constraints, with the values that the benchmark gives them, bit by bit.
pub(crate) fn check_items(prepared: &Prepared, items: &[Item], run: &Run<'_>) -> Result<()> {
    let (space, allowed) = (prepared.bench.space(), prepared.question.domain.allowed());
    for (i, Item { row, .. }) in items.iter().enumerate() {
        if row.len() != space.width() {
            let (found, width) = (row.len(), space.width());
            return Err(damaged(format!("architecture {i} has {found} choices, expected {width}")));
        }
        if let Some(v) = (0..row.len()).find(|&v| !allowed[v].contains(&row[v])) {
            let (name, choice, allowed) = (&space.variables()[v].name, row[v], &allowed[v]);
            return Err(damaged(format!("architecture {i}: {name} has choice {choice}, expected one of {allowed:?}")));
        }
        if !space.is_lawful(row) {
            return Err(damaged(format!("architecture {i} breaks a rule of the space")));
        }
    }
    let rows: Vec<u8> = items.iter().flat_map(|item| item.row.iter().copied()).collect();
    let values = prepared.values(&rows, run)?;
    for (i, item) in items.iter().enumerate() {
        let own: Vec<f64> = values.iter().map(|v| v[i]).collect();
        if !own.iter().map(|x| x.to_bits()).eq(item.values.iter().map(|x| x.to_bits())) {
            return Err(damaged(format!("architecture {i} has values {:?}, expected {own:?}", item.values)));
        }
        if !prepared.is_feasible(|m| own[m]) {
            return Err(damaged(format!("architecture {i} with values {own:?} breaks a constraint")));
        }
    }
    Ok(())
}

/// A sum of counts from outside.
pub(crate) fn checked_sum(counts: impl IntoIterator<Item = u128>) -> Result<u128> {
    let mut counts = counts.into_iter();
    counts.try_fold(0, u128::checked_add).ok_or_else(|| damaged("counts add up to more than 2^128".to_owned()))
}

pub(crate) fn damaged(what: String) -> Error {
    Error::search(format!("the state is damaged: {what}; start again"))
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::search(format!("the state is not readable: {error}; start again"))
}
