//! What names of fields were found to mean: events bring the same few again and again.

/// What the paths have to do with a field, told from its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Nothing: none leads here.
    None,
    /// One ends here.
    Ends,
    /// Some lead on, to what is inside.
    Leads,
}

/// The last name that came at each of some places, if it has at most [`LONGEST`] bytes, and what it means.
#[derive(Debug, Clone)]
pub struct KnownNames(Box<[Option<Known>; PLACES]>);

const PLACES: usize = 64;
const LONGEST: usize = 32;

#[derive(Debug, Clone, Copy)]
struct Known {
    name: [u8; LONGEST],
    len: u8,
    concern: Concern,
}

impl Default for KnownNames {
    fn default() -> Self {
        Self(Box::new([None; PLACES]))
    }
}

impl KnownNames {
    /// What is known of a name, or found out now.
    #[inline]
    pub fn of(&mut self, name: &[u8], find_out: impl FnOnce() -> Concern) -> Concern {
        let place = place_of(name);
        match &self.0[place] {
            Some(known) if known.name.get(..usize::from(known.len)) == Some(name) => known.concern,
            _ => self.learn(place, name, find_out()),
        }
    }

    #[inline(never)]
    fn learn(&mut self, place: usize, name: &[u8], concern: Concern) -> Concern {
        let mut kept = [0; LONGEST];
        if let Some(start) = kept.get_mut(..name.len()) {
            start.copy_from_slice(name);
            self.0[place] = Some(Known { name: kept, len: name.len() as u8, concern });
        }
        concern
    }
}

#[inline]
fn place_of(name: &[u8]) -> usize {
    let [first, middle, last] = match name {
        [] => [0; 3],
        [first, .., last] => [*first, name[name.len() / 2], *last],
        [only] => [*only; 3],
    };
    let letters = u32::from_le_bytes([name.len() as u8, first, middle, last]);
    (letters.wrapping_mul(0x9e37_79b1) >> 26) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_name_keeps_its_own_concern(names in prop::collection::vec("[ab]{0,3}|[a-z]{30,35}", 1..200)) {
            let mut known = KnownNames::default();
            let concern = |name: &str| [Concern::None, Concern::Ends, Concern::Leads][name.len() % 3];
            for name in &names {
                prop_assert_eq!(known.of(name.as_bytes(), || concern(name)), concern(name));
            }
        }
    }

    #[test]
    fn what_is_known_is_not_found_out_again() {
        let mut known = KnownNames::default();
        assert_eq!(known.of(b"password", || Concern::Ends), Concern::Ends);
        assert_eq!(known.of(b"password", || unreachable!("known")), Concern::Ends);
    }
}
