//! Call sites: the fixed texts of a log statement, kept in a table by number.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::event::Layout;

/// Everything about a log statement that the compiler already knows.
///
/// The macros make one static per statement; events carry its number only.
#[derive(Debug)]
pub struct Callsite {
    message: &'static str,
    module: &'static str,
    file: &'static str,
    line: u32,
    fields: &'static [&'static str],
    id: OnceLock<u32>,
    layout: OnceLock<Layout>,
}

impl Callsite {
    /// A call site with the names of its fields in the order in which their values come.
    #[must_use]
    pub const fn new(
        message: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
        fields: &'static [&'static str],
    ) -> Self {
        Self { message, module, file, line, fields, id: OnceLock::new(), layout: OnceLock::new() }
    }

    /// The fixed message; empty where every event brings its own.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// The module of the statement.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// The source file of the statement.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// The line in that file.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The names of the fields.
    #[must_use]
    pub fn fields(&self) -> &'static [&'static str] {
        self.fields
    }

    /// How an event begins that was logged here.
    #[inline]
    pub(crate) fn layout(&'static self) -> &'static Layout {
        self.layout.get_or_init(|| Layout::of(self.fields))
    }

    /// The site's number; the first call enters it into the table.
    ///
    /// Entering takes no memory for the first 1,024 sites of a program (then a table of as many
    /// more, once), and waits for nobody but a thread that enters the very same site.
    #[inline]
    pub fn id(&'static self) -> u32 {
        match self.id.get() {
            Some(id) => *id,
            None => self.register(),
        }
    }

    /// The site's place in the table; `None` beyond its end.
    #[inline]
    pub(crate) fn index(&'static self) -> Option<usize> {
        Some(self.id()).filter(|id| *id != UNREGISTERED).map(|id| id as usize)
    }

    /// The site with this number.
    #[must_use]
    #[inline]
    pub fn by_id(id: u32) -> Option<&'static Callsite> {
        let (chunk, index) = (id as usize / CHUNK, id as usize % CHUNK);
        if chunk == 0 {
            return FIRST[index].get().copied();
        }
        MORE.get(chunk - 1)?.get()?[index].get().copied()
    }

    #[cold]
    fn register(&'static self) -> u32 {
        *self.id.get_or_init(|| {
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            let (chunk, index) = (id as usize / CHUNK, id as usize % CHUNK);
            if chunk == 0 {
                // The number is new, so the entry is empty and `set` succeeds.
                let _ = FIRST[index].set(self);
                return id;
            }
            match MORE.get(chunk - 1) {
                Some(more) => {
                    let entries = more.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
                    let _ = entries[index].set(self);
                    id
                }
                // A program with a million log statements: the rest keep their values but share a name.
                None => UNREGISTERED,
            }
        })
    }
}

/// The number of every site beyond the table's end; [`Callsite::by_id`] knows nothing of it.
const UNREGISTERED: u32 = u32::MAX;

const CHUNK: usize = 1024;
type Entry = OnceLock<&'static Callsite>;
static NEXT: AtomicU32 = AtomicU32::new(0);
static FIRST: [Entry; CHUNK] = [const { OnceLock::new() }; CHUNK];
static MORE: [OnceLock<Box<[Entry]>>; 1023] = [const { OnceLock::new() }; 1023];

/// Stops the compilation when a log statement names two fields alike.
///
/// # Panics
/// When two names are equal.
#[doc(hidden)]
pub const fn assert_unique(names: &[&str]) {
    let mut i = 0;
    while i < names.len() {
        let mut j = i + 1;
        while j < names.len() {
            assert!(!equal(names[i].as_bytes(), names[j].as_bytes()), "two fields of one event have the same name");
            j += 1;
        }
        i += 1;
    }
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaked(line: u32) -> &'static Callsite {
        Box::leak(Box::new(Callsite::new("m", "mod", "file", line, &["a", "b"])))
    }

    #[test]
    fn every_site_is_found_by_its_number_also_beyond_the_first_chunk() {
        let sites: Vec<_> = (0..3 * CHUNK as u32).map(leaked).collect();
        std::thread::scope(|scope| {
            // Two threads race to enter the same sites: each still gets one number.
            for _ in 0..2 {
                scope.spawn(|| sites.iter().for_each(|site| assert!(site.id() < UNREGISTERED)));
            }
        });
        for site in &sites {
            assert!(std::ptr::eq(Callsite::by_id(site.id()).unwrap(), *site));
        }
        assert!(Callsite::by_id(UNREGISTERED).is_none());
    }

    #[test]
    fn equal_names_are_refused() {
        assert_unique(&["a", "b", "ab"]);
        assert!(std::panic::catch_unwind(|| assert_unique(&["a", "b", "a"])).is_err());
    }
}
