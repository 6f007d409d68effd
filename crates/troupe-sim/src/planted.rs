//! Planted bugs: one rule broken each, to show that the model would notice.

use crate::run::{Failure, Plan};

/// A bug that a build with `--cfg troupe_planted` can have.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// Its name.
    pub name: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
    #[cfg(troupe_planted)]
    bug: troupe_actor::planted::Bug,
}

/// The bugs of this build; `None` for an ordinary one.
#[must_use]
pub fn bugs() -> Option<Vec<Planted>> {
    #[cfg(troupe_planted)]
    {
        use troupe_actor::planted::Bug;
        Some(Bug::ALL.iter().map(|bug| Planted { name: bug.name(), rule: bug.rule(), bug: *bug }).collect())
    }
    #[cfg(not(troupe_planted))]
    None
}

/// The first seed that shows a bug.
#[must_use]
pub fn find(bug: Planted, plan: &Plan) -> Option<Failure> {
    #[cfg(troupe_planted)]
    {
        troupe_actor::planted::plant(Some(bug.bug));
        let found = (plan.from..plan.from + plan.seeds).find_map(|seed| crate::run::run(seed).err());
        troupe_actor::planted::plant(None);
        found
    }
    #[cfg(not(troupe_planted))]
    {
        let _ = (bug, plan);
        None
    }
}
