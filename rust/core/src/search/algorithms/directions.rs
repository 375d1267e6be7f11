//! Directions that are even over the simplex (Das and Dennis 1998).

/// All ways to write a number as an ordered sum of `m` numbers of at least 0.
pub(crate) fn compositions(m: usize, total: usize) -> Vec<Vec<usize>> {
    if m == 1 {
        return vec![vec![total]];
    }
    let with =
        |first: usize| compositions(m - 1, total - first).into_iter().map(move |rest| [vec![first], rest].concat());
    (0..=total).flat_map(with).collect()
}

/// Number of the ways, as far as it is not beyond a most.
fn count(m: usize, total: usize, most: usize) -> usize {
    (1..m).fold(1, |n: usize, i| n.saturating_mul(total + i).min(most.saturating_mul(i + 1)) / i)
}

/// The most directions of `m` objectives that so many members can follow, whose parts add up to 1: a lattice, and where
/// that would have none inside, a second one of half its size in the middle (Deb and Jain 2014).
pub(crate) fn directions(m: usize, members: usize) -> Vec<Vec<f64>> {
    if m == 1 {
        return vec![vec![1.0]];
    }
    let finest = |room: usize| (1..).take_while(|&parts| count(m, parts, 2 * members) <= room).last();
    let lattice = |parts: usize, shrink: f64| {
        let part = move |n: usize| (1.0 - shrink) / m as f64 + shrink * n as f64 / parts as f64;
        compositions(m, parts).into_iter().map(move |numbers| numbers.into_iter().map(part).collect())
    };
    let parts = finest(members).unwrap_or(1);
    let outer = finest(members.saturating_sub(m)).unwrap_or(1);
    if parts >= m {
        return lattice(parts, 1.0).collect();
    }
    let inner = finest(members.saturating_sub(count(m, outer, 2 * members))).unwrap_or(1).min(outer);
    lattice(outer, 1.0).chain(lattice(inner, 0.5)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_those_of_the_paper() {
        // Deb and Jain (2014), tables 1 and 2: 91 of 3 objectives, 210 of 5, and two layers of 8: 120 + 36.
        for (m, members, expected) in [(2, 100, 100), (3, 92, 91), (5, 212, 210), (8, 156, 156), (4, 100, 84)] {
            let found = directions(m, members);
            assert_eq!(found.len(), expected);
            assert!(found.iter().all(|d| d.len() == m && (d.iter().sum::<f64>() - 1.0).abs() < 1e-12));
        }
        assert!(directions(8, 156).iter().any(|d| d.iter().all(|&part| part > 0.0)));
        assert_eq!(directions(3, 2).len(), 6);
        assert_eq!(compositions(2, 2), [[0, 2], [1, 1], [2, 0]]);
    }
}
