//! Files of a benchmark: read whole, of a size that makes sense, and replaced whole.

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};
use crate::hash::sha256_hex;

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

/// Most bytes of an artifact.
const LARGEST: u64 = 1 << 32;

/// Writes a file so that a reader sees the old one or the new one, never a part.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut builder = tempfile::Builder::new();
        // What a plainly created file gets, not the private mode of temporary files.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let mut file = builder.prefix(".accelnas-").tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(Error::io(path))
}

/// Reads a file and compares its hash. What was hashed is what is parsed: a map of the file would change with it.
pub(crate) fn read_hashed(path: &Path, sha256: &str) -> Result<Vec<u8>> {
    let bytes = read(path, LARGEST)?;
    let found = sha256_hex(&bytes);
    if found != sha256 {
        let recorded_in = BENCHMARK_FILE;
        return Err(Error::Hash { path: path.to_owned(), found, recorded: sha256.to_owned(), recorded_in });
    }
    Ok(bytes)
}

/// Name of the file that makes a directory a benchmark.
pub(crate) const BENCHMARK_FILE: &str = "benchmark.toml";

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
