//! Random numbers by counter: a number is a function of a seed and of its place alone.

/// SplitMix64's finaliser (Steele, Lea and Flood 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Unbiased integer below `bound` (Lemire 2019), the value of counter `row` in a seed's stream.
pub(crate) fn uniform(seed: u64, row: u64, bound: u64) -> u64 {
    let mut word = mix(mix(seed).wrapping_add(row.wrapping_mul(0xd134_2543_de82_ef95)));
    loop {
        let product = u128::from(word) * u128::from(bound);
        let low = product as u64;
        if low >= bound || low >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
        word = mix(word);
    }
}
