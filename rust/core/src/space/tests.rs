//! Spaces with rules against what the rules say, row by row of the product.

use num_bigint::BigUint;
use proptest::prelude::*;

use crate::space::definition::Space;
use crate::space::rules::When;
use crate::testing::{ruled, spaces};
use crate::threads::ALONE;

/// All joint states of a space's variables, ascending.
fn product(space: &Space) -> Vec<Vec<u8>> {
    let longer = |rows: Vec<Vec<u8>>, card: usize| {
        rows.iter().flat_map(|row| (0..card as u8).map(move |c| [&row[..], &[c]].concat())).collect()
    };
    space.cards().fold(vec![Vec::new()], longer)
}

/// Whether an architecture has one of the named choices of every named variable.
fn has(space: &Space, row: &[u8], when: &When) -> bool {
    when.iter().all(|(name, choices)| {
        let v = space.variables().iter().position(|v| v.name == *name).unwrap();
        space.variables()[v].choices.get(row[v] as usize).is_some_and(|c| choices.list().contains(c))
    })
}

/// What the definition says of a row, before classes.
fn obeys(space: &Space, row: &[u8]) -> bool {
    let definition = space.definition();
    let is_right = |(v, variable): (usize, &crate::space::variables::Variable)| {
        let mut own = definition.conditions.iter().filter(|c| c.variables.contains(&variable.name));
        !variable.conditional || variable.is_inactive(row[v]) != own.any(|c| has(space, row, &c.when))
    };
    let is_settled = |name: &String, choice: &crate::space::variables::Choice| {
        let v = space.variables().iter().position(|v| v.name == *name).unwrap();
        space.variables()[v].choices.get(row[v] as usize).is_none_or(|c| c == choice)
    };
    space.variables().iter().enumerate().all(is_right)
        && !definition.forbidden.iter().any(|f| has(space, row, &f.when))
        && definition
            .equivalences
            .iter()
            .all(|e| !has(space, row, &e.when) || e.same_as.iter().all(|(name, choice)| is_settled(name, choice)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn architectures_are_the_rows_that_obey(flat in spaces(), seed: u64) {
        let space = ruled(&flat, seed);
        prop_assume!(space.cards().product::<usize>() < 40_000);
        let all = product(&space);
        let before: Vec<&Vec<u8>> = all.iter().filter(|row| obeys(&space, row)).collect();
        let classes = &space.definition().classes;
        let excluded = &space.definition().excluded;
        let is_first = |i: &usize| {
            classes.iter().all(|class| !class[1..].contains(&(*i as u64))) && !excluded.contains(&(*i as u64))
        };
        let expected: Vec<u8> =
            (0..before.len()).filter(is_first).flat_map(|i| before[i].clone()).collect();
        let size = (expected.len() / space.width()) as u64;
        prop_assert_eq!((space.size(), space.total()), (Some(size), BigUint::from(size)));
        let rows = space.range(0, size, &ALONE).unwrap();
        prop_assert_eq!(&rows, &expected);
        let indices: Vec<u64> = (0..size).collect();
        prop_assert_eq!(&space.index(&rows, &ALONE).unwrap(), &indices);
        let wide: Vec<BigUint> = indices.iter().map(|&i| i.into()).collect();
        prop_assert_eq!(&space.wide_index(&rows), &wide);
        prop_assert_eq!(&space.wide_at(wide).unwrap(), &rows);
        prop_assert_eq!(&space.from_block_states(&space.block_states(&rows, &ALONE).unwrap(), &ALONE).unwrap(), &rows);
        prop_assert_eq!(&space.parse(&space.format(&rows, &ALONE).unwrap(), &ALONE).unwrap(), &rows);
        prop_assert!(space.canonical(&rows, &ALONE).unwrap().is_none());
        // Whatever is no architecture is refused, or has a canonical form that is one.
        for row in all.iter().take(3000) {
            let is_one = expected.chunks_exact(space.width()).any(|own| own == row);
            prop_assert_eq!(space.check(row, &ALONE).is_ok(), is_one);
            match space.canonical(row, &ALONE) {
                Ok(canonical) => {
                    prop_assert_eq!(canonical.is_none(), is_one);
                    prop_assert!(space.check(canonical.as_ref().unwrap_or(row), &ALONE).is_ok());
                }
                Err(_) => prop_assert!(!is_one),
            }
        }
        for row in rows.chunks_exact(space.width()).take(20) {
            let near = space.neighbours(row);
            prop_assert!(space.check(&near, &ALONE).is_ok() && near.chunks_exact(space.width()).all(|n| n != row));
        }
        let sample = space.sample(50, seed, false).unwrap();
        space.check(&sample, &ALONE).unwrap();
        let mut distinct = space.index(&space.sample(size.min(300) as usize, seed, true).unwrap(), &ALONE).unwrap();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len() as u64, size.min(300));
    }
}
