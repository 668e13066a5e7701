//! How far into a batch a sink came before it failed.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Remembers how many bytes of a batch were written for good before a write failed, so that the
/// retry of the same batch goes on there instead of writing lines twice.
///
/// The batch is known again by length and hash of its bytes; it costs nothing while all goes well.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    left: Option<Left>,
}

#[derive(Debug)]
struct Left {
    len: usize,
    hash: u64,
    written: usize,
}

impl Progress {
    /// Where to begin with these bytes: zero unless they were left half-written. Forgets what it knew.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        let same = |left: &Left| left.len == bytes.len() && left.hash == hash(bytes);
        self.left.take().filter(same).map_or(0, |left| left.written)
    }

    /// The first `written` of these bytes need not be written again.
    pub(crate) fn leave(&mut self, bytes: &[u8], written: usize) {
        self.left = (written > 0).then(|| Left { len: bytes.len(), hash: hash(bytes), written });
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_go_on_and_only_once() {
        let mut progress = Progress::default();
        progress.leave(b"a\nb\n", 2);
        assert_eq!(progress.take(b"a\nb\n"), 2);
        assert_eq!(progress.take(b"a\nb\n"), 0);
        progress.leave(b"a\nb\n", 2);
        assert_eq!(progress.take(b"a\nc\n"), 0);
        assert_eq!(progress.take(b"a\nb\n"), 0);
    }
}
