//! What only tests call: time by hand, and waiting until nothing is left to do.

use napi_derive::napi;

use crate::system::NativeSystem;

#[napi]
impl NativeSystem {
    #[napi(catch_unwind)]
    pub fn now(&self) -> f64 {
        self.core.system.now_ms() as f64
    }

    #[napi(catch_unwind)]
    pub fn advance(&self, ms: f64) -> bool {
        self.core.system.advance(ms as u64)
    }

    #[napi(catch_unwind)]
    pub fn next_moment(&self) -> Option<f64> {
        self.core.system.next_moment().map(|due| due as f64)
    }

    #[napi(catch_unwind)]
    pub fn hold(&self, on: bool) {
        self.core.system.hold(on);
    }

    #[napi(catch_unwind)]
    pub fn is_quiet(&self) -> bool {
        self.core.system.is_quiet()
    }

    #[napi(catch_unwind)]
    pub fn when_quiet(&self, slot: u32) {
        self.core.system.when_quiet(self.core.waiter(slot));
    }
}
