//! Random spaces and forests for the tests of several modules.

use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use crate::rng::uniform;
use crate::source::trees::{ChoiceSet, Forest, Node};
use crate::space::definition::{BlockDefinition, Space, SpaceDefinition};
use crate::space::rules::{Choices, ConditionDefinition, EquivalenceDefinition, ForbiddenDefinition, When};
use crate::space::variables::{Choice, VariableDefinition};
use crate::surrogate::uncertainty::Uncertainty;
use crate::threads::{ALONE, Run};

pub(crate) static RUNNING: AtomicBool = AtomicBool::new(false);

/// A run on one thread that nobody stops.
pub(crate) fn run() -> Run<'static> {
    Run { threads: Some(1), rows: usize::MAX, cancelled: &RUNNING }
}

/// Spaces of one to five blocks of one to three variables of one to five choices.
pub(crate) fn spaces() -> impl Strategy<Value = Space> {
    prop::collection::vec(prop::collection::vec(1usize..6, 1..4), 1..6)
        .prop_map(|blocks| space_of(&blocks.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

/// Random trees of at most `depth` levels that split on at most `variables` of the space's variables.
pub(crate) fn forest(space: &Space, trees: usize, depth: usize, variables: usize, seed: u64) -> Forest {
    let mut counter = 0;
    let mut draw = |bound: usize| {
        counter += 1;
        uniform(seed, counter, bound as u64) as usize
    };
    let mut out = Forest::constant(draw(100) as f64 / 7.0);
    out.scale = 0.5;
    for _ in 0..trees {
        let allowed: Vec<usize> = (0..variables).map(|_| draw(space.width())).collect();
        let mut tree = vec![Node::leaf(draw(2000) as f64 / 300.0 - 3.0)];
        let mut open = vec![(0usize, 0usize)];
        while let Some((at, level)) = open.pop() {
            if level == depth || draw(8) == 0 {
                continue;
            }
            let variable = allowed[draw(allowed.len())];
            let card = space.variables()[variable].card();
            let goes_left = (0..card).filter(|_| draw(2) == 0).fold(ChoiceSet::EMPTY, ChoiceSet::with);
            let (left, right) = (tree.len() as u32, tree.len() as u32 + 1);
            tree[at] = Node { goes_left, variable: variable as u32, left, right, value: 0.0 };
            for child in [left, right] {
                tree.push(Node::leaf(draw(2000) as f64 / 300.0 - 3.0));
                open.push((child as usize, level + 1));
            }
        }
        out.nodes.extend(tree);
        out.offsets.push(out.nodes.len());
    }
    out
}

/// A valid uncertainty of a space.
pub(crate) fn uncertainty_of(space: &Space) -> Uncertainty {
    let choices: usize = space.cards().sum();
    Uncertainty {
        noise: Some(0.02),
        residual: 0.1,
        factors: (0..choices).map(|c| 0.5 + c as f64 / choices as f64).collect(),
        scores: (0..99).map(|i| i as f32 / 40.0).collect(),
        training: space.range(0, 5.min(space.size().unwrap_or(5)), &ALONE).unwrap(),
        degrees_of_freedom: Some(4.5),
    }
}

pub(crate) fn space_of(blocks: &[&[usize]]) -> Space {
    let blocks = blocks
        .iter()
        .enumerate()
        .map(|(b, cards)| BlockDefinition {
            name: format!("block{b}"),
            variables: cards
                .iter()
                .enumerate()
                .map(|(v, &n)| VariableDefinition {
                    name: format!("b{b}v{v}"),
                    symbol: Some(["p", "q", "r", "s", "t", "u"][v].to_owned()),
                    choices: (0..n as i64).map(Choice::Int).collect(),
                    labels: None,
                })
                .collect(),
        })
        .collect();
    Space::new(SpaceDefinition::product("test".to_owned(), blocks)).unwrap()
}

/// A space with random rules of every kind: some of those asked for may be left out, so that architectures remain.
pub(crate) fn ruled(space: &Space, seed: u64) -> Space {
    let mut counter = 0;
    let mut draw = |bound: usize| {
        counter += 1;
        uniform(seed ^ 0x5eed, counter, bound as u64) as usize
    };
    let variables = space.variables();
    let mut definition = space.definition().clone();
    let named = |v: usize, c: usize| (variables[v].name.clone(), variables[v].choices[c].clone());
    let some = |v: usize, draw: &mut dyn FnMut(usize) -> usize| {
        let choices = (0..1 + draw(2)).map(|_| variables[v].choices[draw(variables[v].choices.len())].clone());
        (variables[v].name.clone(), Choices::Several(choices.collect()))
    };
    for _ in 0..draw(6) {
        let mut next = definition.clone();
        let (a, b, c) = (draw(space.width()), draw(space.width()), draw(space.width()));
        let mut when: When = [some(a, &mut draw)].into();
        when.extend((draw(2) == 0).then(|| some(b, &mut draw)));
        match draw(4) {
            0 => next.forbidden.push(ForbiddenDefinition { when }),
            1 => {
                let same_as = [named(c, draw(variables[c].choices.len()))].into();
                next.equivalences.push(EquivalenceDefinition { when, same_as });
            }
            2 if next.classes.is_empty() && next.excluded.is_empty() => {
                let Some(size) = Space::new(next.clone()).ok().and_then(|s| s.size()) else { continue };
                let mut members: Vec<u64> = (0..1 + draw(9)).map(|_| draw(size as usize) as u64).collect();
                members.sort_unstable();
                members.dedup();
                let half = members.len() / 2;
                next.classes = [members[..half].to_vec(), members[half..].to_vec()].into();
                next.classes.retain(|class| !class.is_empty());
                // Some of them are none instead.
                if draw(2) == 0 {
                    next.excluded = next.classes.pop().unwrap_or_default();
                }
            }
            _ => next.conditions.push(ConditionDefinition { variables: vec![variables[c].name.clone()], when }),
        }
        if Space::new(next.clone()).is_ok() {
            definition = next;
        }
    }
    Space::new(definition).unwrap()
}

/// The shape of the MnasNet space.
pub(crate) fn mnasnet() -> Space {
    space_of(&[&[3, 2, 3, 2], &[3, 2, 3, 2], &[3, 2, 3, 2], &[3, 2, 3, 2], &[3, 2, 3, 2], &[3, 2, 4, 2], &[3, 2, 3, 2]])
}
