//! What an algorithm knows of its task, and the moves that all of them share.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::search::problem::multilinear::Extension;
use crate::search::problem::stream::{Stream, scaled};
use crate::space::definition::Space;

/// More mutations at once than this are less likely than 2^-53.
const MOST_CHANGES: usize = 18;
/// Draws after which one that rules allow is drawn from all.
pub(crate) const TRIES: usize = 64;

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
    /// Epochs of the fidelities, ascending; none where there are no fidelities.
    pub(crate) epochs: Vec<u32>,
    /// Number of evaluations.
    pub(crate) budget: u64,
    /// Architectures to begin with, in place of as many random ones.
    start: Vec<u8>,
    /// The space, where its rules tie choices together.
    pub(crate) ruled: Option<Arc<Space>>,
    /// The objective as a function of independent random choices, where it has one.
    pub(crate) extension: Option<Arc<Extension>>,
}

impl Brief {
    pub(crate) fn new(
        cards: Vec<usize>,
        (scores, epochs): (usize, Vec<u32>),
        (budget, start): (u64, Vec<u8>),
        ruled: Option<Arc<Space>>,
        extension: Option<Arc<Extension>>,
    ) -> Result<Arc<Brief>> {
        let free: Vec<usize> = (0..cards.len()).filter(|&v| cards[v] > 1).collect();
        if free.is_empty() || ruled.as_ref().is_some_and(|space| space.size() == Some(1)) {
            return Err(Error::search(
                "every variable has one choice alone; leave at least one of them another choice",
            ));
        }
        if budget == 0 {
            return Err(Error::search("the budget is 0 evaluations; choose at least 1"));
        }
        let cards = cards.iter().map(|&n| n as u16).collect();
        let changes = chances(free.len());
        Ok(Arc::new(Brief { cards, free, changes, scores, epochs, budget, start, ruled, extension }))
    }

    pub(crate) fn width(&self) -> usize {
        self.cards.len()
    }

    /// Gives a variable another choice, uniform by 32 random bits.
    #[inline]
    fn change(&self, variable: usize, half: u64, row: &mut [u8]) {
        let other = scaled(half, self.cards[variable] as usize - 1) as u8;
        row[variable] = other + u8::from(other >= row[variable]);
    }
}

/// What one run of an algorithm draws architectures from: its task, and random numbers of its own.
pub(crate) struct Sampler {
    pub(crate) brief: Arc<Brief>,
    pub(crate) stream: Stream,
    /// Bytes of the architectures to begin with that were given.
    begun: usize,
}

impl Sampler {
    pub(crate) fn new(brief: Arc<Brief>, stream: Stream) -> Sampler {
        Sampler { brief, stream, begun: 0 }
    }

    pub(crate) fn width(&self) -> usize {
        self.brief.width()
    }

    /// Appends as many of the architectures to begin with as are left and wanted; says how many.
    pub(crate) fn begin(&mut self, most: usize, rows: &mut Vec<u8>) -> usize {
        let left = &self.brief.start[self.begun..];
        let given = &left[..left.len().min(most.saturating_mul(self.brief.width()))];
        rows.extend_from_slice(given);
        self.begun += given.len();
        given.len() / self.brief.width()
    }

    /// Appends uniform architectures, those to begin with first.
    pub(crate) fn random(&mut self, n: usize, rows: &mut Vec<u8>) {
        let n = n - self.begin(n, rows);
        if let Some(space) = &self.brief.ruled {
            let first = rows.len();
            rows.resize(first + n * space.width(), 0);
            rows[first..].chunks_exact_mut(space.width()).for_each(|row| space.draw(|| self.stream.word(), row));
            return;
        }
        // In registers for as long as this takes.
        let mut stream = self.stream.clone();
        for _ in 0..n {
            let choice = |&n: &u16| if n > 1 { scaled(stream.halves()[0], n as usize) as u8 } else { 0 };
            rows.extend(self.brief.cards.iter().map(choice));
        }
        self.stream = stream;
    }

    /// Gives one variable another choice, both uniform.
    #[inline]
    pub(crate) fn step(&mut self, row: &mut [u8]) {
        if self.brief.ruled.is_some() {
            return self.ruled_step(row);
        }
        let [place, choice] = self.stream.halves();
        self.brief.change(self.brief.free[scaled(place, self.brief.free.len())], choice, row);
    }

    /// The same where rules tie choices: of the variables that are active. Those that it switches on choose uniformly.
    fn ruled_step(&mut self, row: &mut [u8]) {
        let Some(space) = self.brief.ruled.clone() else { return };
        for _ in 0..TRIES {
            let [place, choice] = self.stream.halves();
            let v = self.brief.free[scaled(place, self.brief.free.len())];
            let choices = space.variables()[v].choices.len();
            if row[v] as usize == choices || choices == 1 {
                continue;
            }
            let mut child = row.to_vec();
            let other = scaled(choice, choices - 1) as u8;
            child[v] = other + u8::from(other >= row[v]);
            if self.settle(&space, &mut child) && child != row {
                return row.copy_from_slice(&child);
            }
        }
        space.draw(|| self.stream.word(), row);
    }

    /// Makes an architecture of choices, where rules allow it; those that lack one choose uniformly.
    fn settle(&mut self, space: &Space, row: &mut [u8]) -> bool {
        let fill = |v: usize| Some(scaled(self.stream.halves()[0], space.variables()[v].choices.len()) as u8);
        space.settle(row, fill).is_ok()
    }

    /// Makes an architecture of choices that were drawn one by one; says whether rules allow it.
    pub(crate) fn is_settled(&mut self, row: &mut [u8]) -> bool {
        match self.brief.ruled.clone() {
            Some(space) => self.settle(&space, row),
            None => true,
        }
    }

    /// A child of two parents: every choice is that of either one, then each changes with one chance in their number.
    pub(crate) fn cross(&mut self, parents: [&[u8]; 2], rows: &mut Vec<u8>) {
        let first = rows.len();
        rows.extend_from_slice(parents[0]);
        let (own, own_rest) = rows[first..].as_chunks_mut::<8>();
        let (other, other_rest) = parents[1].as_chunks::<8>();
        // Eight coins at a time, without branches, which nothing could predict.
        for (own, other) in own.iter_mut().zip(other) {
            let [a, b] = [*own, *other].map(u64::from_le_bytes);
            *own = (a ^ ((a ^ b) & coins(&mut self.stream))).to_le_bytes();
        }
        let coins = coins(&mut self.stream).to_le_bytes();
        for ((own, other), coin) in own_rest.iter_mut().zip(other_rest).zip(coins) {
            *own ^= (*own ^ other) & coin;
        }
        if self.brief.ruled.is_none() {
            return self.mutate(&mut rows[first..]);
        }
        if !self.is_settled(&mut rows[first..]) {
            rows[first..].copy_from_slice(parents[0]);
        }
        let draw = self.stream.unit();
        let changes = self.brief.changes.iter().take_while(|&&below| draw >= below).count();
        (0..changes).for_each(|_| self.ruled_step(&mut rows[first..]));
    }

    /// Changes each variable with one chance in their number.
    fn mutate(&mut self, row: &mut [u8]) {
        let (brief, stream) = (&*self.brief, &mut self.stream);
        let draw = stream.unit();
        let changes = brief.changes.iter().take_while(|&&below| draw >= below).count();
        let mut changed = [usize::MAX; MOST_CHANGES];
        for i in 0..changes {
            let variable = loop {
                let variable = brief.free[scaled(stream.halves()[0], brief.free.len())];
                if !changed[..i].contains(&variable) {
                    break variable;
                }
            };
            changed[i] = variable;
            brief.change(variable, stream.halves()[1], row);
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
            let brief = Brief::new(cards.clone(), (1, Vec::new()), (1, Vec::new()), None, None).unwrap();
            let (n, trials) = (brief.free.len() as f64, 200_000);
            let mut sampler = Sampler::new(brief.clone(), Stream::new(1, 2));
            let (mut unchanged, mut of_each) = (0.0, vec![0.0; cards.len()]);
            for _ in 0..trials {
                let mut row = vec![0; cards.len()];
                sampler.mutate(&mut row);
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
