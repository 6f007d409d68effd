//! Numbered places in one allocation: what refers to each other by number is small and moves freely.

/// The number that is nobody's.
pub const NONE: u32 = u32::MAX;

/// Values by number; a number is used again after its value was removed.
#[derive(Debug)]
pub struct Slab<T> {
    values: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }
}

impl<T: Default> Slab<T> {
    pub fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Puts a value somewhere. The caller bounds how many there are, far below [`NONE`].
    pub fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop()
            && let Some(place) = self.get_mut(at)
        {
            *place = value;
            return at;
        }
        self.values.push(value);
        (self.values.len() - 1) as u32
    }

    /// Removes the value with this number; a slab that is empty gives its memory back.
    pub fn remove(&mut self, at: u32) -> Option<T> {
        let value = std::mem::take(self.values.get_mut(at as usize)?);
        self.free.push(at);
        if self.free.len() == self.values.len() {
            *self = Self::default();
        }
        Some(value)
    }

    pub fn get(&self, at: u32) -> Option<&T> {
        self.values.get(at as usize)
    }

    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.values.get_mut(at as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn a_number_is_used_again_and_an_empty_slab_holds_no_memory() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!((slab.get(a), slab.get(b), slab.len()), (Some(&"a"), Some(&"b"), 2));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.insert("c"), a);
        assert_eq!((slab.remove(a), slab.remove(b)), (Some("c"), Some("b")));
        assert_eq!((slab.len(), slab.values.capacity()), (0, 0));
    }
}
