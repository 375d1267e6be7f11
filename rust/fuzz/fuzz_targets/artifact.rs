//! Any bytes as an artifact: an error or a surrogate that predicts, never a crash or unbounded memory.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use accelnas_core::artifact::from_bytes;
use accelnas_core::predict::{Predictor, Std};
use accelnas_core::space::Space;
use accelnas_core::threads::Run;
use libfuzzer_sys::fuzz_target;

static SPACE: LazyLock<Space> = LazyLock::new(|| {
    let text = include_str!("space.toml");
    Space::from_toml(text).expect("the fuzzing space is valid")
});
static RUNNING: AtomicBool = AtomicBool::new(false);

fuzz_target!(|bytes: &[u8]| {
    let run = Run { threads: Some(1), rows: usize::MAX, cancelled: &RUNNING };
    if let Ok((header, surrogate, uncertainty)) = from_bytes(Path::new("fuzz"), bytes, &SPACE) {
        let predictor = Predictor::new(surrogate, header.link, uncertainty);
        let rows = SPACE.sample(3, 0, false).expect("the space can be sampled");
        if let Ok(predictor) = predictor {
            predictor.predict_f64(&SPACE, &rows, Some(Std::Total), &run).expect("nobody stops the run");
        }
    }
});
