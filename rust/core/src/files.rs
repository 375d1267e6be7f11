//! Files that are read: whole ones on a disk, of a size that makes sense.

use std::path::Path;

use crate::error::{Error, Result};

/// The bytes of a regular file, 1 to `limit`; a pipe or a device would block, or never end.
///
/// Not mapped: some file systems can't, and what another process cuts short would end this one.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let found = std::fs::metadata(path).map_err(Error::io(path))?; // not of an open file: opening a pipe waits
    if !found.is_file() {
        let what = if found.is_dir() { "a folder" } else { "a pipe or a device" };
        return Err(Error::artifact(path, format!("is {what}, no file; name a file of a benchmark")));
    }
    match found.len() {
        0 => Err(Error::artifact(path, "is empty; restore or recompile it")),
        size if size <= limit => std::fs::read(path).map_err(Error::io(path)),
        size => Err(Error::artifact(path, format!("has {size} bytes, at most {limit} are read; recompile it"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_files_of_a_fitting_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let refusal = |path: &Path| read(path, 3).unwrap_err().to_string();
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"abc");
        std::fs::write(&path, b"abcd").unwrap();
        assert!(refusal(&path).contains("has 4 bytes, at most 3"));
        std::fs::write(&path, b"").unwrap();
        assert!(refusal(&path).contains("is empty"));
        assert!(refusal(folder.path()).contains("is a folder"));
        assert!(refusal(&folder.path().join("absent")).contains("absent"));
        #[cfg(unix)]
        assert!(refusal(Path::new("/dev/zero")).contains("a pipe or a device"));
    }
}
