//! What the power cut writer writes: content that its seed alone determines.

use skiff_store::Revision;

/// The value for a seed, before and after its revision. Most are as small as Kubernetes objects are; one in eight is
/// over 128 KiB, from where on a page of the embedded database would be stored apart.
pub(crate) fn content(seed: u64) -> (Vec<u8>, Vec<u8>) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let length = match next() % 8 {
        0 => 131_072 + next() % 200_000,
        1 => 16_000 + next() % 2_000,
        _ => next() % 4_000,
    };
    let body = std::iter::repeat_with(|| next() as u8).take(length as usize);
    (
        format!("{seed} ").into_bytes(),
        [b' '].into_iter().chain(body).collect(),
    )
}

/// The seed of a value, if the value is exactly what its seed and revision make.
#[allow(dead_code, reason = "only the verifier reads")]
pub(crate) fn seed_of(value: &[u8], revision: Revision) -> Option<u64> {
    let end = value.iter().position(|byte| *byte == b' ')?;
    let seed = str::from_utf8(&value[..end]).ok()?.parse().ok()?;
    let (before, after) = content(seed);
    let expected = [&before, revision.to_string().as_bytes(), &after].concat();
    (value == expected).then_some(seed)
}
