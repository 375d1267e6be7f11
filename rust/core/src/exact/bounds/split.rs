//! Which levels jobs fix, and how the others are divided, so that a job can be counted by halves.

use crate::exact::fixed::network::Network;

/// Most joint states of a side; so few in tests that levels are looped over.
const LONGEST: usize = if cfg!(test) { 1 << 6 } else { 1 << 18 };

/// Most joint states that are looped over.
const LOOPED: usize = 1 << 12;

/// Few levels, of so many at most, with which all tables are over a single level more, in the order given; none where
/// there are no such.
pub(crate) fn hub(functions: &[Network], order: &[usize], most: usize) -> Option<Vec<usize>> {
    if functions.is_empty() || functions.iter().any(|function| !function.trees().is_empty()) {
        return None;
    }
    let is_hub = |hub: &[usize]| {
        let mut sets = functions.iter().flat_map(|function| function.all().map(|(set, _)| set.axes()));
        sets.all(|axes| axes.iter().filter(|&&axis| !hub.contains(&(axis as usize))).count() <= 1)
    };
    let pairs = order.iter().enumerate().flat_map(|(i, &a)| order[i + 1..].iter().map(move |&b| vec![a, b]));
    let all = [vec![]].into_iter().chain(order.iter().map(|&a| vec![a])).chain(pairs);
    all.into_iter().filter(|hub| hub.len() <= most).find(|hub| is_hub(hub))
}

/// How the levels that jobs leave open are divided.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) sides: [Vec<usize>; 2],
    pub(crate) looped: Vec<usize>,
}

impl Split {
    /// Divides levels of so many states, from one on, into sides of about equal length; none where too many joint states
    /// would be looped over, which bounds may exclude together.
    pub(crate) fn new(cards: &[usize], first: usize) -> Option<Split> {
        let mut levels: Vec<usize> = (first..cards.len()).collect();
        levels.sort_by_key(|&level| std::cmp::Reverse(cards[level]));
        let (mut split, mut lengths) = (Split { sides: [Vec::new(), Vec::new()], looped: Vec::new() }, [1, 1]);
        for level in levels {
            let shorter = usize::from(lengths[1] < lengths[0]);
            match lengths[shorter] * cards[level] <= LONGEST {
                true => {
                    lengths[shorter] *= cards[level];
                    split.sides[shorter].push(level);
                }
                false => split.looped.push(level),
            }
        }
        let looped = split.looped.iter().try_fold(1usize, |n, &level| n.checked_mul(cards[level]));
        looped.filter(|&looped| looped <= LOOPED).map(|_| split)
    }
}
