//! Counting by halves: what a job leaves of its functions is often a sum over single levels, as where a job fixes the
//! accelerator and costs are sums over blocks.
//!
//! Levels are then divided into two sides, whose joint states are sorted by their part of a sum once. To count the
//! architectures that reach a limit, one side is gone through upwards and the other one downwards, so a job takes about
//! the square root of its architectures. Levels that would make the sides too long are looped over.

use crate::error::Result;
use crate::exact::bounds::frames::Frame;
use crate::exact::bounds::jobs::states_of;
use crate::exact::bounds::split::Split;
use crate::exact::bounds::tree::{Tree, Worker};
use crate::threads::Run;

/// Most functions that are counted by at once.
pub(crate) const MOST: usize = 2;

/// The joint states of some levels, with their part of each function's sum.
struct Side {
    levels: Vec<usize>,
    cards: Vec<usize>,
    /// By function.
    sums: Vec<Vec<i32>>,
    /// By function, joint states in ascending order of the sums.
    order: Vec<Vec<u32>>,
    /// By function, the sums in that order.
    sorted: Vec<Vec<i32>>,
}

impl Side {
    fn new(levels: &[usize], cards: &[usize], functions: &[&Frame]) -> Side {
        let sums = |function: &&Frame| {
            let add = |sums: Vec<i32>, &level: &usize| {
                let own = &function.unary[level][..cards[level]];
                sums.iter().flat_map(|&sum| own.iter().map(move |&cell| sum + cell)).collect()
            };
            levels.iter().fold(vec![0], add)
        };
        let sums: Vec<Vec<i32>> = functions.iter().map(sums).collect();
        let (mut order, mut sorted) = (Vec::new(), Vec::new());
        for sums in &sums {
            let mut pairs: Vec<(i32, u32)> = sums.iter().copied().zip(0..).collect();
            pairs.sort_unstable();
            order.push(pairs.iter().map(|pair| pair.1).collect());
            sorted.push(pairs.iter().map(|pair| pair.0).collect());
        }
        Side { levels: levels.to_vec(), cards: levels.iter().map(|&level| cards[level]).collect(), sums, order, sorted }
    }

    fn len(&self) -> usize {
        self.cards.iter().product()
    }

    /// By place in the order of one function, the place in that of another.
    fn places(&self, of: usize, within: usize) -> Vec<u32> {
        let mut places = vec![0; self.len()];
        self.order[within].iter().zip(0..).for_each(|(&state, place)| places[state as usize] = place);
        self.order[of].iter().map(|&state| places[state as usize]).collect()
    }

    /// Puts the states of the side's levels among those of all.
    fn write(&self, state: u32, states: &mut [usize]) {
        let own = states_of(state as usize, &self.cards);
        self.levels.iter().zip(own).for_each(|(&level, state)| states[level] = state);
    }
}

/// How many of some places are marked before another one.
struct Marks {
    words: Vec<u64>,
    /// By block of words, how many are marked before it.
    before: Vec<u32>,
    marked: u64,
}

const WORDS: usize = 8; // of a block

impl Marks {
    fn new(places: usize) -> Marks {
        let blocks = places / (64 * WORDS) + 1;
        Marks { words: vec![0; blocks * WORDS], before: vec![0; blocks], marked: 0 }
    }

    fn mark(&mut self, place: usize) {
        self.words[place / 64] |= 1 << (place % 64);
        self.before[place / (64 * WORDS) + 1..].iter_mut().for_each(|count| *count += 1);
        self.marked += 1;
    }

    /// How many are marked at a place and behind it.
    fn from(&self, place: usize) -> u64 {
        let (block, word) = (place / (64 * WORDS), place / 64);
        let whole: u32 = self.words[block * WORDS..word].iter().map(|w| w.count_ones()).sum();
        let part = (self.words[word] & ((1 << (place % 64)) - 1)).count_ones();
        self.marked - u64::from(self.before[block] + whole + part)
    }
}

/// A job whose levels a worker has entered, and whose functions are sums over the levels that it leaves open.
pub(crate) struct OpenJob<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) split: &'a Split,
    pub(crate) worker: &'a Worker,
}

impl<'a> OpenJob<'a> {
    fn frame(&self, function: usize) -> &'a Frame {
        &self.worker.frames[function][self.tree.job_depth()]
    }

    /// The largest value of every function.
    pub(crate) fn bounds(&self) -> Vec<i32> {
        let (depth, cards) = (self.tree.job_depth(), &self.tree.cards);
        let largest = |frame: &Frame| {
            let of_level = |level: usize| frame.unary[level][..cards[level]].iter().copied().max().unwrap_or(0);
            frame.constant + (depth..cards.len()).map(of_level).sum::<i32>()
        };
        (0..self.tree.functions.len()).map(|function| largest(self.frame(function))).collect()
    }

    /// Both sides, with the sums of one function, or of two.
    pub(crate) fn halves(&self, functions: &[usize]) -> Halves<'a> {
        let frames: Vec<&Frame> = functions.iter().map(|&function| self.frame(function)).collect();
        let side = |levels: &[usize]| Side::new(levels, &self.tree.cards, &frames);
        let [left, right] = &self.split.sides;
        Halves {
            tree: self.tree,
            states: self.worker.states.clone(),
            left: side(left),
            right: side(right),
            looped: side(&self.split.looped),
            constants: frames.iter().map(|frame| i64::from(frame.constant)).collect(),
        }
    }
}

/// The architectures of a job, by halves, for some of the functions.
pub(crate) struct Halves<'a> {
    tree: &'a Tree,
    states: Vec<usize>,
    left: Side,
    right: Side,
    looped: Side,
    /// What all architectures have, by function.
    constants: Vec<i64>,
}

/// A function's limit: sums from the first on may reach it, those from the second on surely do.
pub(crate) type Limit = (i32, i32);

impl Halves<'_> {
    /// Number of joint states.
    pub(crate) fn len(&self) -> u64 {
        (self.left.len() * self.right.len() * self.looped.len()) as u64
    }

    /// How often a count takes less than to look at all architectures.
    pub(crate) fn worthwhile(&self) -> usize {
        let (left, right) = (self.left.len(), self.right.len());
        left * right / (left + right) / 8
    }

    /// Counts the architectures that surely reach the limits of the functions; shows those that may, with the sums of
    /// the first function, and stops where that fails.
    pub(crate) fn count(
        &self,
        limits: &[Limit],
        run: &Run<'_>,
        mut show: impl FnMut(Vec<u8>, i64) -> Result<()>,
    ) -> Result<u64> {
        let (mut count, mut states) = (0, self.states.clone());
        let places = match limits {
            [_] => [Vec::new(), Vec::new()],
            _ => [self.left.places(1, 0), self.right.places(0, 1)],
        };
        for state in 0..self.looped.len() as u32 {
            run.check()?;
            self.looped.write(state, &mut states);
            let shift = |(constant, sums): (&i64, &Vec<i32>)| constant + i64::from(sums[state as usize]);
            let shifts: Vec<i64> = self.constants.iter().zip(&self.looped.sums).map(shift).collect();
            let open = |(&(least, sure), shift): (&Limit, &i64)| (i64::from(least) - shift, i64::from(sure) - shift);
            let open: Vec<(i64, i64)> = limits.iter().zip(&shifts).map(open).collect();
            let mut doubt = |left: u32, right: u32| {
                self.left.write(left, &mut states);
                self.right.write(right, &mut states);
                show(self.tree.levels.row(&states), shifts[0] + self.sum(0, left, right))
            };
            count += match open[..] {
                [limit] => self.of_one(limit, &mut doubt)?,
                _ => self.of_two((open[0], open[1]), &places, &mut doubt)?,
            };
        }
        Ok(count)
    }

    fn sum(&self, function: usize, left: u32, right: u32) -> i64 {
        i64::from(self.left.sums[function][left as usize]) + i64::from(self.right.sums[function][right as usize])
    }

    /// Goes through the left side upwards by a function: gives the place of each of its states, and how many of the right
    /// one's, in order, fall short of the limit surely, and possibly.
    fn pass(&self, function: usize, (least, sure): (i64, i64)) -> impl Iterator<Item = (usize, usize, usize)> {
        let (left, right) = (&self.left.sorted[function], &self.right.sorted[function]);
        let mut possibly = right.len();
        left.iter().enumerate().map(move |(place, &own)| {
            let reaches = |of_right: usize, limit: i64| i64::from(right[of_right]) >= limit - i64::from(own);
            while possibly > 0 && reaches(possibly - 1, sure) {
                possibly -= 1;
            }
            let mut surely = possibly;
            while surely > 0 && reaches(surely - 1, least) {
                surely -= 1;
            }
            (place, surely, possibly)
        })
    }

    fn of_one(&self, limit: (i64, i64), doubt: &mut impl FnMut(u32, u32) -> Result<()>) -> Result<u64> {
        let (left, right) = (&self.left.order[0], &self.right.order[0]);
        let mut count = 0;
        for (place, surely, possibly) in self.pass(0, limit) {
            count += (right.len() - possibly) as u64;
            right[surely..possibly].iter().try_for_each(|&state| doubt(left[place], state))?;
        }
        Ok(count)
    }

    /// Those that reach both limits: the second function says from which place on, in its order, the right side's
    /// states do; the first one which of them are there.
    fn of_two(
        &self,
        (first, second): ((i64, i64), (i64, i64)),
        places: &[Vec<u32>; 2],
        doubt: &mut impl FnMut(u32, u32) -> Result<()>,
    ) -> Result<u64> {
        let (left, right, [of_left, of_right]) = (&self.left.order, &self.right.order, places);
        let mut from = vec![0; self.left.len()];
        for (place, surely, possibly) in self.pass(1, second) {
            from[of_left[place] as usize] = possibly as u32;
            let state = left[1][place];
            let mut rest = right[1][surely..possibly].iter().filter(|&&other| self.sum(0, state, other) >= first.1);
            rest.try_for_each(|&other| doubt(state, other))?;
        }
        let (mut marks, mut count, mut last) = (Marks::new(self.right.len()), 0, self.right.len());
        for (place, surely, possibly) in self.pass(0, first) {
            of_right[possibly..last].iter().for_each(|&place| marks.mark(place as usize));
            last = possibly;
            count += marks.from(from[place] as usize);
            let state = left[0][place];
            let mut rest = right[0][surely..possibly].iter().filter(|&&other| self.sum(1, state, other) >= second.0);
            rest.try_for_each(|&other| doubt(state, other))?;
        }
        Ok(count)
    }
}
