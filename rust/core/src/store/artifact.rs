//! The artifact of one metric: a safetensors file, written and read here alone. See docs/reference/FORMAT.md.
//!
//! Files may come from strangers: every length, index and value is checked before use, and memory
//! stays within a small multiple of the file.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::Link;
use crate::space::definition::Space;
use crate::store::tensors::{Read, Reader, Tensor, bytes_of, check_offsets, f32s, f64s, narrow_bytes, u16s, u32s};
use crate::store::trees;
use crate::surrogate::ensemble::Surrogate;
use crate::surrogate::repeats::Repeats;
use crate::surrogate::uncertainty::Uncertainty;
use crate::tables::axes::{AxisSet, Granularity, MAX_ORDER, starts};
use crate::tables::stored::{Form, Tables};

/// The newest version of the format that this code reads.
pub const FORMAT_VERSION: u32 = PLATEAU_VERSION;
/// The version of links with a ceiling or a floor.
pub(crate) const PLATEAU_VERSION: u32 = 5;
/// The version of links with a limit that is never reached, and of errors with heavy tails.
pub(crate) const LIMIT_VERSION: u32 = 4;
/// The version of spaces with rules.
pub(crate) const RULES_VERSION: u32 = 3;
/// The version of tables as they are given.
pub(crate) const GIVEN_VERSION: u32 = 2;
/// The oldest one, which is written of all that it can hold.
pub(crate) const FIRST_VERSION: u32 = 1;
/// The one metadata key; its value is JSON, so that equal artifacts are equal bytes.
const METADATA_KEY: &str = "accelnas";
/// Marks the unused axes of a set.
const NO_AXIS: u16 = u16::MAX;
const MAX_MEMBERS: usize = 1024;
/// Prefixes of the tensors that hold the groups for the mean and for the members.
const GROUPS: [&str; 2] = ["mean_groups", "member_groups"];

/// What an artifact says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub format_version: u32,
    pub metric: String,
    pub link: Link,
    pub granularity: String,
    #[serde(default, skip_serializing_if = "is_purified")]
    pub form: Form,
    pub space_sha256: String,
    /// Hashes of data and source models, library versions, verified bounds.
    pub provenance: BTreeMap<String, String>,
}

fn is_purified(form: &Form) -> bool {
    *form == Form::Purified
}

/// Serialises a metric's parts; equal input gives equal bytes.
pub fn to_bytes(
    space: &Space,
    header: &Header,
    surrogate: &Surrogate,
    uncertainty: Option<&Uncertainty>,
) -> Result<Vec<u8>> {
    if let Some(uncertainty) = uncertainty {
        uncertainty.check(space).map_err(Error::model)?;
    }
    let tables = &surrogate.tables;
    let members = surrogate.members();
    let axes: Vec<u16> = tables
        .sets
        .iter()
        .flat_map(|set| (0..MAX_ORDER).map(|i| set.axes().get(i).copied().unwrap_or(NO_AXIS)))
        .collect();
    let (dtype, cells) = narrow_bytes(&(0..members).flat_map(|m| tables.compact(m)).collect::<Vec<_>>());
    let mut tensors: Vec<Tensor> = vec![
        f64s("constants", &surrogate.constants),
        ("table_axes".into(), Dtype::U16, vec![tables.sets.len(), MAX_ORDER], bytes_of(&axes, u16::to_le_bytes)),
        ("table_cells".into(), dtype, vec![members, tables.compact_len()], cells),
    ];
    for (name, groups) in GROUPS.iter().zip(&surrogate.groups) {
        let offsets: Vec<u32> = starts(groups.iter().map(Vec::len)).into_iter().map(|o| o as u32).collect();
        tensors.push(u16s(format!("{name}.axes"), &groups.concat()));
        tensors.push(u32s(format!("{name}.offsets"), &offsets));
    }
    if !surrogate.forests.is_empty() {
        tensors.extend(trees::tensors(space, &surrogate.forests));
    }
    if let Some(repeats) = &surrogate.repeats {
        tensors.extend([u32s("repeats.offsets", &repeats.offsets), f64s("repeats.values", &repeats.values)]);
    }
    tensors.extend(uncertainty.into_iter().flat_map(|uncertainty| uncertainty_tensors(space, uncertainty)));
    let json = serde_json::to_string(header).map_err(|e| Error::model(e.to_string()))?;
    let metadata = std::collections::HashMap::from([(METADATA_KEY.to_owned(), json)]);
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| {
            TensorView::new(*dtype, shape.clone(), data).map(|view| (name.as_str(), view))
        })
        .collect::<std::result::Result<Vec<_>, _>>();
    views.and_then(|views| safetensors::serialize(views, Some(metadata))).map_err(|e| Error::model(e.to_string()))
}

fn uncertainty_tensors(space: &Space, uncertainty: &Uncertainty) -> Vec<Tensor> {
    let training = &uncertainty.training;
    let shape = vec![training.len() / space.width(), space.width()];
    let mut out = vec![
        f64s("uncertainty.residual", &[uncertainty.residual]),
        f64s("uncertainty.factors", &uncertainty.factors),
        f32s("uncertainty.scores", &uncertainty.scores),
        ("uncertainty.training".into(), Dtype::U8, shape, training.clone()),
    ];
    out.extend(uncertainty.noise.map(|noise| f64s("uncertainty.noise", &[noise])));
    out.extend(uncertainty.degrees_of_freedom.map(|freedom| f64s("uncertainty.degrees_of_freedom", &[freedom])));
    out
}

/// Reads and checks the artifact of a metric of a space.
pub fn from_bytes(path: &Path, bytes: &[u8], space: &Space) -> Result<(Header, Surrogate, Option<Uncertainty>)> {
    let fail = |reason: String| Error::artifact(path, reason);
    let header = read_header(path, bytes)?;
    if header.space_sha256 != space.sha256() {
        return Err(fail(format!(
            "compiled for the space {}, the benchmark's space is {}; recompile it",
            header.space_sha256,
            space.sha256()
        )));
    }
    let file = SafeTensors::deserialize(bytes).map_err(|e| fail(format!("not a safetensors file: {e}")))?;
    let reader = Reader::new(&file);
    let surrogate = read_surrogate(&reader, space, &header).map_err(fail)?;
    surrogate.check(space).map_err(fail)?;
    let uncertainty = read_uncertainty(&reader, space).map_err(fail)?;
    Ok((header, surrogate, uncertainty))
}

fn read_header(path: &Path, bytes: &[u8]) -> Result<Header> {
    let fail = |reason: String| Error::artifact(path, reason);
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|e| fail(format!("not a safetensors file, or cut short: {e}")))?;
    let json = metadata
        .metadata()
        .as_ref()
        .and_then(|m| m.get(METADATA_KEY))
        .ok_or_else(|| fail(format!("metadata has no {METADATA_KEY:?}; it is no accelnas artifact")))?;
    let versioned: Versioned = serde_json::from_str(json).map_err(|e| fail(format!("metadata: {e}")))?;
    versioned.check(path)?;
    serde_json::from_str(json).map_err(|e| fail(format!("metadata: {e}")))
}

/// What all versions of a text say of themselves.
#[derive(Deserialize)]
pub(crate) struct Versioned {
    format_version: u32,
}

impl Versioned {
    /// Refuses a version that this code does not read.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        let found = self.format_version;
        let remedy = match found {
            FIRST_VERSION..=FORMAT_VERSION => return Ok(()),
            0 => "recompile the benchmark",
            _ => "update accelnas",
        };
        Err(Error::Version { path: path.to_owned(), found, supported: FORMAT_VERSION, remedy })
    }
}

fn read_surrogate(reader: &Reader<'_>, space: &Space, header: &Header) -> Read<Surrogate> {
    let mut constants = reader.f64s("constants")?;
    if constants.is_empty() || constants.len() > MAX_MEMBERS {
        return Err(format!("tensor constants has {} members, expected 1 to {MAX_MEMBERS}", constants.len()));
    }
    let tables = read_tables(reader, space, header, constants.len())?;
    let [mean, member] = GROUPS.map(|name| read_groups(reader, name));
    let groups = [mean?, member?];
    let forests = if reader.has("forest.") { trees::read(reader, space, &mut constants)? } else { Vec::new() };
    let forests = if forests.iter().all(|f| f.tree_count() == 0) { Vec::new() } else { forests };
    let repeats = reader.has("repeats.").then(|| read_repeats(reader, space, header.form)).transpose()?;
    Ok(Surrogate { constants, tables, forests, groups, repeats })
}

fn read_repeats(reader: &Reader<'_>, space: &Space, form: Form) -> Read<Repeats> {
    if form != Form::Given {
        return Err("tensor repeats.values is for tables as they are given, these are not".to_owned());
    }
    let (offsets, values) = (reader.u32s("repeats.offsets")?, reader.f64s("repeats.values")?);
    Repeats::new(space, offsets, values).map_err(|reason| format!("tensor {reason}"))
}

fn read_tables(reader: &Reader<'_>, space: &Space, header: &Header, members: usize) -> Read<Tables> {
    let named = Granularity::NAMES.into_iter().find(|(name, _)| *name == header.granularity);
    let (_, granularity) =
        named.ok_or_else(|| format!("granularity is {:?}, expected variables or blocks", header.granularity))?;
    let cards = granularity.cards(space);
    let (_, axes) = reader.tensor("table_axes", Dtype::U16, 2, u16::from_le_bytes)?;
    let (triples, rest) = axes.as_chunks::<MAX_ORDER>();
    let mut sets: Vec<AxisSet> = Vec::with_capacity(triples.len());
    for (i, triple) in triples.iter().enumerate() {
        let used = triple.iter().take_while(|&&a| a != NO_AXIS).count();
        let known = |a: &u16| cards.get(*a as usize).is_some_and(|&n| n > 1);
        let set = AxisSet::new(&triple[..used])
            .filter(|_| triple.iter().all(|a| *a == NO_AXIS || known(a)))
            .filter(|_| triple[used..].iter().all(|&a| a == NO_AXIS))
            .filter(|set| sets.last().is_none_or(|last| last < set));
        sets.push(
            set.ok_or_else(|| format!("tensor table_axes, row {i}: {triple:?} is not an ascending set of axes"))?,
        );
    }
    if !rest.is_empty() {
        return Err(format!("tensor table_axes has rows of another length than {MAX_ORDER}"));
    }
    let mut tables = Tables::empty(granularity, cards, sets);
    tables.form = header.form;
    let (shape, cells) = reader.floats("table_cells", 2)?;
    let expected = [members, tables.compact_len()];
    if shape != expected {
        return Err(format!("tensor table_cells has shape {shape:?}, the axes ask for {expected:?}"));
    }
    for m in 0..members {
        tables.push_compact(&cells[m * expected[1]..][..expected[1]]);
    }
    Ok(tables)
}

fn read_groups(reader: &Reader<'_>, name: &str) -> Read<Vec<Vec<u16>>> {
    let (_, axes) = reader.tensor(&format!("{name}.axes"), Dtype::U16, 1, u16::from_le_bytes)?;
    let offsets = reader.u32s(&format!("{name}.offsets"))?;
    check_offsets(&format!("{name}.offsets"), &offsets, axes.len())?;
    Ok(offsets.windows(2).map(|w| axes[w[0] as usize..w[1] as usize].to_vec()).collect())
}

fn read_uncertainty(reader: &Reader<'_>, space: &Space) -> Read<Option<Uncertainty>> {
    if !reader.has("uncertainty.") {
        return Ok(None);
    }
    let number = |name: &str| match reader.f64s(name)?.as_slice() {
        [value] => Ok(*value),
        values => Err(format!("tensor {name} has {} numbers, expected one", values.len())),
    };
    let (shape, training) = reader.tensor("uncertainty.training", Dtype::U8, 2, u8::from_le_bytes)?;
    if shape[1] != space.width() {
        let (found, expected) = (shape[1], space.width());
        return Err(format!("tensor uncertainty.training has rows of {found}, the space has {expected} variables"));
    }
    let optional = |name: &str| reader.has(name).then(|| number(name)).transpose();
    let uncertainty = Uncertainty {
        noise: optional("uncertainty.noise")?,
        residual: number("uncertainty.residual")?,
        factors: reader.f64s("uncertainty.factors")?,
        scores: reader.tensor("uncertainty.scores", Dtype::F32, 1, f32::from_le_bytes)?.1,
        training,
        degrees_of_freedom: optional("uncertainty.degrees_of_freedom")?,
    };
    uncertainty.check(space).map_err(|reason| format!("tensor {reason}"))?;
    Ok(Some(uncertainty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surrogate::lower::lower;
    use crate::testing::{forest, run, space_of, spaces, uncertainty_of};
    use proptest::prelude::*;

    fn header(space: &Space, surrogate: &Surrogate) -> Header {
        Header {
            format_version: FIRST_VERSION,
            form: surrogate.tables.form,
            metric: "m".to_owned(),
            link: Link::Log,
            granularity: surrogate.tables.granularity.name().to_owned(),
            space_sha256: space.sha256().to_owned(),
            provenance: BTreeMap::from([("data_sha256".to_owned(), "abc".to_owned())]),
        }
    }

    fn artifact(space: &Space, depth: usize, seed: u64) -> (Header, Surrogate, Vec<u8>) {
        let forests = [forest(space, 5, depth, 4, seed), forest(space, 5, depth, 4, !seed)];
        let surrogate = lower(space, &[&forests[0], &forests[1]], &run()).unwrap();
        let header = header(space, &surrogate);
        let bytes = to_bytes(space, &header, &surrogate, Some(&uncertainty_of(space))).unwrap();
        (header, surrogate, bytes)
    }

    fn read(space: &Space, bytes: &[u8]) -> Result<(Header, Surrogate, Option<Uncertainty>)> {
        from_bytes(Path::new("m.safetensors"), bytes, space)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn what_is_written_is_read_and_equal_input_gives_equal_bytes(space in spaces(), depth in 1usize..6, seed: u64) {
            let (header, surrogate, bytes) = artifact(&space, depth, seed);
            prop_assert_eq!(&bytes, &artifact(&space, depth, seed).2);
            let (read_header, read, uncertainty) = read(&space, &bytes).unwrap();
            prop_assert_eq!(uncertainty, Some(uncertainty_of(&space)));
            prop_assert_eq!(read_header, header);
            prop_assert_eq!(&read.forests, &surrogate.forests);
            prop_assert_eq!(&read.groups, &surrogate.groups);
            let rows = space.sample(100, 1, false).unwrap();
            let [a, b] = [&read, &surrogate].map(|s| s.predict_members(&space, &rows, &run()).unwrap());
            prop_assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-12));
        }

        #[test]
        fn damaged_bytes_give_an_error_or_a_surrogate(cut in 0usize..4000, at in 0usize..4000, byte: u8, depth in 2usize..6) {
            let space = space_of(&[&[3, 2], &[4], &[2, 2], &[3]]);
            let (_, _, mut bytes) = artifact(&space, depth, 7);
            let n = bytes.len();
            bytes[at % n] = byte;
            bytes.truncate(n - cut % n.min(200));
            if let Ok((_, surrogate, _)) = read(&space, &bytes) {
                let rows = space.sample(10, 0, false).unwrap();
                surrogate.predict(&space, &rows, &run()).unwrap();
            }
        }
    }

    #[test]
    fn cells_of_float32_are_stored_in_half_the_bytes_and_come_back_exactly() {
        let space = space_of(&[&[3, 2], &[4], &[2, 2], &[3]]);
        let (header, surrogate, wide) = artifact(&space, 3, 7);
        let rounded = surrogate.rounded_to_float32(&space, &run()).unwrap();
        let bytes = to_bytes(&space, &header, &rounded, Some(&uncertainty_of(&space))).unwrap();
        let cells = surrogate.members() * surrogate.tables.compact_len();
        assert!(wide.len() - bytes.len() >= 4 * cells - 8, "{} and {}, {cells}", wide.len(), bytes.len());
        let (_, again, _) = read(&space, &bytes).unwrap();
        assert_eq!(again, rounded);
        let largest = surrogate.tables.cells.iter().flatten().fold(0.0, |m: f64, c| m.max(c.abs()));
        let moved =
            |m: usize| rounded.tables.cells[m].iter().zip(&surrogate.tables.cells[m]).map(|(a, b)| (a - b).abs());
        assert!((0..2).flat_map(moved).all(|d| d < 4.0 * largest * f64::from(f32::EPSILON)));
    }

    #[test]
    fn tables_as_given_come_back_bit_for_bit() {
        let space = space_of(&[&[3, 2], &[4], &[5]]);
        let values = (0..120u32).map(|i| f64::from(i * 7 % 11) / 3.0).collect();
        let table = Surrogate::tabulated(&space, values, None).unwrap();
        let header = header(&space, &table);
        let bytes = to_bytes(&space, &header, &table, None).unwrap();
        assert_eq!(read(&space, &bytes).unwrap().1, table);
        let purified = Header { form: Form::Purified, ..header };
        let message = read(&space, &to_bytes(&space, &purified, &table, None).unwrap()).unwrap_err().to_string();
        assert!(message.contains("tensor table_cells has shape [1, 120]"), "{message}");
    }

    #[test]
    fn tables_over_more_blocks_than_questions_see_are_refused() {
        let space = space_of(&[&[2], &[2], &[2], &[2]]);
        for (granularity, form) in [(Granularity::Blocks, Form::Given), (Granularity::Variables, Form::Purified)] {
            let set = AxisSet::new(&[0, 1, 2, 3]).unwrap();
            let mut tables = Tables::empty(granularity, vec![2; 4], vec![set]);
            tables.form = form;
            tables.push_compact(&vec![1.0; tables.compact_len()]);
            let groups = [vec![vec![0, 1, 2, 3]], vec![vec![0, 1, 2, 3]]];
            let made = Surrogate { constants: vec![0.0], tables, forests: Vec::new(), groups, repeats: None };
            let bytes = to_bytes(&space, &header(&space, &made), &made, None).unwrap();
            let message = read(&space, &bytes).unwrap_err().to_string();
            assert!(message.contains("depends on 4 blocks, at most 3 fit"), "{message}");
        }
    }

    #[test]
    fn repeats_come_back_and_are_checked() {
        let space = space_of(&[&[3], &[4]]);
        let offsets: Vec<u32> = (0..13).map(|i| i * 5 / 2).collect();
        let values: Vec<f64> = (0..30).map(|i| f64::from(i) / 7.0).collect();
        let repeats = Repeats::new(&space, offsets.clone(), values.clone()).unwrap();
        assert_eq!((repeats.of(0), repeats.of(11)), (&[0.0, 1.0 / 7.0][..], &repeats.values[27..]));
        let table = Surrogate::tabulated(&space, vec![1.0; 12], Some((offsets, values))).unwrap();
        let header = header(&space, &table);
        let told = |header: &Header, repeats: Repeats| {
            let table = Surrogate { repeats: Some(repeats), ..table.clone() };
            read(&space, &to_bytes(&space, header, &table, None).unwrap()).map(|found| found.1)
        };
        assert_eq!(told(&header, repeats.clone()).unwrap(), table);
        let refused = |change: &dyn Fn(&mut Repeats), reason: &str| {
            let mut changed = repeats.clone();
            change(&mut changed);
            let message = told(&header, changed).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        };
        refused(&|r| r.values[3] = f64::NAN, "tensor repeats.values has NaN");
        refused(&|r| r.values.truncate(29), "tensor repeats.offsets does not ascend from 0 to 29");
        refused(&|r| r.offsets[0] = 1, "repeats.offsets does not ascend");
        refused(&|r| r.offsets[4] = 99, "repeats.offsets does not ascend");
        refused(&|r| r.offsets.truncate(12), "repeats.offsets has 12 numbers, expected one more than architectures");
        refused(&|r| r.offsets.clear(), "repeats.offsets has 0 numbers");
        let (purified, _, _) = artifact(&space, 3, 7);
        let trees = lower(&space, &[&forest(&space, 5, 3, 4, 1)], &run()).unwrap();
        let trees = Surrogate { repeats: Some(repeats), ..trees };
        let message = read(&space, &to_bytes(&space, &purified, &trees, None).unwrap()).unwrap_err().to_string();
        assert!(message.contains("repeats.values is for tables as they are given"), "{message}");
    }

    #[test]
    fn damaged_uncertainty_names_the_tensor() {
        let space = space_of(&[&[3, 2], &[4], &[2, 2], &[3]]);
        let (_, _, bytes) = artifact(&space, 3, 7);
        let uncertainty = uncertainty_of(&space);
        let damaged = |old: &[u8], new: &[u8]| {
            let at = bytes.windows(old.len()).rposition(|w| w == old).unwrap();
            let bytes = [&bytes[..at], new, &bytes[at + new.len()..]].concat();
            read(&space, &bytes).unwrap_err().to_string()
        };
        let factor = uncertainty.factors[3].to_le_bytes();
        for (old, new, expected) in [
            (&factor[..], &f64::INFINITY.to_le_bytes()[..], "tensor uncertainty.factors has inf"),
            (&0.1f64.to_le_bytes(), &(-0.1f64).to_le_bytes(), "tensor uncertainty.residual is -0.1"),
            (&2.0f32.to_le_bytes(), &9.0f32.to_le_bytes(), "tensor uncertainty.scores is not sorted: 2.025 follows 9"),
            (&uncertainty.training, &[3], "tensor uncertainty.training: row 0"),
            (b"uncertainty.residual", b"uncertainty.Residual", "tensor uncertainty.residual"),
        ] {
            let message = damaged(old, new);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn small_files_take_little_memory() {
        let space = space_of(&[&[256], &[256]]);
        let model = lower(&space, &[&forest(&space, 5, 3, 2, 1)], &run()).unwrap();
        let refused = |groups: [Vec<Vec<u16>>; 2]| {
            let model = Surrogate { groups, ..model.clone() };
            let bytes = to_bytes(&space, &header(&space, &model), &model, None).unwrap();
            let message = read(&space, &bytes).unwrap_err().to_string();
            assert!(message.contains("bytes of memory, a model of"), "{message}");
        };
        // Groups that own no table, of full size for the mean or for every member.
        refused([vec![vec![0, 1]; 4000], vec![vec![0, 1]]]);
        refused([vec![vec![0, 1]], vec![vec![0, 1]; 200]]);
    }

    #[test]
    fn a_tree_of_one_leaf_is_part_of_the_constant() {
        let space = space_of(&[&[3, 2], &[4], &[2, 2], &[3], &[2], &[3]]);
        let deep = [1, 2].map(|seed| forest(&space, 9, 6, 6, seed));
        let surrogate = lower(&space, &[&deep[0], &deep[1]], &run()).unwrap();
        let header = header(&space, &surrogate);
        let leaf = *surrogate.forests[0].nodes.iter().find(|node| node.is_leaf()).unwrap();
        let mut more = surrogate.clone();
        more.forests[1].nodes.extend([leaf, leaf]);
        let nodes = more.forests[1].nodes.len();
        more.forests[1].offsets.extend([nodes - 1, nodes]);
        let (_, again, _) = read(&space, &to_bytes(&space, &header, &more, None).unwrap()).unwrap();
        assert_eq!(again.forests, surrogate.forests);
        assert_eq!(again.constants, [surrogate.constants[0], surrogate.constants[1] + leaf.value + leaf.value]);
    }

    #[test]
    fn errors_state_the_field_at_fault() {
        let space = space_of(&[&[3, 2], &[4], &[2, 2], &[3]]);
        let (header, surrogate, bytes) = artifact(&space, 3, 7);
        let message = |header: &Header, surrogate: &Surrogate| {
            read(&space, &to_bytes(&space, header, surrogate, None).unwrap()).unwrap_err().to_string()
        };
        let newer = Header { format_version: FORMAT_VERSION + 1, ..header.clone() };
        assert_eq!(
            message(&newer, &surrogate),
            "m.safetensors: format version 6, this accelnas reads versions up to 5; update accelnas"
        );
        let older = Header { format_version: 0, ..header.clone() };
        assert!(
            message(&older, &surrogate)
                .ends_with("format version 0, this accelnas reads versions up to 5; recompile the benchmark")
        );
        let other = Header { space_sha256: "abc".to_owned(), ..header.clone() };
        assert!(message(&other, &surrogate).contains("compiled for the space abc"));
        let unknown = Header { granularity: "layers".to_owned(), ..header.clone() };
        assert!(message(&unknown, &surrogate).contains("granularity is \"layers\""));
        let edit = |change: &dyn Fn(&mut Surrogate)| {
            let mut surrogate = surrogate.clone();
            change(&mut surrogate);
            message(&header, &surrogate)
        };
        assert!(edit(&|s| s.constants[0] = f64::NAN).contains("not finite"));
        assert!(edit(&|s| s.groups[0][0] = vec![0, 99]).contains("unknown axes"));
        assert!(edit(&|s| s.groups[0][0] = vec![0]).contains("share a column"));
        assert!(read(&space, &bytes[..100]).unwrap_err().to_string().contains("cut short"));
        assert!(read(&space, b"hello").unwrap_err().to_string().contains("not a safetensors file"));
    }
}
