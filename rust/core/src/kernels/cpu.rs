//! Which build of the loops runs: the one for AVX2, or that for any processor.

/// Whether the AVX2 build of the loops runs: the processor has it and `ACCELNAS_PORTABLE` is not set.
#[cfg(target_arch = "x86_64")]
pub(crate) fn avx2_enabled() -> bool {
    static ENABLED: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        std::is_x86_feature_detected!("avx2") && std::env::var_os("ACCELNAS_PORTABLE").is_none()
    });
    *ENABLED && !(cfg!(test) && PORTABLE.get())
}

#[cfg(target_arch = "x86_64")]
thread_local! {
    /// Set where tests compare both builds, see `both`.
    static PORTABLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Defines a function that is compiled twice and picks the build that the processor runs.
macro_rules! compiled_twice {
    ($(#[$doc:meta])* pub(crate) fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            fn portable($($arg: $type),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $type),*) $(-> $out)? {
                    portable($($arg),*)
                }
                if $crate::kernels::cpu::avx2_enabled() {
                    // SAFETY: the processor has AVX2.
                    return unsafe { avx2($($arg),*) };
                }
            }
            portable($($arg),*)
        }
    };
}

pub(crate) use compiled_twice;

/// What work on this thread alone gives by the build for this processor, and by the one for any.
#[cfg(test)]
pub(crate) fn both<T>(work: impl Fn() -> T) -> [T; 2] {
    let fast = work();
    #[cfg(target_arch = "x86_64")]
    PORTABLE.set(true);
    let portable = work();
    #[cfg(target_arch = "x86_64")]
    PORTABLE.set(false);
    [fast, portable]
}
