//! Timers that TypeScript sets, at once and not with a turn. What is set is numbered; a negative number is
//! that of an error code.

use napi::bindgen_prelude::{Uint8Array, Uint32Array};
use napi_derive::napi;
use troupe_actor::ask::AskError;
use troupe_actor::id::Address;
use troupe_actor::timer::{Repeat, TimerError, TimerOrder};

use crate::convert::from_words;
use crate::system::NativeSystem;

/// Who is meant and what is wanted: an address, delay, period and mode; then the life and the key of a
/// timer that is its own.
struct Wanted {
    target: Address,
    delay_ms: u32,
    repeat: Option<Repeat>,
    incarnation: u32,
    key: u32,
}

impl Wanted {
    fn read(words: &[u32]) -> Self {
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        Self {
            target: from_words(word(0), word(1), word(2)),
            delay_ms: word(3),
            repeat: Repeat::from_words(word(4), word(5)),
            incarnation: word(6),
            key: word(7),
        }
    }

    fn order<'a>(&self, payload: &'a [u8]) -> Option<TimerOrder<'a>> {
        Some(TimerOrder { delay_ms: self.delay_ms, repeat: self.repeat?, payload })
    }
}

/// An actor that has ended has no timers: that is no error, its message was refused.
fn number_of(error: TimerError) -> i64 {
    match error {
        TimerError::Ended => 0,
        TimerError::TooMany => -i64::from(AskError::MailboxFull as u32),
        TimerError::TooLarge => -i64::from(AskError::TooLarge as u32),
    }
}

#[napi]
impl NativeSystem {
    #[napi(catch_unwind)]
    pub fn set_timer(&self, words: Uint32Array, key: Option<String>, payload: Uint8Array) -> i64 {
        let wanted = Wanted::read(&words);
        let Some(order) = wanted.order(&payload) else { return 0 };
        let own = Address { index: Address::PORT | self.core.waiter(0).port, tag: 0 };
        let set = self.core.system.set_timer(wanted.target, own, &order, key.as_deref());
        set.map_or_else(number_of, i64::from)
    }

    #[napi(catch_unwind)]
    pub fn cancel_timer(&self, index: u32, tag_lo: u32, tag_hi: u32, number: u32) -> bool {
        self.core.system.cancel_timer(from_words(index, tag_lo, tag_hi), number)
    }

    #[napi(catch_unwind)]
    pub fn set_own_timer(&self, words: Uint32Array, payload: Uint8Array) -> i64 {
        let wanted = Wanted::read(&words);
        let Some(order) = wanted.order(&payload) else { return 0 };
        let set = self.core.system.set_own_timer(wanted.target, wanted.incarnation, wanted.key, &order);
        set.map_or_else(number_of, |()| i64::from(wanted.key))
    }

    #[napi(catch_unwind)]
    pub fn cancel_own_timer(&self, words: Uint32Array) -> bool {
        let wanted = Wanted::read(&words);
        self.core.system.cancel_own_timer(wanted.target, wanted.incarnation, wanted.key)
    }
}
