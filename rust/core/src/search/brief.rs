//! What an algorithm knows of its task, and the moves that all of them share.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::search::multilinear::Model;
use crate::search::stream::{Stream, scaled};

/// What an algorithm knows of its task.
#[derive(Clone, Debug)]
pub struct Brief {
    /// Number of choices of every variable.
    cards: Vec<u16>,
    /// Variables with two choices or more.
    free: Vec<usize>,
    /// Number of scores of an architecture.
    scores: usize,
    /// Number of evaluations.
    budget: u64,
    /// The objective as a function of independent random choices, where it has one.
    model: Option<Arc<Model>>,
}

impl Brief {
    pub(crate) fn new(cards: Vec<usize>, scores: usize, budget: u64, model: Option<Arc<Model>>) -> Result<Arc<Brief>> {
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
        Ok(Arc::new(Brief { cards, free, scores, budget, model }))
    }

    pub(crate) fn width(&self) -> usize {
        self.cards.len()
    }

    pub(crate) fn cards(&self) -> &[u16] {
        &self.cards
    }

    pub(crate) fn free(&self) -> &[usize] {
        &self.free
    }

    pub(crate) fn scores(&self) -> usize {
        self.scores
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    pub(crate) fn model(&self) -> Option<&Arc<Model>> {
        self.model.as_ref()
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
        for (a, b) in parents[0].chunks(64).zip(parents[1].chunks(64)) {
            let mut coins = stream.word();
            rows.extend(a.iter().zip(b).map(|(&a, &b)| {
                let chosen = if coins & 1 == 0 { a } else { b };
                coins >>= 1;
                chosen
            }));
        }
        self.mutate(stream, &mut rows[first..]);
    }

    /// Changes each variable with one chance in their number.
    pub(crate) fn mutate(&self, stream: &mut Stream, row: &mut [u8]) {
        let n = self.free.len();
        let mut at = 0;
        while at < n {
            // 16 bits of chance a variable: the odds are right within 1 in 65,536.
            let mut word = stream.word();
            for &variable in &self.free[at..n.min(at + 4)] {
                if (word as u16 as usize) * n < 1 << 16 {
                    self.change(variable, stream.halves()[0], row);
                }
                word >>= 16;
            }
            at += 4;
        }
    }
}
