//! Memory whose size a caller chooses: refused with an error, never by an abort.

use std::alloc::{Layout, alloc_zeroed};

use crate::error::{Error, Result};

/// Numbers of which zero bytes are the number 0.
///
/// # Safety
/// A value of zero bytes must be valid, and the type must not own anything.
pub unsafe trait Zero: Copy {}

macro_rules! zeros_are_zero {
    ($($number:ty)*) => {
        $(
            // SAFETY: integers and floats own nothing, and their zero bytes are 0.
            unsafe impl Zero for $number {}
        )*
    };
}
zeros_are_zero!(u8 u16 i32 u64 f32 f64);

/// Zeros for rows of so many numbers each. The system hands them out as they are written, so a part that is never used costs nothing.
pub fn zeros<T: Zero>(rows: usize, width: usize) -> Result<Vec<T>> {
    let (len, layout) = fitting::<T>(rows, width)?;
    if layout.size() == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the layout has a size.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        return Err(refused::<T>(rows, width));
    }
    // SAFETY: the allocator of vectors made the memory for so many values, and zero bytes are values.
    Ok(unsafe { Vec::from_raw_parts(start.cast(), len, len) })
}

/// Room for rows of so many values each.
pub fn room<T>(rows: usize, width: usize) -> Result<Vec<T>> {
    let mut out = Vec::new();
    out.try_reserve_exact(fitting::<T>(rows, width)?.0).map_err(|_| refused::<T>(rows, width))?;
    Ok(out)
}

/// Number of the values, and their memory, where the system has so much left.
fn fitting<T>(rows: usize, width: usize) -> Result<(usize, Layout)> {
    let found = rows.checked_mul(width).and_then(|len| Some((len, Layout::array::<T>(len).ok()?)));
    found.filter(|(_, layout)| layout.size() <= available(layout.size())).ok_or_else(|| refused::<T>(rows, width))
}

/// Memory that the system has left, where so many bytes may be more: some systems promise more than they have, and
/// end the process that uses it.
fn available(bytes: usize) -> usize {
    const LARGE: usize = 1 << 30;
    let read = |path: &str| std::fs::read_to_string(path).ok();
    if bytes < LARGE || !cfg!(target_os = "linux") {
        return usize::MAX;
    }
    let of_system = read("/proc/meminfo").map_or(usize::MAX, |text| {
        let kib = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<usize>().ok())
        };
        kib("MemAvailable:").map_or(usize::MAX, |free| (free + kib("SwapFree:").unwrap_or(0)).saturating_mul(1024))
    });
    let number = |path: &str| read(path).and_then(|text| text.trim().parse::<usize>().ok());
    let of_group = number("/sys/fs/cgroup/memory.max")
        .map_or(usize::MAX, |most| most.saturating_sub(number("/sys/fs/cgroup/memory.current").unwrap_or(0)));
    of_system.min(of_group)
}

fn refused<T>(rows: usize, width: usize) -> Error {
    Error::Memory { rows, bytes: rows as u128 * width.saturating_mul(size_of::<T>()) as u128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_zeros_and_too_many_are_refused_with_their_size() {
        assert_eq!(zeros::<f64>(3, 5).unwrap(), [0.0; 15]);
        assert_eq!(zeros::<u8>(0, 5).unwrap().len() + zeros::<u8>(5, 0).unwrap().len(), 0);
        for (rows, width) in [(1 << 62, 28), (usize::MAX, 1), (1 << 40, 1 << 40), (1 << 60, 1)] {
            let message = zeros::<f64>(rows, width).unwrap_err().to_string();
            let size = rows as f64 * width as f64 * 8.0 / (1u64 << 30) as f64;
            assert!(message.contains(&format!("{size:.1} GiB")), "{message} of {size}");
        }
        assert!(matches!(room::<u64>(1 << 60, 1), Err(Error::Memory { .. })));
    }
}
