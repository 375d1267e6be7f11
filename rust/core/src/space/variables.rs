//! Variables of a space and what they can take.

use serde::{Deserialize, Serialize};

use crate::space::names::check_column;

/// Most choices of a variable: they fit a byte.
pub const MAX_CHOICES: usize = 256;

/// How an inactive variable is written, behind its symbol.
const INACTIVE: char = '~';

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

    /// Whether both are one value; numbers may be whole or not, booleans are no numbers.
    pub fn equals(&self, other: &Choice) -> bool {
        match (self, other) {
            (Choice::Int(a), Choice::Float(b)) | (Choice::Float(b), Choice::Int(a)) => *a as f64 == *b,
            (a, b) => a == b,
        }
    }
}

/// A variable as `benchmark.toml` holds it.
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

/// A categorical variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub name: String,
    pub symbol: String,
    pub choices: Vec<Choice>,
    pub block: usize,
    /// Whether it may be inactive: its last state, behind all choices.
    pub conditional: bool,
    /// Symbol and label of each state: the variable's part of an architecture's string.
    pub tokens: Vec<String>,
}

impl Variable {
    /// Checks a definition; the error says what to mend.
    pub(crate) fn new(v: &VariableDefinition, block: usize, conditional: bool) -> Result<Variable, String> {
        let count = v.choices.len();
        check_column(&v.name).map_err(|reason| format!("variable {:?} {reason}", v.name))?;
        let most = MAX_CHOICES - usize::from(conditional);
        if count == 0 || count > most {
            return Err(format!("{:?} has {count} choices; give it 1 to {most}", v.name));
        }
        if v.choices.iter().any(|c| matches!(c, Choice::Float(f) if !f.is_finite())) {
            return Err(format!("{:?} has a choice that is not finite; use a number or text", v.name));
        }
        let symbol = v.symbol.clone().unwrap_or_else(|| v.name.clone());
        let labels: Vec<String> = match &v.labels {
            Some(labels) if labels.len() == count => labels.clone(),
            Some(labels) => {
                return Err(format!(
                    "{:?} has {count} choices and {} labels; give one label a choice",
                    v.name,
                    labels.len()
                ));
            }
            None => v.choices.iter().map(Choice::label).collect(),
        };
        let inactive = conditional.then(|| INACTIVE.to_string());
        let tokens: Vec<String> = labels.iter().chain(&inactive).map(|label| format!("{symbol}{label}")).collect();
        for (i, token) in tokens.iter().enumerate() {
            let bad = |c: char| c == '_' || c == '-' || c.is_whitespace() || c.is_control();
            if token.is_empty() || token.contains(bad) {
                return Err(format!(
                    "{:?} is written {token:?}, which holds '_', '-' or a space; set symbol and labels",
                    v.name
                ));
            }
            let is_twice = |c: &Choice| v.choices[..i].iter().any(|other| other == c);
            if tokens[..i].contains(token) || v.choices.get(i).is_some_and(is_twice) {
                let choice = v.choices.get(i).map_or_else(|| token.clone(), Choice::to_string);
                return Err(format!("{:?} has the choice {choice} twice; remove one", v.name));
            }
        }
        Ok(Variable { name: v.name.clone(), symbol, choices: v.choices.clone(), block, conditional, tokens })
    }

    /// Number of states: the choices, and being inactive where it may be.
    pub fn card(&self) -> usize {
        self.choices.len() + usize::from(self.conditional)
    }

    /// Whether a state is that of being inactive.
    pub fn is_inactive(&self, state: u8) -> bool {
        state as usize == self.choices.len()
    }

    /// Position of a choice.
    pub fn position(&self, choice: &Choice) -> Option<usize> {
        self.choices.iter().position(|own| own.equals(choice))
    }

    /// The choices as a list for a message.
    pub fn choice_list(&self) -> String {
        let inactive = self.conditional.then(|| "inactive".to_owned());
        self.choices.iter().map(Choice::to_string).chain(inactive).collect::<Vec<_>>().join(", ")
    }
}
