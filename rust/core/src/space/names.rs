//! Names of spaces, variables and metrics: they become columns of tables, and those of metrics files, too.

use std::collections::HashMap;

/// Most bytes of a name: with an ending it is a file's name everywhere.
const LONGEST: usize = 200;
/// What no file system of Windows takes, and what parts of a path are divided by.
const UNPORTABLE: &str = "/\\<>:\"|?*";
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Refuses what can't head a column: nothing, what can't be seen or told apart, and no end of it.
pub fn check_column(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("is empty; give it a name".to_owned());
    }
    if let Some(c) = name.chars().find(|&c| is_invisible(c)) {
        return Err(format!("holds the character {:?}, which can't be seen; remove it", c.to_string()));
    }
    if name.trim() != name {
        return Err("begins or ends with a space; remove it".to_owned());
    }
    match name.len() {
        0..=LONGEST => Ok(()),
        length => Err(format!("has {length} bytes, at most {LONGEST} are taken; shorten it")),
    }
}

/// Refuses what can't be a file inside a folder on every system, too.
pub fn check_file(name: &str) -> Result<(), String> {
    check_column(name)?;
    if let Some(c) = name.chars().find(|&c| UNPORTABLE.contains(c)) {
        return Err(format!("holds {c:?} and is not a file name on every system; use letters, digits and '_'"));
    }
    if name.starts_with('.') || name.ends_with('.') {
        return Err("begins or ends with a dot and is not a file name on every system; remove it".to_owned());
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered =
        |device| stem.strip_prefix(device).is_some_and(|rest: &str| rest.chars().count() == 1 && is_port(rest));
    if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        return Err(format!("names the device {stem:?} on Windows; choose another name"));
    }
    Ok(())
}

/// Names that are taken, whatever the case of their letters: some file systems don't tell it.
#[derive(Default)]
pub struct Taken<'a>(HashMap<String, &'a str>);

impl<'a> Taken<'a> {
    /// Takes one more, unless it is taken.
    pub fn take(&mut self, name: &'a str) -> Result<(), String> {
        match self.0.insert(name.to_lowercase(), name) {
            None => Ok(()),
            Some(other) if other == name => Err("is there already; choose another name".to_owned()),
            Some(other) => Err(format!("differs from {other:?} in case alone; choose another name")),
        }
    }
}

fn is_port(number: &str) -> bool {
    number.chars().all(|c| c.is_ascii_digit() || "¹²³".contains(c))
}

/// Control characters, ends of lines, and what changes the direction or has no width.
fn is_invisible(c: char) -> bool {
    let unseen = ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2060}'..='\u{2069}', '\u{feff}'..='\u{feff}'];
    c.is_control() || unseen.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_their_folder_and_can_be_read() {
        for name in ["accuracy", "latency_zcu102", "é", "a b", "-", "1", "v1.2", "console", "com", "com10", "a,b"] {
            assert_eq!(check_file(name), Ok(()), "{name:?}");
        }
        let long = "x".repeat(LONGEST + 1);
        let refused = [
            "",
            " ",
            " a",
            "a ",
            "a\n",
            "a\0b",
            "a\u{7f}",
            "a\u{202e}b",
            "\u{feff}a",
            ".",
            "..",
            ".a",
            "a.",
            "a/b",
            "../a",
            "/a",
            "a\\b",
            "c:a",
            "a<=1",
            "a*",
            "a?",
            "a|b",
            "a\"b",
            "con",
            "NUL",
            "aux.txt",
            "Com1",
            "lpt9.x",
            "com¹",
            "con .x",
            &long,
        ];
        for name in refused {
            assert!(check_file(name).is_err(), "{name:?}");
        }
        for name in ["conv1/kernel", "a:b", "nul", ".a"] {
            assert_eq!(check_column(name), Ok(()), "{name:?}");
        }
        for name in ["", "a\tb", " a", &long] {
            assert!(check_column(name).is_err(), "{name:?}");
        }
        let mut taken = Taken::default();
        assert!(taken.take("É.x").is_ok() && taken.take("b").is_ok());
        assert!(taken.take("b").unwrap_err().contains("already"));
        assert!(taken.take("é.X").unwrap_err().contains("in case alone"));
    }
}
