//! Rows of choice indices, checked and turned into columns of bytes for the kernels.

use crate::space::Space;

/// Rows a kernel works on at a time; columns have this stride.
pub(crate) const ROWS: usize = 8192;

/// Two neighbouring variables share a column where their joint states are at most this many.
const MERGED_STATES: usize = 8;

/// One or two neighbouring variables of a block, their joint state in one byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) first: usize,
    pub(crate) len: usize,
    pub(crate) states: usize,
}

/// Columns of a space: pairs of variables (2i, 2i + 1) of one block where they are small, single variables else.
pub(crate) fn columns(space: &Space) -> Vec<Column> {
    let variables = space.variables();
    let card = |v: usize| variables[v].choices.len();
    let mut out = Vec::new();
    let mut v = 0;
    while v < variables.len() {
        let joint = v % 2 == 0
            && v + 1 < variables.len()
            && variables[v].block == variables[v + 1].block
            && card(v).min(card(v + 1)) > 1
            && card(v) * card(v + 1) <= MERGED_STATES;
        let (len, states) = if joint { (2, card(v) * card(v + 1)) } else { (1, card(v)) };
        out.push(Column { first: v, len, states });
        v += len;
    }
    out
}

/// Turns rows into columns.
#[derive(Debug)]
pub(crate) struct Packer {
    width: usize,
    columns: Vec<Column>,
    /// Last choice of each variable.
    last: Vec<u8>,
    /// For each block, the columns it is made of and their strides in its state.
    blocks: Vec<Vec<(usize, u8)>>,
}

impl Packer {
    pub(crate) fn new(space: &Space) -> Packer {
        let columns = columns(space);
        let blocks = space
            .blocks()
            .iter()
            .map(|block| {
                let inside = |(_, c): &(usize, &Column)| block.variables.contains(&c.first);
                let inside: Vec<_> = columns.iter().enumerate().filter(inside).collect();
                // The stride of a column is the states of the later ones; only a lone column may have 256.
                let stride = |i: usize| inside[i + 1..].iter().map(|(_, c)| c.states).product::<usize>() as u8;
                inside.iter().enumerate().map(|(i, &(c, _))| (c, stride(i))).collect()
            })
            .collect();
        let last = space.cards().map(|n| (n - 1) as u8).collect();
        Packer { width: space.width(), columns, last, blocks }
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Fills columns of stride [`ROWS`] from at most that many rows, the rest with zeros.
    ///
    /// Where a choice is out of range, gives the row and the variable.
    #[inline(always)]
    pub(crate) fn pack(&self, rows: &[u8], out: &mut [u8]) -> Result<(), (usize, usize)> {
        let n = rows.len() / self.width;
        let padded = n.next_multiple_of(16);
        for (c, column) in self.columns.iter().enumerate() {
            let out = &mut out[c * ROWS..][..padded];
            let (first, second) = (column.first, column.first + column.len - 1);
            let states = self.last[second] + 1;
            let mut bad = false;
            for (out, row) in out.iter_mut().zip(rows.chunks_exact(self.width)) {
                let (a, b) = (row[first], row[second]);
                bad |= a > self.last[first] || b > self.last[second];
                *out = if column.len == 2 { a.wrapping_mul(states).wrapping_add(b) } else { a };
            }
            out[n..].fill(0);
            if bad {
                return Err(self.first_bad(rows));
            }
        }
        Ok(())
    }

    /// The first row and variable out of range.
    #[cold]
    fn first_bad(&self, rows: &[u8]) -> (usize, usize) {
        let bad = |row: &[u8]| row.iter().zip(&self.last).position(|(x, last)| x > last);
        rows.chunks_exact(self.width).enumerate().find_map(|(i, row)| Some((i, bad(row)?))).unwrap_or((0, 0))
    }

    /// Columns of block states of packed columns.
    #[inline(always)]
    pub(crate) fn pack_blocks(&self, rows: usize, columns: &[u8], out: &mut [u8]) {
        let padded = rows.next_multiple_of(16);
        for (b, parts) in self.blocks.iter().enumerate() {
            let out = &mut out[b * ROWS..][..padded];
            out.fill(0);
            for &(c, stride) in parts {
                let column = &columns[c * ROWS..][..padded];
                for (out, &x) in out.iter_mut().zip(column) {
                    *out = out.wrapping_add(x.wrapping_mul(stride));
                }
            }
        }
    }
}
