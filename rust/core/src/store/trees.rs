//! Forests as tensors: nodes in preorder, so that children need no numbers, and a value a leaf.

use safetensors::tensor::Dtype;

use crate::source::trees::{ChoiceSet, Forest, Node};
use crate::space::definition::Space;
use crate::store::tensors::{Read, Reader, Tensor, check_offsets, narrow_bytes, u32s};

/// Marks a leaf among the variables of nodes.
const LEAF: u16 = u16::MAX;

pub(crate) fn tensors(space: &Space, forests: &[Forest]) -> Vec<Tensor> {
    let nodes: Vec<&Node> = forests.iter().flat_map(|f| &f.nodes).collect();
    let (mut member_trees, mut tree_nodes) = (vec![0u32], vec![0u32]);
    for forest in forests {
        for t in 0..forest.tree_count() {
            tree_nodes.push(tree_nodes[tree_nodes.len() - 1] + forest.tree(t).len() as u32);
        }
        member_trees.push(tree_nodes.len() as u32 - 1);
    }
    let width = mask_bytes(space);
    let splits = nodes.iter().filter(|n| !n.is_leaf());
    let masks: Vec<u8> = splits.flat_map(|n| n.goes_left.to_bytes().into_iter().take(width)).collect();
    let variables = nodes.iter().map(|n| if n.is_leaf() { LEAF } else { n.variable as u16 });
    let variables = match is_narrow(space) {
        true => (Dtype::U8, variables.map(|v| v as u8).collect()),
        false => (Dtype::U16, variables.flat_map(u16::to_le_bytes).collect()),
    };
    let values: Vec<f64> = nodes.iter().filter(|n| n.is_leaf()).map(|n| n.value).collect();
    let (value_type, value_bytes) = narrow_bytes(&values);
    vec![
        ("forest.goes_left".into(), Dtype::U8, vec![masks.len() / width, width], masks),
        ("forest.values".into(), value_type, vec![values.len()], value_bytes),
        ("forest.variables".into(), variables.0, vec![nodes.len()], variables.1),
        u32s("forest.member_trees", &member_trees),
        u32s("forest.tree_nodes", &tree_nodes),
    ]
}

/// Bytes that hold a node's set of choices.
fn mask_bytes(space: &Space) -> usize {
    space.cards().max().unwrap_or(1).div_ceil(8)
}

/// Whether a byte holds the number of every variable and the mark of a leaf.
fn is_narrow(space: &Space) -> bool {
    space.width() < usize::from(u8::MAX)
}

/// The forests; a tree of one leaf is added to its member's constant.
pub(crate) fn read(reader: &Reader<'_>, space: &Space, constants: &mut [f64]) -> Read<Vec<Forest>> {
    let member_trees = reader.u32s("forest.member_trees")?;
    let tree_nodes = reader.u32s("forest.tree_nodes")?;
    let variables: Vec<u16> = match is_narrow(space) {
        true => {
            let (_, bytes) = reader.tensor("forest.variables", Dtype::U8, 1, u8::from_le_bytes)?;
            bytes.into_iter().map(|v| if v == u8::MAX { LEAF } else { u16::from(v) }).collect()
        }
        false => reader.tensor("forest.variables", Dtype::U16, 1, u16::from_le_bytes)?.1,
    };
    let (_, values) = reader.floats("forest.values", 1)?;
    let (shape, masks) = reader.tensor("forest.goes_left", Dtype::U8, 2, u8::from_le_bytes)?;
    let (width, leaves) = (mask_bytes(space), variables.iter().filter(|&&v| v == LEAF).count());
    if values.len() != leaves || shape != [variables.len() - leaves, width] {
        let splits = variables.len() - leaves;
        return Err(format!(
            "the forest tensors don't describe {leaves} leaves and {splits} splits, as forest.variables"
        ));
    }
    if let Some(v) = variables.iter().find(|&&v| v != LEAF && usize::from(v) >= space.width()) {
        return Err(format!("tensor forest.variables: a node splits on variable {v} of {}", space.width()));
    }
    check_offsets("forest.tree_nodes", &tree_nodes, variables.len())?;
    check_offsets("forest.member_trees", &member_trees, tree_nodes.len() - 1)?;
    if member_trees.len() != constants.len() + 1 {
        let (members, found) = (constants.len(), member_trees.len() - 1);
        return Err(format!("tensor forest.member_trees has {found} members, constants {members}"));
    }
    let (mut values, mut masks) = (values.into_iter(), masks.chunks_exact(width));
    let mut out = Vec::new();
    for (constant, trees) in constants.iter_mut().zip(member_trees.windows(2)) {
        let mut forest = Forest::constant(0.0);
        for t in trees[0] as usize..trees[1] as usize {
            let nodes = &variables[tree_nodes[t] as usize..tree_nodes[t + 1] as usize];
            let tree = tree(nodes, &mut values, &mut masks).ok_or_else(|| {
                format!("tensor forest.variables: the {} nodes of tree {t} are not one tree in preorder", nodes.len())
            })?;
            if let [leaf] = tree.as_slice() {
                *constant += leaf.value;
                continue;
            }
            forest.nodes.extend(tree);
            forest.offsets.push(forest.nodes.len());
        }
        out.push(forest);
    }
    Ok(out)
}

/// Links nodes in preorder; `None` where they end too early or go on after the last leaf.
fn tree<'a>(
    variables: &[u16],
    values: &mut impl Iterator<Item = f64>,
    masks: &mut impl Iterator<Item = &'a [u8]>,
) -> Option<Vec<Node>> {
    let mut nodes: Vec<Node> = Vec::with_capacity(variables.len());
    let mut open: Vec<usize> = Vec::new(); // splits that wait for their right child
    for (i, &variable) in variables.iter().enumerate() {
        let follows_leaf = nodes.last().is_some_and(Node::is_leaf);
        if follows_leaf {
            nodes[open.pop()?].right = i as u32;
        }
        if variable == LEAF {
            nodes.push(Node::leaf(values.next()?));
        } else {
            let goes_left = ChoiceSet::from_bytes(masks.next()?);
            nodes.push(Node { goes_left, variable: u32::from(variable), left: i as u32 + 1, right: 0, value: 0.0 });
            open.push(i);
        }
    }
    (open.is_empty() && nodes.last()?.is_leaf()).then_some(nodes)
}
