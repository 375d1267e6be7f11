//! A search space: a finite product of categorical variables, grouped into blocks.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hash::sha256_hex;
use crate::space::names::check_column;

/// Most choices a variable, and most states a block, may have: both fit a byte.
pub const MAX_STATES: usize = 256;
/// Most variables a space may have.
pub const MAX_VARIABLES: usize = 1024;

/// One value that a variable can take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choice {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Choice::Bool(v) => write!(f, "{v}"),
            Choice::Int(v) => write!(f, "{v}"),
            Choice::Float(v) => write!(f, "{v:?}"),
            Choice::Text(v) => write!(f, "{v:?}"),
        }
    }
}

impl Choice {
    /// Text of the choice inside an architecture's string.
    fn label(&self) -> String {
        match self {
            Choice::Bool(v) => u8::from(*v).to_string(),
            Choice::Text(v) => v.clone(),
            other => other.to_string(),
        }
    }
}

/// A categorical variable.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    pub symbol: String,
    pub choices: Vec<Choice>,
    pub block: usize,
    /// Symbol and label of each choice: the variable's part of an architecture's string.
    pub tokens: Vec<String>,
}

impl Variable {
    /// The choices as a list for a message.
    pub fn choice_list(&self) -> String {
        self.choices.iter().map(Choice::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// A run of consecutive variables whose joint state is one byte.
#[derive(Clone, Debug)]
pub struct Block {
    pub name: String,
    pub variables: std::ops::Range<usize>,
    pub states: usize,
}

/// The definition as `benchmark.toml` holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceDefinition {
    pub name: String,
    pub blocks: Vec<BlockDefinition>,
}

/// A block of [`SpaceDefinition`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockDefinition {
    pub name: String,
    pub variables: Vec<VariableDefinition>,
}

/// A variable of [`SpaceDefinition`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableDefinition {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    pub choices: Vec<Choice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
}

/// A validated search space.
#[derive(Clone, Debug)]
pub struct Space {
    definition: SpaceDefinition,
    variables: Vec<Variable>,
    blocks: Vec<Block>,
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
        let mut variables: Vec<Variable> = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        for block in &definition.blocks {
            check_column(&block.name).map_err(|reason| invalid(space, format!("block {:?} {reason}", block.name)))?;
            let start = variables.len();
            let mut states: usize = 1;
            for v in &block.variables {
                let variable = check_variable(space, v, blocks.len())?;
                if variables.iter().any(|other| other.name == variable.name) {
                    return Err(invalid(space, format!("variable {:?} is defined twice; rename one", v.name)));
                }
                states = states.saturating_mul(variable.choices.len());
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
            if states > MAX_STATES {
                let reason = format!("block {:?} has {states} states, at most {MAX_STATES} fit; split it", block.name);
                return Err(invalid(space, reason));
            }
            if blocks.iter().any(|other| other.name == block.name) {
                return Err(invalid(space, format!("block {:?} is defined twice; rename one", block.name)));
            }
            blocks.push(Block { name: block.name.clone(), variables: start..variables.len(), states });
        }
        if blocks.is_empty() {
            return Err(invalid(space, "has no blocks; define at least one"));
        }
        let size = blocks.iter().try_fold(1u64, |n, b| n.checked_mul(b.states as u64));
        let file = SpaceFile { space: definition.clone() };
        let toml = toml::to_string(&file).map_err(|e| invalid(space, one_line(&e.to_string())))?;
        Ok(Space { variables, blocks, size, sha256: sha256_hex(toml.as_bytes()), toml, definition })
    }

    /// Name of the space.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// The space of some choices alone: ascending choice indices of every variable.
    pub fn restricted(&self, allowed: &[Vec<u8>]) -> Result<Space> {
        self.check_allowed(allowed)?;
        let mut definition = self.definition.clone();
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
        (self.variables[variable].choices.len(), later.iter().map(|v| v.choices.len()).product())
    }

    /// Blocks of ascending variables, each once.
    pub(crate) fn blocks_of(&self, variables: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut blocks: Vec<usize> = variables.map(|v| self.variables[v].block).collect();
        blocks.dedup();
        blocks
    }

    /// Number of choices of each variable.
    pub fn cards(&self) -> impl Iterator<Item = usize> + '_ {
        self.variables.iter().map(|v| v.choices.len())
    }
}

fn check_variable(space: &str, v: &VariableDefinition, block: usize) -> Result<Variable> {
    let count = v.choices.len();
    check_column(&v.name).map_err(|reason| invalid(space, format!("variable {:?} {reason}", v.name)))?;
    if count == 0 || count > MAX_STATES {
        return Err(invalid(space, format!("{:?} has {count} choices; give it 1 to {MAX_STATES}", v.name)));
    }
    if v.choices.iter().any(|c| matches!(c, Choice::Float(f) if !f.is_finite())) {
        return Err(invalid(space, format!("{:?} has a choice that is not finite; use a number or text", v.name)));
    }
    let symbol = v.symbol.clone().unwrap_or_else(|| v.name.clone());
    let labels: Vec<String> = match &v.labels {
        Some(labels) if labels.len() == count => labels.clone(),
        Some(labels) => {
            let reason =
                format!("{:?} has {count} choices and {} labels; give one label a choice", v.name, labels.len());
            return Err(invalid(space, reason));
        }
        None => v.choices.iter().map(Choice::label).collect(),
    };
    let tokens: Vec<String> = labels.iter().map(|label| format!("{symbol}{label}")).collect();
    for (i, token) in tokens.iter().enumerate() {
        let bad = |c: char| c == '_' || c == '-' || c.is_whitespace() || c.is_control();
        if token.is_empty() || token.contains(bad) {
            let reason =
                format!("{:?} is written {token:?}, which holds '_', '-' or a space; set symbol and labels", v.name);
            return Err(invalid(space, reason));
        }
        if tokens[..i].contains(token) || v.choices[..i].contains(&v.choices[i]) {
            return Err(invalid(space, format!("{:?} has the choice {} twice; remove one", v.name, v.choices[i])));
        }
    }
    Ok(Variable { name: v.name.clone(), symbol, choices: v.choices.clone(), block, tokens })
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
        let wide = format!(
            "[space]\nname='x'\n[[space.blocks]]\nname='b'\nvariables=[{{name='v',choices={:?}}},{{name='w',choices=[1,2]}}]",
            (0..200).collect::<Vec<_>>()
        );
        assert!(Space::from_toml(&wide).unwrap_err().to_string().contains("400 states"));
    }
}
