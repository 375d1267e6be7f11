//! Jobs: independent parts of a search, each all architectures with the same states of the first levels.

/// Jobs in the order in which they are done, the most promising first.
#[derive(Debug)]
pub(crate) struct Promising {
    /// By place in the order: the number of the states that the job fixes.
    prefixes: Vec<u32>,
    /// The other way round.
    places: Vec<u32>,
    /// By place: an upper bound of every function.
    bounds: Vec<i32>,
    functions: usize,
    /// By place: what is promised, descending.
    promises: Vec<f64>,
}

impl Promising {
    /// Orders jobs by what upper bounds of so many functions promise.
    pub(crate) fn new(bounds: &[i32], functions: usize, promise: impl Fn(&[i32]) -> f64) -> Promising {
        let of_job = |job: &u32| &bounds[*job as usize * functions..][..functions];
        let promises: Vec<f64> = bounds.chunks_exact(functions).map(promise).collect();
        let mut prefixes: Vec<u32> = (0..promises.len() as u32).collect();
        prefixes.sort_by(|&a, &b| promises[b as usize].total_cmp(&promises[a as usize]));
        let mut places = vec![0; prefixes.len()];
        prefixes.iter().enumerate().for_each(|(place, &prefix)| places[prefix as usize] = place as u32);
        Promising {
            bounds: prefixes.iter().flat_map(of_job).copied().collect(),
            promises: prefixes.iter().map(|&prefix| promises[prefix as usize]).collect(),
            functions,
            prefixes,
            places,
        }
    }

    /// The number of the states that a job fixes.
    pub(crate) fn prefix(&self, job: usize) -> usize {
        self.prefixes[job] as usize
    }

    /// The job that fixes states with a number.
    pub(crate) fn place(&self, prefix: usize) -> usize {
        self.places[prefix] as usize
    }

    /// Upper bounds of all functions in a job.
    pub(crate) fn bounds(&self, job: usize) -> &[i32] {
        &self.bounds[job * self.functions..][..self.functions]
    }

    /// The most that a job promises which is not in ascending, disjoint ranges; none where all are.
    pub(crate) fn most_beside(&self, done: &[(usize, usize)]) -> Option<f64> {
        let first = done.first().filter(|range| range.0 == 0).map_or(0, |range| range.1);
        self.promises.get(first).copied()
    }
}

/// The states of some levels that have a number.
pub(crate) fn states_of(mut number: usize, cards: &[usize]) -> Vec<usize> {
    let mut states = vec![0; cards.len()];
    for (state, count) in states.iter_mut().zip(cards).rev() {
        *state = number % count;
        number /= count;
    }
    states
}
