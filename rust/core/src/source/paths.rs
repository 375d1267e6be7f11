//! Leaves of a tree and the paths to them.

use crate::source::trees::{ChoiceSet, Node};
use crate::space::definition::Space;

/// Variables that a leaf depends on, with the choices that reach it.
pub(crate) type Path = Vec<(u32, ChoiceSet)>;

/// Calls with every reachable leaf's path and node; the path holds only variables that matter.
pub(crate) fn for_each_leaf(space: &Space, tree: &[Node], mut call: impl FnMut(&Path, usize)) {
    /// What lies ahead: a node whose parent leaves these choices of a variable, or the way back to what was before.
    enum Step {
        Down(usize, Option<(u32, ChoiceSet)>),
        Up(u32, Option<ChoiceSet>),
    }
    // One path that changes on the way down and back: a tree as deep as a space is wide would copy it too often.
    let mut path = Path::new();
    let set = |path: &mut Path, variable: u32, choices: Option<ChoiceSet>| {
        let position = path.binary_search_by_key(&variable, |&(v, _)| v);
        match (position, choices) {
            (Ok(p), Some(choices)) => Some(std::mem::replace(&mut path[p].1, choices)),
            (Ok(p), None) => Some(path.remove(p).1),
            (Err(p), Some(choices)) => {
                path.insert(p, (variable, choices));
                None
            }
            (Err(_), None) => None,
        }
    };
    let mut stack = vec![Step::Down(0, None)];
    while let Some(step) = stack.pop() {
        let at = match step {
            Step::Up(variable, before) => {
                set(&mut path, variable, before);
                continue;
            }
            Step::Down(at, None) => at,
            Step::Down(at, Some((variable, after))) => {
                let before = set(&mut path, variable, Some(after));
                stack.push(Step::Up(variable, before));
                at
            }
        };
        let node = &tree[at];
        if node.is_leaf() {
            call(&path, at);
            continue;
        }
        let card = space.variables()[node.variable as usize].card();
        let before =
            path.binary_search_by_key(&node.variable, |&(v, _)| v).map_or(ChoiceSet::first(card), |p| path[p].1);
        for (child, after) in [(node.right, before.and_not(&node.goes_left)), (node.left, before.and(&node.goes_left))]
        {
            if !after.is_empty() {
                // A test that all choices pass does not make the leaf depend on the variable.
                let narrower = (after != before).then_some((node.variable, after));
                stack.push(Step::Down(child as usize, narrower));
            }
        }
    }
}
