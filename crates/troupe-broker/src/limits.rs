//! What one broker may hold.

/// Bounds of a broker; each with what happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest topic or pattern, in bytes (`TOP-5`); a longer one is refused.
    pub max_topic_bytes: usize,
    /// Most tokens of a topic or pattern (`TOP-5`); more are refused. At most 255: matching descends
    /// one call per token.
    pub max_tokens: u8,
    /// Whether a pattern's token may mix a wildcard's sign with other characters and then match only
    /// itself, as with NATS (`TOP-3`).
    pub allow_literal_wildcards: bool,
    /// Most subscriptions; another one is refused.
    pub max_subscriptions: usize,
    /// Most topics whose route is kept between publishes; another one takes the place of an older one.
    pub cached_routes: usize,
    /// Most targets in all kept routes together; over it, routes are forgotten until they fit.
    pub cached_targets: usize,
    /// Most retained last values; another topic's is refused.
    pub retained_values: usize,
    /// Most bytes of retained topics and values together; what would not fit is refused.
    pub retained_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_topic_bytes: 512,
            max_tokens: 32,
            allow_literal_wildcards: false,
            max_subscriptions: 1 << 24,
            cached_routes: 1 << 14,
            cached_targets: 1 << 20,
            retained_values: 10_000,
            retained_bytes: 64 << 20,
        }
    }
}
