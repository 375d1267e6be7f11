//! Which build of the loops runs: those for AVX-512 or AVX2, or those for any processor. All give the same bits.

use std::sync::LazyLock;

/// What the loops are compiled for; a processor runs those up to its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Build {
    Portable,
    /// With AVX2.
    Avx2,
    /// With AVX-512: its foundation, bytes and words, and byte permutations.
    Avx512,
}

impl Build {
    /// The name that reports give.
    fn name(self) -> &'static str {
        match self {
            Build::Portable => "portable",
            Build::Avx2 => "AVX2",
            Build::Avx512 => "AVX-512",
        }
    }

    /// The best that this processor runs.
    #[cfg(target_arch = "x86_64")]
    fn best() -> Build {
        let has_512 = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vbmi");
        match std::is_x86_feature_detected!("avx2") {
            true if has_512 => Build::Avx512,
            true => Build::Avx2,
            false => Build::Portable,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Build {
        Build::Portable
    }
}

/// The build that runs: the processor's best, or as `ACCELNAS_BUILD` bounds it.
static CHOSEN: LazyLock<Build> = LazyLock::new(|| {
    let bound = match std::env::var("ACCELNAS_BUILD").as_deref() {
        Ok("portable") => Build::Portable,
        Ok("avx2") => Build::Avx2,
        _ => Build::Avx512,
    };
    Build::best().min(bound)
});

/// The build whose loops run on this thread.
pub(crate) fn build() -> Build {
    #[cfg(test)]
    return CHOSEN.min(BOUND.get());
    #[cfg(not(test))]
    *CHOSEN
}

/// The name of the build that runs.
pub fn build_name() -> &'static str {
    CHOSEN.name()
}

/// Whether the loops for AVX2 run, or those beyond it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn avx2_enabled() -> bool {
    build() >= Build::Avx2
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

#[cfg(test)]
thread_local! {
    /// Lowered where tests compare builds, see [`every_build`].
    static BOUND: std::cell::Cell<Build> = const { std::cell::Cell::new(Build::Avx512) };
}

/// What work on this thread alone gives by each build that this processor runs, the best first.
#[cfg(test)]
pub(crate) fn every_build<T>(work: impl Fn() -> T) -> Vec<T> {
    let builds = [Build::Avx512, Build::Avx2, Build::Portable];
    let given = builds.iter().filter(|&&bound| bound <= *CHOSEN).map(|&bound| {
        BOUND.set(bound);
        let given = work();
        BOUND.set(Build::Avx512);
        given
    });
    given.collect()
}
