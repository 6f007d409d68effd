//! A text that lies where its owner lies, as long as it is short: to compare it costs no further look
//! into memory.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// Up to `SHORT` bytes in place, more behind a pointer.
#[derive(Debug)]
pub enum Text<const SHORT: usize> {
    /// How many of the bytes it has, and the bytes.
    Short(u8, [u8; SHORT]),
    /// All bytes.
    Long(Box<[u8]>),
}

impl<const SHORT: usize> Default for Text<SHORT> {
    fn default() -> Self {
        Self::Short(0, [0; SHORT])
    }
}

impl<const SHORT: usize> Text<SHORT> {
    /// A copy of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        const { assert!(SHORT <= u8::MAX as usize, "the length of a short text is one byte") }
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short(text.len() as u8, bytes)
            }
            None => Self::Long(text.as_bytes().into()),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl<const SHORT: usize> Borrow<[u8]> for Text<SHORT> {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// As its bytes, which it is looked for by.
impl<const SHORT: usize> Hash for Text<SHORT> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl<const SHORT: usize> PartialEq for Text<SHORT> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const SHORT: usize> Eq for Text<SHORT> {}

#[cfg(test)]
mod tests {
    use std::borrow::Borrow;
    use std::hash::{BuildHasher, RandomState};

    use super::Text;

    #[test]
    fn it_is_its_bytes_whatever_their_number() {
        const SHORT: usize = 22;
        let hasher = RandomState::new();
        for len in [0, 1, SHORT - 1, SHORT, SHORT + 1, 255] {
            let bytes = "x".repeat(len);
            let text = Text::<SHORT>::new(&bytes);
            let borrowed: &[u8] = text.borrow();
            assert_eq!(borrowed, bytes.as_bytes());
            assert_eq!(matches!(text, Text::Short(..)), len <= SHORT);
            assert_eq!(hasher.hash_one(&text), hasher.hash_one(bytes.as_bytes()), "found by its bytes");
            assert_eq!(text, Text::new(&bytes));
            assert_ne!(text, Text::new(&"y".repeat(len + 1)));
        }
    }
}
