//! A search space: the architectures of a finite product of categorical variables, grouped into blocks, that obey its rules.

use std::collections::HashMap;
use std::sync::Arc;

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hash::sha256_hex;
use crate::memory::zeros;
use crate::space::lawful::{Lawful, MAX_STATES, States};
use crate::space::names::check_column;
use crate::space::rules::{
    Choices, Clause, ConditionDefinition, EquivalenceDefinition, ForbiddenDefinition, Rules, listed,
};
use crate::space::variables::{Variable, VariableDefinition};

/// Most variables a space may have.
pub const MAX_VARIABLES: usize = 1024;
/// Most joint choices of a block whose states fit a byte, as tables over blocks and masks of trees need.
pub const BYTE_STATES: usize = 256;
/// Most architectures that classes and exclusions are listed for.
const MAX_LISTED: u64 = 1 << 22;

/// A run of consecutive variables.
#[derive(Clone, Debug)]
pub struct Block {
    pub name: String,
    pub variables: std::ops::Range<usize>,
    /// Number of joint choices, whether rules allow them or not.
    pub states: usize,
}

/// The definition as `benchmark.toml` holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceDefinition {
    pub name: String,
    /// Lists of indices into the space as all other rules leave it: architectures that are the same, the one for all first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Vec<u64>>,
    /// Such indices of architectures that are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<u64>,
    pub blocks: Vec<BlockDefinition>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionDefinition>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<ForbiddenDefinition>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub equivalences: Vec<EquivalenceDefinition>,
}

impl SpaceDefinition {
    /// A product of blocks, without rules.
    pub fn product(name: String, blocks: Vec<BlockDefinition>) -> SpaceDefinition {
        let (classes, excluded, conditions, forbidden, equivalences) = Default::default();
        SpaceDefinition { name, classes, excluded, blocks, conditions, forbidden, equivalences }
    }
}

/// A block of [`SpaceDefinition`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockDefinition {
    pub name: String,
    pub variables: Vec<VariableDefinition>,
}

/// A validated search space.
#[derive(Clone, Debug)]
pub struct Space {
    definition: SpaceDefinition,
    variables: Vec<Variable>,
    blocks: Vec<Block>,
    rules: Rules,
    /// Where there are rules, the architectures that obey them; without and with what is listed by index.
    lawful: Option<[Arc<Lawful>; 2]>,
    /// What no architecture has, before what is listed by index.
    clauses: Vec<Clause>,
    /// By index before, that of the architecture for all of its class; none where it is excluded.
    listed: HashMap<u64, Option<u64>>,
    size: Option<u64>,
    toml: String,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct SpaceFile {
    space: SpaceDefinition,
}

impl Space {
    /// The space of the `[space]` table of a TOML text.
    pub fn from_toml(text: &str) -> Result<Space> {
        let file: SpaceFile = toml::from_str(text)
            .map_err(|e| invalid("of this text", format!("is not readable: {}", one_line(&e.to_string()))))?;
        Space::new(file.space)
    }

    /// Checks a definition and derives what queries need.
    pub fn new(definition: SpaceDefinition) -> Result<Space> {
        let space = &definition.name;
        check_column(space).map_err(|reason| invalid(space, format!("its name {reason}")))?;
        let is_conditional =
            |v: &VariableDefinition| definition.conditions.iter().any(|c| c.variables.contains(&v.name));
        let mut variables: Vec<Variable> = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        for block in &definition.blocks {
            check_column(&block.name).map_err(|reason| invalid(space, format!("block {:?} {reason}", block.name)))?;
            let start = variables.len();
            let mut states: usize = 1;
            for v in &block.variables {
                let variable = Variable::new(v, blocks.len(), is_conditional(v)).map_err(|e| invalid(space, e))?;
                if variables.iter().any(|other| other.name == variable.name) {
                    return Err(invalid(space, format!("variable {:?} is defined twice; rename one", v.name)));
                }
                states = states.saturating_mul(variable.card());
                variables.push(variable);
                if variables.len() > MAX_VARIABLES {
                    return Err(invalid(
                        space,
                        format!("has more than {MAX_VARIABLES} variables; fewer are supported"),
                    ));
                }
            }
            if variables.len() == start {
                return Err(invalid(space, format!("block {:?} has no variables; remove it", block.name)));
            }
            if blocks.iter().any(|other| other.name == block.name) {
                return Err(invalid(space, format!("block {:?} is defined twice; rename one", block.name)));
            }
            blocks.push(Block { name: block.name.clone(), variables: start..variables.len(), states });
        }
        if blocks.is_empty() {
            return Err(invalid(space, "has no blocks; define at least one"));
        }
        let rules = Rules::new(&variables, &definition.conditions, &definition.forbidden, &definition.equivalences);
        let rules = rules.map_err(|reason| invalid(space, reason))?;
        let file = SpaceFile { space: definition.clone() };
        let toml = toml::to_string(&file).map_err(|e| invalid(space, one_line(&e.to_string())))?;
        let sha256 = sha256_hex(toml.as_bytes());
        let size = blocks.iter().try_fold(1u64, |n, b| n.checked_mul(b.states as u64));
        let mut made = Space {
            variables,
            blocks,
            rules,
            lawful: None,
            clauses: Vec::new(),
            listed: HashMap::new(),
            size,
            toml,
            sha256,
            definition,
        };
        made.obey().map_err(|reason| invalid(made.name(), reason))?;
        Ok(made)
    }

    /// Finds the architectures that obey the rules; the error says what to mend.
    fn obey(&mut self) -> std::result::Result<(), String> {
        let SpaceDefinition { classes, excluded, .. } = &self.definition;
        let is_listed = !classes.is_empty() || !excluded.is_empty();
        if !self.rules.is_empty() || is_listed {
            let blocks: Vec<_> = self.blocks.iter().map(|b| b.variables.clone()).collect();
            if let Some(block) = self.blocks.iter().find(|b| b.states as u128 >= 1 << 63) {
                return Err(format!("block {:?} has 2^63 joint choices or more; split it", block.name));
            }
            self.clauses = self.rules.clauses(&self.variables)?;
            let all = Arc::new(Lawful::new(&self.variables, &blocks, &self.clauses)?);
            self.size = u64::try_from(all.size()).ok();
            self.lawful = Some([all.clone(), all]);
            if is_listed {
                self.list(None)?;
            }
        }
        for (b, block) in self.blocks.iter().enumerate() {
            let states = self.states_of(b);
            if states > MAX_STATES {
                return Err(format!("block {:?} has {states} states, at most {MAX_STATES} fit; split it", block.name));
            }
        }
        Ok(())
    }

    /// Leaves one architecture of every class, and none that is excluded, where it is among the allowed ones.
    fn list(&mut self, allowed: Option<&[Vec<u8>]>) -> std::result::Result<(), String> {
        let size = self.lawful.as_ref().and_then(|[all, _]| u64::try_from(all.size()).ok());
        let Some(size) = size.filter(|&size| size <= MAX_LISTED) else {
            return Err(format!(
                "classes and exclusions are for spaces of at most {MAX_LISTED} architectures; state rules instead"
            ));
        };
        self.listed = listed(&self.definition.classes, &self.definition.excluded, size)?;
        let kept: Vec<u64> = (0..size).filter(|i| self.listed.get(i).is_none_or(|first| *first == Some(*i))).collect();
        if kept.is_empty() {
            return Err("all architectures are excluded; leave some".to_owned());
        }
        let mut rows = zeros(kept.len(), self.width()).map_err(|e| e.to_string())?;
        if let Some([all, left]) = &mut self.lawful {
            let width = self.variables.len();
            rows.chunks_exact_mut(width).zip(&kept).for_each(|(row, &index)| all.at(index, row));
            if let Some(allowed) = allowed {
                let is_allowed = |row: &&[u8]| row.iter().zip(allowed).all(|(c, own)| own.contains(c));
                rows = rows.chunks_exact(width).filter(is_allowed).flatten().copied().collect();
            }
            let blocks: Vec<_> = self.blocks.iter().map(|b| b.variables.clone()).collect();
            *left = Arc::new(Lawful::listed(&self.variables, &blocks, &rows)?);
            self.size = u64::try_from(left.size()).ok();
        }
        Ok(())
    }

    /// Name of the space.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// The space of some choices alone: ascending choice indices of every variable. In one with rules choices keep
    /// their indices, and inactive variables may stay so; else an index is a position among the allowed choices.
    pub fn restricted(&self, allowed: &[Vec<u8>]) -> Result<Space> {
        self.check_allowed(allowed)?;
        let mut definition = self.definition.clone();
        if self.has_rules() {
            // Choices keep their numbers, which rules name; lists are by index, so they keep all rules as they are.
            if self.is_listed() {
                let mut space = self.clone();
                space.list(Some(allowed)).map_err(|reason| invalid(self.name(), reason))?;
                return Ok(space);
            }
            for (variable, own) in self.variables.iter().zip(allowed) {
                let other = |c: &usize| !own.contains(&(*c as u8));
                let others: Vec<_> =
                    (0..variable.choices.len()).filter(other).map(|c| variable.choices[c].clone()).collect();
                if !others.is_empty() {
                    let when = [(variable.name.clone(), Choices::Several(others))].into();
                    definition.forbidden.push(ForbiddenDefinition { when });
                }
            }
            return Space::new(definition);
        }
        let variables = definition.blocks.iter_mut().flat_map(|block| &mut block.variables);
        for (variable, own) in variables.zip(allowed) {
            let labels = variable.labels.take();
            variable.labels = labels.map(|labels| own.iter().map(|&c| labels[c as usize].clone()).collect());
            variable.choices = own.iter().map(|&c| variable.choices[c as usize].clone()).collect();
        }
        Space::new(definition)
    }

    /// The definition that made this space.
    pub fn definition(&self) -> &SpaceDefinition {
        &self.definition
    }

    /// The definition as the `[space]` table of a TOML text.
    pub fn to_toml(&self) -> String {
        self.toml.clone()
    }

    /// Variables, in the order of choice indices.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Number of variables: the width of a row of choice indices.
    pub fn width(&self) -> usize {
        self.variables.len()
    }

    /// Number of architectures, where it is below 2^64.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Number of architectures.
    pub fn total(&self) -> BigUint {
        match &self.lawful {
            Some([_, united]) => united.size().clone(),
            None => self.blocks.iter().map(|b| BigUint::from(b.states)).product(),
        }
    }

    /// The architectures that obey the rules, where there are any.
    pub(crate) fn lawful(&self) -> Option<&Lawful> {
        self.lawful.as_ref().map(|[_, united]| &**united)
    }

    /// Those without regard to what is listed by index, and that: the number of the one for all, or none.
    pub(crate) fn before_lists(&self) -> Option<(&Lawful, &HashMap<u64, Option<u64>>)> {
        self.lawful.as_ref().map(|[all, _]| (&**all, &self.listed))
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Clauses that hold for no architecture; those of lists are not among them.
    pub(crate) fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// Whether classes or exclusions are listed by index.
    pub(crate) fn is_listed(&self) -> bool {
        !self.listed.is_empty()
    }

    /// Variables that some rule is about.
    pub(crate) fn ruled(&self) -> Vec<bool> {
        let mut ruled = vec![self.is_listed(); self.width()];
        self.clauses.iter().flatten().for_each(|literal| ruled[literal.variable] = true);
        ruled
    }

    /// The states of a block that rules are about.
    pub(crate) fn lawful_states(&self, block: usize) -> Option<&States> {
        let ruled = self.ruled();
        let is_ruled = self.blocks[block].variables.clone().any(|v| ruled[v]);
        self.lawful().filter(|_| is_ruled).map(|lawful| &lawful.states[block])
    }

    /// Whether some joint choices, or the ways to write an architecture, are none of the space.
    pub fn has_rules(&self) -> bool {
        self.lawful.is_some()
    }

    /// Number of states of a block: its joint choices that some architecture has.
    pub fn states_of(&self, block: usize) -> usize {
        self.lawful().map_or(self.blocks[block].states, |lawful| lawful.states[block].len())
    }

    /// The joint choices of each state of a block.
    pub(crate) fn joint_choices(&self, block: usize) -> Vec<usize> {
        match self.lawful() {
            Some(lawful) => lawful.states[block].joint_choices(),
            None => (0..self.blocks[block].states).collect(),
        }
    }

    /// Joint choices of blocks; the largest number where some have more than a byte tells apart.
    pub(crate) fn byte_cells(&self, blocks: impl IntoIterator<Item = usize>) -> usize {
        let states = |b: usize| if self.blocks[b].states > BYTE_STATES { usize::MAX } else { self.blocks[b].states };
        blocks.into_iter().fold(1, |n, b| n.saturating_mul(states(b)))
    }

    /// Number of architectures, or the error that says there is no 64-bit index.
    pub fn indexed_size(&self) -> Result<u64> {
        self.size.ok_or_else(|| Error::NoIndex { space: self.name().to_owned() })
    }

    /// SHA-256 of the canonical definition.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// A variable's number of choices, and the states of its block that pass before it changes.
    pub(crate) fn radix(&self, variable: usize) -> (usize, usize) {
        let block = &self.blocks[self.variables[variable].block];
        let later = &self.variables[variable + 1..block.variables.end];
        (self.variables[variable].card(), later.iter().map(Variable::card).product())
    }

    /// Blocks of ascending variables, each once.
    pub(crate) fn blocks_of(&self, variables: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut blocks: Vec<usize> = variables.map(|v| self.variables[v].block).collect();
        blocks.dedup();
        blocks
    }

    /// Number of states of each variable: its choices, and being inactive where it may be.
    pub fn cards(&self) -> impl Iterator<Item = usize> + '_ {
        self.variables.iter().map(Variable::card)
    }
}

fn invalid(space: &str, reason: impl Into<String>) -> Error {
    Error::InvalidSpace { space: space.to_owned(), reason: reason.into() }
}

/// A parser's message on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::mnasnet;

    #[test]
    fn mnasnet_has_its_published_size() {
        assert_eq!(mnasnet().size(), Some(104_485_552_128));
    }

    #[test]
    fn broken_definitions_say_what_to_mend() {
        let cases = [
            ("[space]\nname='x'\nblocks=[]", "has no blocks"),
            ("[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[]", "has no variables"),
            ("[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{name='v',choices=[]}]", "has 0 choices"),
            ("[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{name='v',choices=[1,1]}]", "twice"),
            (
                "[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{name='v',choices=[-1,1]}]",
                "set symbol and labels",
            ),
            (
                "[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{name='v',choices=[1,2],labels=['a']}]",
                "1 labels",
            ),
            (
                "[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{name='v',choices=[1,2],colour='a'}]",
                "colour",
            ),
            ("[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{name='v',choices=[nan]}]", "not finite"),
            (
                "[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{name='v',choices=[1]},{name='v',choices=[1]}]",
                "defined twice",
            ),
            ("name='x'", "is not readable"),
        ];
        for (text, part) in cases {
            let message = Space::from_toml(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let blocks = |a: usize, b: usize| {
            let list = |n| (0..n).collect::<Vec<_>>();
            format!(
                "[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{{name='v',choices={:?}}},{{name='w',choices={:?}}},{{name='x',choices=[1,2]}}]",
                list(a),
                list(b)
            )
        };
        assert!(Space::from_toml(&blocks(300, 2)).unwrap_err().to_string().contains("1 to 256"));
        assert!(Space::from_toml(&blocks(256, 256)).unwrap_err().to_string().contains("131072 states, at most 65536"));
        assert_eq!(Space::from_toml(&blocks(256, 128)).unwrap().size(), Some(65_536));
        let rules = [
            ("conditions=[{variables=['y'],when={w=1}}]", "\"y\", which is no variable"),
            ("conditions=[{variables=['v'],when={w=7}}]", "a rule names 7 of \"w\""),
            ("conditions=[{variables=['v'],when={w=1}},{variables=['w'],when={v=0}}]", "v, w go in a circle"),
            ("forbidden=[{when={}}]", "names no variable"),
            ("forbidden=[{when={x=[1,2]}}]", "leave no architecture"),
            ("equivalences=[{when={v=0},same_as={}}]", "no 'when' or no 'same_as'"),
            ("classes=[[0, 99]]", "index 99 is listed; choose one of 0 to 7"),
            ("excluded=[8]", "index 8 is listed; choose one of 0 to 7"),
            ("excluded=[0, 1, 2, 3, 4, 5, 6, 7]", "all architectures are excluded; leave some"),
            ("classes=[[0, 1]]\nexcluded=[1]", "index 1 is listed twice"),
            ("classes=[[0, 1], [1, 2]]", "index 1 is listed twice"),
        ];
        for (rule, part) in rules {
            let text = blocks(2, 2).replacen("name='x'", &format!("name='x'\n{rule}"), 1);
            let message = Space::from_toml(&text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
