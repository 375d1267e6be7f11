//! The equal forms of an architecture: choice indices, block states, 64-bit index and readable string.
//!
//! Rows are flat, row-major bytes; every function that reads a foreign form checks it and names the row.

use std::ops::Range;

use num_bigint::BigUint;

use crate::error::{Error, Result};
use crate::memory::{room, zeros};
use crate::space::definition::{Block, Space};
use crate::space::rules::{Clause, Literal, Unlawful};
use crate::space::variables::Choice;
use crate::threads::{Run, for_rows, row_by_row};

impl Space {
    /// Checks rows of choice indices.
    pub fn check(&self, rows: &[u8], run: &Run<'_>) -> Result<()> {
        let width = self.width();
        let last: Vec<u8> = self.cards().map(|n| (n - 1) as u8).collect();
        let mut nothing = vec![(); rows.len() / width];
        for_rows(run, (rows, width), (&mut nothing, 1), |first, _, rows| {
            for (i, row) in rows.chunks_exact(width).enumerate() {
                if let Some(v) = row.iter().zip(&last).position(|(x, last)| x > last) {
                    return Err(self.choice_index_error(first + i, v, row[v]));
                }
                if !self.is_lawful(row) {
                    return Err(self.unlawful_error(first + i, row));
                }
            }
            Ok(())
        })
    }

    /// Whether a row with choices in range is an architecture in its canonical form.
    pub(crate) fn is_lawful(&self, row: &[u8]) -> bool {
        self.lawful().is_none_or(|lawful| lawful.check(row).is_ok())
    }

    /// Why a row with choices in range is no canonical architecture.
    fn unlawful_error(&self, row: usize, choices: &[u8]) -> Error {
        let mut canonical = choices.to_vec();
        if let Err(unlawful) = self.settle(&mut canonical, |_| None) {
            return self.explained(row, &canonical, unlawful);
        }
        let differs = choices.iter().zip(&canonical).position(|(a, b)| a != b).unwrap_or(0);
        let variable = &self.variables()[differs];
        let token = |row: &[u8]| variable.tokens[row[differs] as usize].clone();
        let (found, expected) = (token(choices), token(&canonical));
        Error::NotCanonical { row, variable: variable.name.clone(), found, expected }
    }

    /// Rows with choices in range in their canonical form; `None` where all are in it.
    pub fn canonical(&self, rows: &[u8], run: &Run<'_>) -> Result<Option<Vec<u8>>> {
        let (width, cards) = (self.width(), self.cards().collect::<Vec<_>>());
        if !self.has_rules() || self.check(rows, run).is_ok() {
            return Ok(None);
        }
        let out = row_by_row(run, (rows, width), width, |i, row, out: &mut [u8]| {
            if let Some(v) = (0..width).find(|&v| row[v] as usize >= cards[v]) {
                return Err(self.choice_index_error(i, v, row[v]));
            }
            out.copy_from_slice(row);
            self.settle(out, |_| None).map_err(|unlawful| self.explained(i, out, unlawful))
        })?;
        Ok(Some(out))
    }

    /// The error of an architecture that rules exclude.
    fn explained(&self, row: usize, choices: &[u8], unlawful: Unlawful) -> Error {
        let named = |clause: &Clause| {
            let part = |l: &Literal| self.variables()[l.variable].tokens[choices[l.variable] as usize].clone();
            clause.iter().map(part).collect::<Vec<_>>().join(" with ")
        };
        match unlawful {
            Unlawful::Missing(v) => {
                let variable = &self.variables()[v];
                let choices = variable.choices.iter().map(Choice::to_string).collect::<Vec<_>>().join(", ");
                let reason = format!("is inactive where it is active; choose one of {choices}");
                Error::Unlawful { row, variable: variable.name.clone(), reason }
            }
            Unlawful::Forbidden(clause) => {
                let clause = &self.rules().forbidden[clause];
                let variable = self.variables()[clause[0].variable].name.clone();
                Error::Unlawful {
                    row,
                    variable,
                    reason: format!("has a forbidden combination, {}; change one", named(clause)),
                }
            }
            Unlawful::Excluded => {
                let reason = "is none of the space, which excludes it; give another".to_owned();
                Error::Unlawful { row, variable: "the architecture".to_owned(), reason }
            }
            Unlawful::Unsettled => {
                let reason = "is rewritten for ever by the space's equivalences; mend them".to_owned();
                Error::Unlawful { row, variable: "the architecture".to_owned(), reason }
            }
        }
    }

    /// Expects ascending choice indices of every variable.
    pub(crate) fn check_allowed(&self, allowed: &[Vec<u8>]) -> Result<()> {
        let invalid = |reason: String| Err(Error::InvalidSpace { space: self.name().to_owned(), reason });
        if allowed.len() != self.width() {
            let (found, width) = (allowed.len(), self.width());
            return invalid(format!("{width} variables are restricted by {found} lists; give one each"));
        }
        for (v, (variable, choices)) in self.variables().iter().zip(allowed).enumerate() {
            if choices.is_empty() || choices.windows(2).any(|w| w[0] >= w[1]) {
                return invalid(format!("{:?} is restricted to {choices:?}; give ascending choices", variable.name));
            }
            if let Some(&index) = choices.iter().find(|&&c| c as usize >= variable.card()) {
                return Err(self.choice_index_error(0, v, index));
            }
        }
        Ok(())
    }

    /// Choice indices of every variable.
    pub(crate) fn all_choices(&self) -> Vec<Vec<u8>> {
        self.cards().map(|card| (0..card).map(|c| c as u8).collect()).collect()
    }

    /// The error for a choice index out of range.
    pub fn choice_index_error(&self, row: usize, variable: usize, index: u8) -> Error {
        let v = &self.variables()[variable];
        let last = v.card() - 1;
        Error::ChoiceIndex { row, variable: v.name.clone(), index, last, choices: v.choice_list() }
    }

    /// Block states of checked rows.
    pub fn block_states(&self, rows: &[u8], run: &Run<'_>) -> Result<Vec<u16>> {
        let (width, blocks) = (self.width(), self.blocks().len());
        let cards: Vec<usize> = self.cards().collect();
        row_by_row(run, (rows, width), blocks, |_, row, out: &mut [u16]| {
            for (b, (state, block)) in out.iter_mut().zip(self.blocks()).enumerate() {
                *state = match self.lawful() {
                    Some(lawful) => lawful.states[b].of(row).unwrap_or(0) as u16,
                    None => joint_state(block.variables.clone(), row, &cards) as u16,
                };
            }
            Ok(())
        })
    }

    /// Rows of choice indices of block states.
    pub fn from_block_states(&self, states: &[u16], run: &Run<'_>) -> Result<Vec<u8>> {
        let (width, blocks) = (self.width(), self.blocks().len());
        let last: Vec<usize> = (0..blocks).map(|b| self.states_of(b) - 1).collect();
        let tables = self.state_tables();
        row_by_row(run, (states, blocks), width, |row, states, out: &mut [u8]| {
            for (b, (block, &state)) in self.blocks().iter().zip(states).enumerate() {
                if state as usize > last[b] {
                    return Err(Error::BlockState { row, block: block.name.clone(), state, last: last[b] });
                }
                let n = block.variables.len();
                let choices = match self.lawful() {
                    Some(lawful) => lawful.states[b].choices(state as usize),
                    None => &tables[b][state as usize * n..][..n],
                };
                out[block.variables.clone()].copy_from_slice(choices);
            }
            match self.is_lawful(out) {
                true => Ok(()),
                false => Err(self.unlawful_error(row, out)),
            }
        })
    }

    /// 64-bit index of each checked row: its place in the ascending order of choice indices.
    pub fn index(&self, rows: &[u8], run: &Run<'_>) -> Result<Vec<u64>> {
        self.indexed_size()?;
        let width = self.width();
        let cards: Vec<u64> = self.cards().map(|n| n as u64).collect();
        row_by_row(run, (rows, width), 1, |_, row, out: &mut [u64]| {
            out[0] = match self.lawful() {
                Some(lawful) => lawful.index(row),
                None => row.iter().zip(&cards).fold(0, |n, (&x, card)| n * card + u64::from(x)),
            };
            Ok(())
        })
    }

    /// Index of each checked row, in a space of any size.
    pub fn wide_index(&self, rows: &[u8]) -> Vec<BigUint> {
        let cards: Vec<usize> = self.cards().collect();
        let index = |row: &[u8]| match self.lawful() {
            Some(lawful) => lawful.wide_index(row),
            None => row.iter().zip(&cards).fold(BigUint::ZERO, |n, (&x, &card)| n * card + x),
        };
        rows.chunks_exact(self.width()).map(index).collect()
    }

    /// Rows of choice indices at indices of a space of any size.
    pub fn wide_at(&self, indices: Vec<BigUint>) -> Result<Vec<u8>> {
        let (size, cards) = (self.total(), self.cards().collect::<Vec<_>>());
        let mut out = zeros(indices.len(), self.width())?;
        for (row, (mut index, out)) in indices.into_iter().zip(out.chunks_exact_mut(self.width())).enumerate() {
            if index >= size {
                return Err(Error::WideIndex { row, index, size });
            }
            if let Some(lawful) = self.lawful() {
                lawful.wide_at(index, out);
                continue;
            }
            for (choice, &card) in out.iter_mut().zip(&cards).rev() {
                *choice = u8::try_from(&index % card).unwrap_or(0);
                index /= card;
            }
        }
        Ok(out)
    }

    /// Rows of choice indices at 64-bit indices.
    pub fn at(&self, indices: &[u64], run: &Run<'_>) -> Result<Vec<u8>> {
        let size = self.indexed_size()?;
        if let Some((row, &index)) = indices.iter().enumerate().find(|&(_, &index)| index >= size) {
            return Err(Error::Index { row, index, size });
        }
        self.decode_with(indices.len(), |row| indices[row], run)
    }

    /// Rows of the consecutive indices `start .. stop`.
    pub fn range(&self, start: u64, stop: u64, run: &Run<'_>) -> Result<Vec<u8>> {
        let size = self.indexed_size()?;
        if stop > size || start > stop {
            return Err(Error::Index { row: 0, index: start.max(stop.saturating_sub(1)), size });
        }
        let rows = usize::try_from(stop - start).unwrap_or(usize::MAX);
        self.decode_with(rows, |row| start + row as u64, run)
    }

    /// Rows whose indices a function of the row number gives; the indices are below the size.
    pub(crate) fn decode_with(
        &self,
        rows: usize,
        index_of: impl Fn(usize) -> u64 + Sync,
        run: &Run<'_>,
    ) -> Result<Vec<u8>> {
        let width = self.width();
        if let Some(lawful) = self.lawful() {
            return row_by_row(run, (&vec![(); rows], 1), width, |row, _, out: &mut [u8]| {
                lawful.at(index_of(row), out);
                Ok(())
            });
        }
        let tables = self.state_tables();
        row_by_row(run, (&vec![(); rows], 1), width, |row, _, out: &mut [u8]| {
            let mut rest = index_of(row);
            for (block, table) in self.blocks().iter().zip(&tables).rev() {
                let (n, states) = (block.variables.len(), block.states as u64);
                let state = (rest % states) as usize;
                rest /= states;
                out[block.variables.clone()].copy_from_slice(&table[state * n..][..n]);
            }
            Ok(())
        })
    }

    /// Readable strings of checked rows.
    pub fn format(&self, rows: &[u8], run: &Run<'_>) -> Result<Vec<String>> {
        let mut out = room(rows.len() / self.width(), 1)?;
        out.resize(rows.len() / self.width(), String::new());
        for_rows(run, (rows, self.width()), (&mut out, 1), |_, out, rows| {
            out.iter_mut().zip(rows.chunks_exact(self.width())).for_each(|(out, row)| *out = self.format_row(row));
            Ok(())
        })?;
        Ok(out)
    }

    /// Readable string of a checked row.
    pub(crate) fn format_row(&self, row: &[u8]) -> String {
        let mut text = String::with_capacity(4 * row.len());
        for (i, (variable, &x)) in self.variables().iter().zip(row).enumerate() {
            if i > 0 {
                text.push(if variable.block == self.variables()[i - 1].block { '_' } else { '-' });
            }
            text.push_str(&variable.tokens[x as usize]);
        }
        text
    }

    /// Rows of readable strings.
    pub fn parse<T: AsRef<str> + Sync>(&self, texts: &[T], run: &Run<'_>) -> Result<Vec<u8>> {
        let width = self.width();
        row_by_row(run, (texts, 1), width, |row, text, out: &mut [u8]| {
            let text = text[0].as_ref().trim();
            self.parse_row(text, out).map_err(|reason| Error::Text {
                row,
                text: text.chars().take(200).collect(),
                space: self.name().to_owned(),
                reason,
                example: self.format_row(&self.first()),
            })
        })
    }

    /// Choice indices of a readable text, or what is wrong with it.
    pub fn parse_row(&self, text: &str, out: &mut [u8]) -> std::result::Result<(), String> {
        let blocks: Vec<&str> = text.split('-').collect();
        if blocks.len() != self.blocks().len() {
            return Err(format!("it has {} blocks instead of {}", blocks.len(), self.blocks().len()));
        }
        for (block, part) in self.blocks().iter().zip(blocks) {
            let tokens: Vec<&str> = part.split('_').collect();
            if tokens.len() != block.variables.len() {
                let (found, expected) = (tokens.len(), block.variables.len());
                return Err(format!("{} has {found} variables instead of {expected}", block.name));
            }
            for (v, token) in block.variables.clone().zip(tokens) {
                let variable = &self.variables()[v];
                let found = variable.tokens.iter().position(|t| t == token);
                out[v] = found.ok_or_else(|| {
                    format!("{} is {token:?}, choose one of {}", variable.name, variable.tokens.join(", "))
                })? as u8;
            }
        }
        Ok(())
    }

    /// The first architecture.
    pub(crate) fn first(&self) -> Vec<u8> {
        let mut row = vec![0; self.width()];
        if let Some(lawful) = self.lawful() {
            lawful.wide_at(BigUint::ZERO, &mut row);
        }
        row
    }

    /// All architectures that differ from a checked row in one variable, and in those that its choice switches on,
    /// which take their first choices, off, or for others that are the same.
    pub fn neighbours(&self, row: &[u8]) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        for (v, variable) in self.variables().iter().enumerate().filter(|(v, variable)| !variable.is_inactive(row[*v]))
        {
            for choice in (0..variable.choices.len()).map(|c| c as u8).filter(|&c| c != row[v]) {
                let start = out.len();
                out.extend_from_slice(row);
                out[start + v] = choice;
                if self.has_rules() {
                    let (known, own) = out.split_at_mut(start);
                    let is_new = self.settle(own, |_| Some(0)).is_ok() && own != row;
                    if !is_new || known.chunks_exact(row.len()).any(|other| other == own) {
                        out.truncate(start);
                    }
                }
            }
        }
        out
    }

    /// Brings a row with choices in range into its canonical form, with the choices of a function for variables that
    /// have none; or says why it is no architecture.
    pub(crate) fn settle(
        &self,
        row: &mut [u8],
        fill: impl FnMut(usize) -> Option<u8>,
    ) -> std::result::Result<(), Unlawful> {
        let Some((all, listed)) = self.before_lists() else { return Ok(()) };
        self.rules().settle(self.variables(), row, fill)?;
        if listed.is_empty() {
            return Ok(());
        }
        match listed.get(&all.index(row)) {
            None => Ok(()),
            Some(None) => Err(Unlawful::Excluded),
            Some(&Some(first)) => {
                all.at(first, row);
                Ok(())
            }
        }
    }

    /// For each block, the choice indices of each of its states.
    fn state_tables(&self) -> Vec<Vec<u8>> {
        let table = |block: &Block| {
            let radices: Vec<(usize, usize)> = block.variables.clone().map(|v| self.radix(v)).collect();
            let choices = |state: usize| radices.iter().map(move |(card, inner)| (state / inner % card) as u8);
            (0..block.states).flat_map(choices).collect()
        };
        self.blocks().iter().map(table).collect()
    }
}

/// Joint state of some variables in a checked row: mixed radix, the last variable fastest.
pub(crate) fn joint_state(variables: Range<usize>, row: &[u8], cards: &[usize]) -> usize {
    variables.fold(0, |state, v| state * cards[v] + row[v] as usize)
}

#[cfg(test)]
mod tests {
    use crate::testing::{mnasnet, space_of};
    use crate::threads::ALONE;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_forms_round_trip(blocks in prop::collection::vec(prop::collection::vec(1usize..5, 1..4), 1..5), seed: u64) {
            let space = space_of(&blocks.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let rows = space.sample(50, seed, false).unwrap();
            space.check(&rows, &ALONE).unwrap();
            prop_assert_eq!(&space.at(&space.index(&rows, &ALONE).unwrap(), &ALONE).unwrap(), &rows);
            prop_assert_eq!(&space.from_block_states(&space.block_states(&rows, &ALONE).unwrap(), &ALONE).unwrap(), &rows);
            prop_assert_eq!(&space.parse(&space.format(&rows, &ALONE).unwrap(), &ALONE).unwrap(), &rows);
        }
    }

    #[test]
    fn enumeration_is_the_mixed_radix_order() {
        let space = space_of(&[&[2, 3], &[2]]);
        let rows = space.range(0, 12, &ALONE).unwrap();
        assert_eq!(&rows[..9], &[0, 0, 0, 0, 0, 1, 0, 1, 0]);
        assert_eq!(space.index(&rows, &ALONE).unwrap(), (0..12).collect::<Vec<u64>>());
        assert!(space.range(5, 13, &ALONE).unwrap_err().to_string().contains("0 to 11"));
    }

    #[test]
    fn neighbours_differ_in_one_variable() {
        let space = mnasnet();
        let row = space.sample(1, 3, false).unwrap();
        let all = space.neighbours(&row);
        assert_eq!(all.len() / 28, 7 * (2 + 1 + 2 + 1) + 1);
        for other in all.chunks_exact(28) {
            assert_eq!(other.iter().zip(&row).filter(|(a, b)| a != b).count(), 1);
        }
    }

    #[test]
    fn errors_name_row_variable_and_choices() {
        let space = space_of(&[&[2, 3], &[2]]);
        let messages = [
            (
                space.check(&[0, 0, 0, 0, 3, 0], &ALONE).unwrap_err(),
                "row 1: b0v1 has choice index 3; choose one of 0 to 2 (choices 0, 1, 2)",
            ),
            (
                space.from_block_states(&[0, 0, 6, 0], &ALONE).unwrap_err(),
                "row 1: block0 has state 6; choose one of 0 to 5",
            ),
            (
                space.at(&[3, 12], &ALONE).unwrap_err(),
                "row 1: index 12 is outside a space of 12 architectures; choose one of 0 to 11",
            ),
            (
                space.parse(&["p0_q0-p0", "p0_q7-p0"], &ALONE).unwrap_err(),
                "row 1: \"p0_q7-p0\" is not an architecture of \"test\": b0v1 is \"q7\", choose one of q0, q1, q2; an example is \"p0_q0-p0\"",
            ),
        ];
        for (error, expected) in messages {
            assert_eq!(error.to_string(), expected);
        }
        assert!(space.parse(&["p0"], &ALONE).unwrap_err().to_string().contains("it has 1 blocks instead of 2"));
        assert!(
            space.parse(&["p0-p0"], &ALONE).unwrap_err().to_string().contains("block0 has 1 variables instead of 2")
        );
    }
}
