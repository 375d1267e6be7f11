//! Rules of a space: when variables are active, which combinations are forbidden, which architectures are the same.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::space::variables::{Choice, Variable};

/// Rounds after which rules that still rewrite an architecture contradict each other.
const ROUNDS: usize = 1 << 10;
/// Most clauses that conditions may become.
const MAX_CLAUSES: usize = 1 << 16;

/// One choice, or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choices {
    One(Choice),
    Several(Vec<Choice>),
}

impl Choices {
    pub(crate) fn list(&self) -> &[Choice] {
        match self {
            Choices::One(choice) => std::slice::from_ref(choice),
            Choices::Several(choices) => choices,
        }
    }
}

/// Variables by name with some of their choices: holds where each has one of them.
pub type When = BTreeMap<String, Choices>;

/// Variables that are active only where other ones have some of their choices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionDefinition {
    pub variables: Vec<String>,
    pub when: When,
}

/// A combination that no architecture has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForbiddenDefinition {
    pub when: When,
}

/// Choices that make no difference under others, and stand for all of them there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EquivalenceDefinition {
    pub when: When,
    pub same_as: BTreeMap<String, Choice>,
}

/// A variable and the states of it for which a part of a clause holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Literal {
    pub(crate) variable: usize,
    pub(crate) holds: Vec<bool>,
}

/// Literals of ascending variables, each once: what holds where all do.
pub(crate) type Clause = Vec<Literal>;

/// Rules of a space by the numbers of its variables and choices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// By variable, parents first: it is active where one of the clauses holds.
    pub(crate) conditions: Vec<(usize, Vec<Clause>)>,
    pub(crate) forbidden: Vec<Clause>,
    equivalences: Vec<(Clause, Vec<(usize, u8)>)>,
}

/// Why an architecture is none of the space.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unlawful {
    /// A variable that is active has no choice.
    Missing(usize),
    /// The number of a forbidden clause.
    Forbidden(usize),
    /// Rules rewrite it for ever.
    Unsettled,
    /// Its index is listed among those that are excluded.
    Excluded,
}

fn holds(clause: &Clause, row: &[u8]) -> bool {
    clause.iter().all(|literal| literal.holds[row[literal.variable] as usize])
}

impl Rules {
    /// Reads rules; the error says what to mend.
    pub(crate) fn new(
        variables: &[Variable],
        conditions: &[ConditionDefinition],
        forbidden: &[ForbiddenDefinition],
        equivalences: &[EquivalenceDefinition],
    ) -> Result<Rules, String> {
        let mut of_variable: BTreeMap<usize, Vec<Clause>> = BTreeMap::new();
        for condition in conditions {
            let clause = clause(variables, &condition.when)?;
            for name in &condition.variables {
                of_variable.entry(find(variables, name)?).or_default().push(clause.clone());
            }
        }
        let clauses = forbidden.iter().map(|f| clause(variables, &f.when)).collect::<Result<Vec<_>, _>>()?;
        if clauses.iter().any(Vec::is_empty) {
            return Err("a forbidden combination names no variable; remove it".to_owned());
        }
        let equivalences = equivalences.iter().map(|e| equivalence(variables, e)).collect::<Result<_, _>>()?;
        Ok(Rules { conditions: parents_first(variables, of_variable)?, forbidden: clauses, equivalences })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.forbidden.is_empty() && self.equivalences.is_empty()
    }

    /// Everything that an architecture's canonical form never has.
    pub(crate) fn clauses(&self, variables: &[Variable]) -> Result<Vec<Clause>, String> {
        let mut out = self.forbidden.clone();
        for (v, alternatives) in &self.conditions {
            let inactive = |is: bool| -> Literal {
                let card = variables[*v].card();
                Literal { variable: *v, holds: (0..card).map(|c| (c == card - 1) == is).collect() }
            };
            for clause in alternatives {
                out.extend(with(clause, inactive(true)));
            }
            // Where no alternative holds, each has a literal that does not.
            let mut none: Vec<Clause> = vec![vec![inactive(false)]];
            for clause in alternatives {
                let negated = clause
                    .iter()
                    .map(|l| Literal { variable: l.variable, holds: l.holds.iter().map(|h| !h).collect() });
                let negated: Vec<Literal> = negated.collect();
                none = none.iter().flat_map(|one| negated.iter().filter_map(|l| with(one, l.clone()))).collect();
                if none.len() + out.len() > MAX_CLAUSES {
                    return Err(format!("conditions of {:?} combine into too many; state fewer", variables[*v].name));
                }
            }
            out.extend(none);
        }
        for (when, set) in &self.equivalences {
            for &(v, choice) in set {
                let variable = &variables[v];
                let other = |c: usize| c != choice as usize && c < variable.choices.len();
                let differs = Literal { variable: v, holds: (0..variable.card()).map(other).collect() };
                out.extend(with(when, differs));
            }
        }
        Ok(out)
    }

    /// Brings a row into its canonical form. `fill` gives a choice to a variable that is
    /// active and has none.
    pub(crate) fn settle(
        &self,
        variables: &[Variable],
        row: &mut [u8],
        mut fill: impl FnMut(usize) -> Option<u8>,
    ) -> Result<(), Unlawful> {
        for _ in 0..ROUNDS {
            if !self.rewrite(variables, row) {
                let missing = self.conditions.iter().find(|(v, alternatives)| {
                    variables[*v].is_inactive(row[*v]) && alternatives.iter().any(|clause| holds(clause, row))
                });
                let Some(&(v, _)) = missing else {
                    let forbidden = self.forbidden.iter().position(|clause| holds(clause, row));
                    return forbidden.map_or(Ok(()), |clause| Err(Unlawful::Forbidden(clause)));
                };
                row[v] = fill(v).ok_or(Unlawful::Missing(v))?;
            }
        }
        Err(Unlawful::Unsettled)
    }

    /// Applies every rule once; says whether something changed.
    fn rewrite(&self, variables: &[Variable], row: &mut [u8]) -> bool {
        let mut changed = false;
        for (v, alternatives) in &self.conditions {
            let inactive = (variables[*v].card() - 1) as u8;
            if row[*v] != inactive && !alternatives.iter().any(|clause| holds(clause, row)) {
                row[*v] = inactive;
                changed = true;
            }
        }
        for (when, set) in &self.equivalences {
            if holds(when, row) {
                for &(v, choice) in set {
                    if row[v] != choice && !variables[v].is_inactive(row[v]) {
                        row[v] = choice;
                        changed = true;
                    }
                }
            }
        }
        changed
    }
}

/// A clause and one more literal; `None` where both can't hold.
fn with(clause: &Clause, literal: Literal) -> Option<Clause> {
    let mut out = clause.clone();
    match out.binary_search_by_key(&literal.variable, |l| l.variable) {
        Ok(at) => out[at].holds.iter_mut().zip(&literal.holds).for_each(|(a, b)| *a &= b),
        Err(at) => out.insert(at, literal),
    }
    out.iter().all(|l| l.holds.contains(&true)).then_some(out)
}

fn find(variables: &[Variable], name: &str) -> Result<usize, String> {
    let unknown = || format!("a rule names {name:?}, which is no variable of it; rename it");
    variables.iter().position(|v| v.name == name).ok_or_else(unknown)
}

fn choice_of(variable: &Variable, choice: &Choice) -> Result<usize, String> {
    let unknown = || {
        let (name, choices) = (&variable.name, variable.choice_list());
        format!("a rule names {choice} of {name:?}; choose from {choices}")
    };
    variable.position(choice).ok_or_else(unknown)
}

fn clause(variables: &[Variable], when: &When) -> Result<Clause, String> {
    let literal = |(name, choices): (&String, &Choices)| {
        let variable = find(variables, name)?;
        let mut holds = vec![false; variables[variable].card()];
        for choice in choices.list() {
            holds[choice_of(&variables[variable], choice)?] = true;
        }
        Ok(Literal { variable, holds })
    };
    let mut clause = when.iter().map(literal).collect::<Result<Clause, String>>()?;
    clause.sort_by_key(|l| l.variable);
    Ok(clause)
}

fn equivalence(variables: &[Variable], rule: &EquivalenceDefinition) -> Result<(Clause, Vec<(usize, u8)>), String> {
    let set = rule.same_as.iter().map(|(name, choice)| {
        let v = find(variables, name)?;
        Ok((v, choice_of(&variables[v], choice)? as u8))
    });
    let set: Vec<(usize, u8)> = set.collect::<Result<_, String>>()?;
    if rule.when.is_empty() || set.is_empty() {
        return Err("an equivalence has no 'when' or no 'same_as'; state both".to_owned());
    }
    Ok((clause(variables, &rule.when)?, set))
}

/// Conditions such that those of a parent come before those of its children.
fn parents_first(
    variables: &[Variable],
    mut open: BTreeMap<usize, Vec<Clause>>,
) -> Result<Vec<(usize, Vec<Clause>)>, String> {
    let mut out = Vec::new();
    while !open.is_empty() {
        let waits = |clauses: &Vec<Clause>| clauses.iter().flatten().any(|l| open.contains_key(&l.variable));
        let Some(v) = open.iter().find(|(_, clauses)| !waits(clauses)).map(|(&v, _)| v) else {
            let names: Vec<&str> = open.keys().map(|&v| variables[v].name.as_str()).collect();
            return Err(format!("the conditions of {} go in a circle; break it", names.join(", ")));
        };
        out.extend(open.remove_entry(&v));
    }
    Ok(out)
}

/// By index in the space as all other rules leave it, the index of the architecture that stands for its class; none of
/// one that is excluded.
pub(crate) fn listed(classes: &[Vec<u64>], excluded: &[u64], size: u64) -> Result<HashMap<u64, Option<u64>>, String> {
    let mut out = HashMap::new();
    let of_classes = classes.iter().flat_map(|class| class.iter().map(|&index| (index, Some(class[0]))));
    for (index, first) in of_classes.chain(excluded.iter().map(|&index| (index, None))) {
        if index >= size {
            return Err(format!("index {index} is listed; choose one of 0 to {}", size - 1));
        }
        if out.insert(index, first).is_some() {
            return Err(format!("index {index} is listed twice, in classes or excluded; name it once"));
        }
    }
    Ok(out)
}
