//! A text that lies where its owner lies, as long as it is short.

/// Up to `SHORT` bytes in place, more behind a pointer.
#[derive(Debug)]
pub enum Text<const SHORT: usize> {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

impl<const SHORT: usize> Default for Text<SHORT> {
    fn default() -> Self {
        Self::Short(0, [0; SHORT])
    }
}

impl<const SHORT: usize> Text<SHORT> {
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

    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}
