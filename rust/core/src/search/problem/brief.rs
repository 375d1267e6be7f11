//! What an algorithm knows of its task, and the moves that all of them share.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::search::problem::multilinear::Extension;
use crate::search::problem::stream::{Stream, scaled};

/// More mutations at once than this are less likely than 2^-53.
const MOST_CHANGES: usize = 18;

/// What an algorithm knows of its task.
#[derive(Clone, Debug)]
pub struct Brief {
    /// Number of choices of every variable.
    pub(crate) cards: Vec<u16>,
    /// Variables with two choices or more.
    pub(crate) free: Vec<usize>,
    /// Chances of at most 0, 1, 2 … mutations.
    changes: Vec<f64>,
    /// Number of scores of an architecture.
    pub(crate) scores: usize,
    /// Number of evaluations.
    pub(crate) budget: u64,
    /// The objective as a function of independent random choices, where it has one.
    pub(crate) extension: Option<Arc<Extension>>,
}

impl Brief {
    pub(crate) fn new(
        cards: Vec<usize>,
        scores: usize,
        budget: u64,
        extension: Option<Arc<Extension>>,
    ) -> Result<Arc<Brief>> {
        let free: Vec<usize> = (0..cards.len()).filter(|&v| cards[v] > 1).collect();
        if free.is_empty() {
            return Err(Error::search(
                "every variable has one choice alone; leave at least one of them another choice",
            ));
        }
        if budget == 0 {
            return Err(Error::search("the budget is 0 evaluations; choose at least 1"));
        }
        let cards = cards.iter().map(|&n| n as u16).collect();
        let changes = chances(free.len());
        Ok(Arc::new(Brief { cards, free, changes, scores, budget, extension }))
    }

    pub(crate) fn width(&self) -> usize {
        self.cards.len()
    }

    /// Appends a uniform architecture.
    pub(crate) fn random(&self, stream: &mut Stream, rows: &mut Vec<u8>) {
        rows.extend(self.cards.iter().map(|&n| if n > 1 { scaled(stream.halves()[0], n as usize) as u8 } else { 0 }));
    }

    /// Gives one variable another choice, both uniform.
    #[inline]
    pub(crate) fn step(&self, stream: &mut Stream, row: &mut [u8]) {
        let [place, choice] = stream.halves();
        self.change(self.free[scaled(place, self.free.len())], choice, row);
    }

    /// Gives a variable another choice, uniform by 32 random bits.
    #[inline]
    fn change(&self, variable: usize, half: u64, row: &mut [u8]) {
        let other = scaled(half, self.cards[variable] as usize - 1) as u8;
        row[variable] = other + u8::from(other >= row[variable]);
    }

    /// A child of two parents: every choice is that of either one, then each changes with one chance in their number.
    pub(crate) fn cross(&self, stream: &mut Stream, parents: [&[u8]; 2], rows: &mut Vec<u8>) {
        let first = rows.len();
        rows.extend_from_slice(parents[0]);
        let (own, own_rest) = rows[first..].as_chunks_mut::<8>();
        let (other, other_rest) = parents[1].as_chunks::<8>();
        // Eight coins at a time, without branches, which nothing could predict.
        for (own, other) in own.iter_mut().zip(other) {
            let [a, b] = [*own, *other].map(u64::from_le_bytes);
            *own = (a ^ ((a ^ b) & coins(stream))).to_le_bytes();
        }
        let coins = coins(stream).to_le_bytes();
        for ((own, other), coin) in own_rest.iter_mut().zip(other_rest).zip(coins) {
            *own ^= (*own ^ other) & coin;
        }
        self.mutate(stream, &mut rows[first..]);
    }

    /// Changes each variable with one chance in their number.
    fn mutate(&self, stream: &mut Stream, row: &mut [u8]) {
        let draw = stream.unit();
        let changes = self.changes.iter().take_while(|&&below| draw >= below).count();
        let mut changed = [usize::MAX; MOST_CHANGES];
        for i in 0..changes {
            let variable = loop {
                let variable = self.free[scaled(stream.halves()[0], self.free.len())];
                if !changed[..i].contains(&variable) {
                    break variable;
                }
            };
            changed[i] = variable;
            self.change(variable, stream.halves()[1], row);
        }
    }
}

/// Eight bytes, each 0 or 255.
fn coins(stream: &mut Stream) -> u64 {
    (stream.word() & 0x0101_0101_0101_0101) * 0xff
}

/// Chances of at most 0, 1, 2 … of n changes, one in n each (binomial), as far as 64 bits of chance tell them from 1.
fn chances(n: usize) -> Vec<f64> {
    let p = 1.0 / n as f64;
    let (mut chance, mut sum, mut out) = (libm::pow(1.0 - p, n as f64), 0.0, Vec::new());
    for k in 0..n.min(MOST_CHANGES) {
        sum += chance;
        out.push(sum);
        chance *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p).max(f64::MIN_POSITIVE);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_binomial_and_uniform() {
        for cards in [vec![2], vec![3, 1, 2], vec![4; 28]] {
            let brief = Brief::new(cards.clone(), 1, 1, None).unwrap();
            let (n, trials) = (brief.free.len() as f64, 200_000);
            let mut stream = Stream::new(1, 2);
            let (mut unchanged, mut of_each) = (0.0, vec![0.0; cards.len()]);
            for _ in 0..trials {
                let mut row = vec![0; cards.len()];
                brief.mutate(&mut stream, &mut row);
                assert!(row.iter().zip(&cards).all(|(&c, &card)| (c as usize) < card));
                unchanged += f64::from(u8::from(row.iter().all(|&c| c == 0)));
                row.iter().zip(&mut of_each).for_each(|(&c, sum)| *sum += f64::from(u8::from(c > 0)));
            }
            let close = |found: f64, chance: f64| {
                let expected = chance * f64::from(trials);
                assert!((found - expected).abs() < 5.0 * expected.max(1.0).sqrt(), "{found} is not {expected}");
            };
            close(unchanged, (1.0 - 1.0 / n).powf(n));
            brief.free.iter().for_each(|&v| close(of_each[v], 1.0 / n));
        }
    }
}
