//! The registry: name → who has it. Reads take no lock (`REG-6`), and what they find is whole: an actor
//! is in it from before anybody can know it until before anybody hears that it ended (`REG-2`).

use std::sync::Arc;

use foldhash::fast::RandomState;
use papaya::HashMap;

use crate::id::{ActorId, Address};
use crate::text::Text;

/// Longest name, in bytes (`REG-4`).
const MAX_NAME_BYTES: usize = 255;
/// Names up to this many bytes lie in the table.
const SHORT: usize = 22;

/// Who has a name: what a reference is made of. None of it changes as long as the actor lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Where it is.
    pub address: Address,
    /// Who it is.
    pub id: ActorId,
    /// Its path, unless that is `/user/` and the name, as it is for most.
    pub path: Option<Arc<str>>,
}

/// A holder as it lies in the table: with a short name it takes what a cache line has.
struct Entry {
    address: Address,
    id: ActorId,
    /// Few have one.
    path: Option<Box<Arc<str>>>,
}

/// Names and who has them.
#[derive(Default)]
pub struct Registry {
    names: HashMap<Text<SHORT>, Entry, RandomState>,
}

impl Registry {
    /// Takes a name; of several at once exactly one succeeds (`REG-1`).
    ///
    /// # Errors
    /// The address of whoever has it.
    pub fn claim(&self, name: &Arc<str>, holder: Holder) -> Result<(), Address> {
        let Holder { address, id, path } = holder;
        match self.names.pin().try_insert(Text::new(name), Entry { address, id, path: path.map(Box::new) }) {
            Ok(_) => Ok(()),
            Err(occupied) => Err(occupied.current.address),
        }
    }

    /// Gives a name back, unless it is somebody else's by now (`REG-3`).
    pub fn release(&self, name: &str, address: Address) {
        // Whoever has it meanwhile keeps it; either way nothing is left to be said.
        let _ = self.names.pin().remove_if(name.as_bytes(), |_, entry| entry.address == address);
    }

    /// Where who has this name is.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Address> {
        self.names.pin().get(name.as_bytes()).map(|entry| entry.address)
    }

    /// Who has this name.
    #[must_use]
    pub fn holder(&self, name: &str) -> Option<Holder> {
        let names = self.names.pin();
        let Entry { address, id, path } = names.get(name.as_bytes())?;
        Some(Holder { address: *address, id: *id, path: path.as_deref().cloned() })
    }

    /// How many names are taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no name is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Checks a name against `REG-4`; the error is the rule it breaks.
///
/// # Errors
/// A sentence for the user.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a name has at least one byte");
    }
    if name.len() > MAX_NAME_BYTES {
        return Err("a name has at most 255 bytes");
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("a name has no white space and no control characters");
    }
    if name.contains(['*', '>']) {
        return Err("a name has neither '*' nor '>'");
    }
    if name.split('.').any(str::is_empty) {
        return Err("a name has no empty part between its dots");
    }
    if name.starts_with('$') || name.starts_with("_INBOX") {
        return Err("names that begin with '$' or '_INBOX' are reserved");
    }
    if name.contains('/') {
        return Err("a name has no '/', which separates the parts of a path");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Holder, Registry, check_name};
    use crate::id::{ActorId, Address};
    use std::sync::Arc;

    #[test]
    fn names_that_could_not_be_subjects_are_refused() {
        for good in ["a", "parser", "a.b-c_d", "Größe", "x1"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let long = "x".repeat(256);
        for bad in ["", "a b", "a\tb", "a\0", ".a", "a.", "a..b", "a*", ">", "$a", "_INBOX.x", "a/b", &long] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_dead_holder_cannot_release_its_successors_name() {
        let (registry, name) = (Registry::default(), Arc::from("a"));
        let (old, new) = (Address { index: 1, tag: 1 }, Address { index: 1, tag: 2 });
        let holder = |address: Address| Holder { address, id: ActorId::new(1, address.tag as u32), path: None };
        assert_eq!(registry.claim(&name, holder(old)), Ok(()));
        assert_eq!(registry.claim(&name, holder(new)), Err(old));
        registry.release("a", old);
        assert_eq!(registry.claim(&name, holder(new)), Ok(()));
        registry.release("a", old);
        assert_eq!((registry.find("a"), registry.holder("a")), (Some(new), Some(holder(new))));
    }
}
