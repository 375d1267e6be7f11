//! Programs that tell a tree's leaves apart: bits of codes, selected among the answers to splits.
//!
//! An answer of many rows to a split is a bit plane. A leaf's code has at most six bits; each is a plane, too: that of a
//! split selects between those of its sides, down to where all leaves agree. A tree of more than 64 leaves becomes
//! pieces of 63, whose code 0 says that the leaf is another's.

use crate::kernels::forest::fixed::BITS;
use crate::kernels::forest::planes::BYTES;
use crate::kernels::forest::tree::{Part, Reached};

/// Leaves that codes tell apart.
pub(crate) const CODES: usize = 64;
/// Bits of a code.
pub(crate) const CODE_BITS: usize = 6;
/// Bytes of a leaf.
pub(crate) const DIGITS: usize = BITS as usize / 8;
/// Planes before those of splits: one of zeros, and one of ones.
pub(crate) const CONSTANTS: usize = 2;
/// Planes of a split: its answers, and their opposites.
pub(crate) const OF_SPLIT: usize = 2;
/// Selections from which on a tree of at most six levels is faster as a complete one.
const COMPLETE_PAYS: usize = 28;

/// Where a plane begins among the bytes of all.
pub(crate) type Start = u32;

/// One selection: where plane `on` is set that of `then`, else `otherwise`, into plane `out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Select {
    pub(crate) out: Start,
    pub(crate) on: Start,
    pub(crate) then: Start,
    pub(crate) otherwise: Start,
}

/// How the code's planes are found.
#[derive(Debug)]
pub(crate) enum Code {
    /// By selections; then the planes of the bits, the lowest first.
    Selects(Vec<Select>, [Start; CODE_BITS]),
    /// By the planes of a complete tree's splits, level by level, that of the root first.
    Complete(Box<[Start; CODES - 1]>),
}

/// Digits of 64 leaves, of the lowest order first.
pub(crate) type Leaves = [[u8; CODES]; DIGITS];

/// At most 64 leaves of a tree.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) code: Code,
    pub(crate) leaves: Box<Leaves>,
    /// Bits that its codes need.
    pub(crate) bits: usize,
}

impl Piece {
    /// Tables of 16 leaves that its codes reach.
    pub(crate) fn tables(&self) -> usize {
        1 << self.bits.saturating_sub(4)
    }
}

/// The planes that programs use for what they have selected, behind the constants and the splits.
#[derive(Debug)]
pub(crate) struct Slots {
    first: usize,
    free: Vec<Start>,
    /// Number of planes in all.
    pub(crate) planes: usize,
}

impl Slots {
    pub(crate) fn new(splits: usize) -> Slots {
        let first = CONSTANTS + OF_SPLIT * splits;
        Slots { first, free: Vec::new(), planes: first }
    }

    fn take(&mut self) -> Start {
        self.free.pop().unwrap_or_else(|| {
            self.planes += 1;
            start(self.planes - 1)
        })
    }

    fn give_back(&mut self, plane: Start) {
        if plane >= start(self.first) && !self.free.contains(&plane) {
            self.free.push(plane);
        }
    }
}

fn start(plane: usize) -> Start {
    (BYTES * plane) as Start
}

/// The planes of a split's answers, and of their opposites.
fn of_split(split: usize) -> [Start; OF_SPLIT] {
    std::array::from_fn(|opposite| start(CONSTANTS + OF_SPLIT * split + opposite))
}

/// The pieces of a tree, given its leaves in fixed point.
pub(crate) fn pieces(reached: &Reached, values: &[u32], slots: &mut Slots) -> Vec<Piece> {
    let root = reached.parts.len() - 1;
    let leaves = reached.leaves.len();
    if leaves <= CODES {
        let bits = leaves.next_power_of_two().trailing_zeros() as usize;
        let mut codes = vec![0; leaves];
        assign(reached, root, 0, bits, &mut codes);
        let piece = Program { reached, codes: &codes, slots, selects: Vec::new() }.piece(root, bits, values);
        let depth = reached.parts[root].depth;
        return match &piece.code {
            Code::Selects(selects, _) if selects.len() >= COMPLETE_PAYS && depth <= CODE_BITS => {
                vec![complete(reached, root, values)]
            }
            _ => vec![piece],
        };
    }
    let of_piece = |first: usize| {
        let mut codes = vec![0; leaves];
        (1..CODES as u8).zip(&mut codes[first..]).for_each(|(i, code)| *code = i);
        Program { reached, codes: &codes, slots, selects: Vec::new() }.piece(root, CODE_BITS, values)
    };
    (0..leaves).step_by(CODES - 1).map(of_piece).collect()
}

/// Gives leaves codes from `first` on, a multiple of 2^`bits`: each side half of them where it fits. Else leaves follow
/// each other in a Gray code, in which few bits differ among neighbours.
fn assign(reached: &Reached, at: usize, first: u8, bits: usize, codes: &mut [u8]) {
    let part = &reached.parts[at];
    if part.split.is_none() {
        codes[part.first] = first;
        return;
    }
    let [left, right] = [part.left, part.right].map(|side| reached.parts[side].end - reached.parts[side].first);
    match bits > 0 && left.max(right) <= 1 << (bits - 1) {
        true => {
            assign(reached, part.left, first, bits - 1, codes);
            assign(reached, part.right, first + (1 << (bits - 1)), bits - 1, codes);
        }
        false => {
            let gray = |i: u8| i ^ i >> 1;
            (0..).zip(&mut codes[part.first..part.end]).for_each(|(i, code)| *code = first + gray(i));
        }
    }
}

/// A tree of at most six levels as a complete one: below a leaf everything goes left.
fn complete(reached: &Reached, root: usize, values: &[u32]) -> Piece {
    let mut splits = Box::new([0; CODES - 1]);
    let mut leaves = Box::new([[0; CODES]; DIGITS]);
    let mut open = vec![(root, 0usize)];
    while let Some((at, mut place)) = open.pop() {
        let part = &reached.parts[at];
        match part.split {
            Some(split) => {
                [splits[place], _] = of_split(split);
                open.extend([(part.left, 2 * place + 1), (part.right, 2 * place + 2)]);
            }
            None => {
                while place < CODES - 1 {
                    place = 2 * place + 1;
                }
                set(&mut leaves, place - (CODES - 1), values[reached.leaves[part.first]]);
            }
        }
    }
    Piece { code: Code::Complete(splits), leaves, bits: CODE_BITS }
}

fn set(leaves: &mut Leaves, code: usize, value: u32) {
    for (digit, byte) in leaves.iter_mut().zip(value.to_le_bytes()) {
        digit[code] = byte;
    }
}

/// A piece in the making.
struct Program<'a> {
    reached: &'a Reached,
    /// Code of each leaf; 0 of those of other pieces, too.
    codes: &'a [u8],
    slots: &'a mut Slots,
    selects: Vec<Select>,
}

impl Program<'_> {
    fn piece(mut self, root: usize, bits: usize, values: &[u32]) -> Piece {
        let mut leaves = Box::new([[0; CODES]; DIGITS]);
        let several = self.reached.leaves.len() > CODES;
        for (&code, &node) in self.codes.iter().zip(&self.reached.leaves) {
            if code > 0 || !several {
                set(&mut leaves, usize::from(code), values[node]);
            }
        }
        let planes = self.planes(root, bits);
        planes.iter().for_each(|&plane| self.slots.give_back(plane));
        Piece { code: Code::Selects(self.selects, planes), leaves, bits }
    }

    /// The planes of the bits of a part's code.
    fn planes(&mut self, at: usize, bits: usize) -> [Start; CODE_BITS] {
        let part = self.reached.parts[at];
        let codes = &self.codes[part.first..part.end];
        let (all, any) = codes.iter().fold((u8::MAX, 0), |(all, any), code| (all & code, any | code));
        let Part { split: Some(split), left, right, .. } = part else { return constants(any) };
        if all == any {
            return constants(any);
        }
        let (left, right) = (self.planes(left, bits), self.planes(right, bits));
        let ([on, opposite], [zeros, ones]) = (of_split(split), [start(0), start(1)]);
        let mut planes = [0; CODE_BITS];
        for bit in 0..bits {
            let (then, otherwise) = (right[bit], left[bit]);
            planes[bit] = match [then, otherwise] {
                _ if then == otherwise => then,
                sides if sides == [ones, zeros] => on,
                sides if sides == [zeros, ones] => opposite,
                _ => {
                    // Given back first: a selection reads its planes before it writes.
                    [then, otherwise].into_iter().for_each(|plane| self.slots.give_back(plane));
                    let out = self.slots.take();
                    self.selects.push(Select { out, on, then, otherwise });
                    out
                }
            };
        }
        planes
    }
}

/// The constant planes of a code's bits.
fn constants(code: u8) -> [Start; CODE_BITS] {
    std::array::from_fn(|bit| start(usize::from(code >> bit & 1)))
}
