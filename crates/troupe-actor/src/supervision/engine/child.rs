//! A supervisor's children and where each one stands.

use super::super::protocol::ChildNo;
use super::super::spec::{ChildSpec, Restart};

/// Where a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// No life and none to come, unless somebody asks or the supervisor itself starts again.
    Ended,
    /// No life; the next one begins when its turn comes.
    Waiting,
    /// No life; the next one begins when this timer is due.
    Delayed {
        /// The timer.
        timer: u64,
    },
    /// A life begins.
    Starting,
    /// Up.
    Up,
    /// A life is being ended.
    Stopping,
}

impl ChildState {
    /// Whether there is a life, be it half begun or half ended.
    #[must_use]
    pub const fn has_life(self) -> bool {
        matches!(self, Self::Starting | Self::Up | Self::Stopping)
    }
}

/// What becomes of a child whose life has been ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits for the next one.
    Live,
    /// Its place is given up too.
    End,
}

/// One child.
#[derive(Debug)]
pub(super) struct Child {
    pub no: ChildNo,
    pub spec: ChildSpec,
    pub state: ChildState,
    pub fate: Fate,
    /// Number of the last life begun; 0 before the first.
    pub incarnation: u32,
    /// Its place exists.
    pub place: bool,
    /// The first life that its place had; 0 for a place that was there before any.
    pub place_since: u32,
    /// It has been up since the supervisor's own start.
    pub been_up: bool,
    /// It was ended by a request, so that only a request brings it up again (`RST-2`).
    pub requested: bool,
    /// Its addition is not confirmed yet: it goes again if it does not come up.
    pub added: bool,
    /// Failures in a row; one-for-one only, else the group counts them.
    pub failures: u32,
    /// Restarts ever attempted because of this child.
    pub restarts: u32,
    /// Who is told when it is up.
    pub start_request: Option<u64>,
    /// Who is told when it has ended.
    pub stop_requests: Vec<u64>,
}

impl Child {
    pub fn new(no: ChildNo, spec: ChildSpec) -> Self {
        Self {
            no,
            spec,
            state: ChildState::Waiting,
            fate: Fate::Live,
            incarnation: 0,
            place: true,
            place_since: 0,
            been_up: false,
            requested: false,
            added: false,
            failures: 0,
            restarts: 0,
            start_request: None,
            stop_requests: Vec::new(),
        }
    }

    pub fn is_temporary(&self) -> bool {
        self.spec.restart == Restart::Temporary
    }

    /// Whether a report about this life is about the present one.
    pub fn is_current(&self, incarnation: u32) -> bool {
        #[cfg(troupe_planted)]
        let incarnation =
            if crate::planted::is(crate::planted::Bug::StaleReport) { self.incarnation } else { incarnation };
        self.incarnation == incarnation && self.state.has_life()
    }
}

/// All children in start order, which is the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Children {
    list: Vec<Child>,
}

impl Children {
    pub fn push(&mut self, child: Child) {
        debug_assert!(self.list.last().is_none_or(|last| last.no < child.no));
        self.list.push(child);
    }

    fn position(&self, no: ChildNo) -> Option<usize> {
        self.list.binary_search_by_key(&no, |child| child.no).ok()
    }

    pub fn get(&self, no: ChildNo) -> Option<&Child> {
        self.list.get(self.position(no)?)
    }

    pub fn get_mut(&mut self, no: ChildNo) -> Option<&mut Child> {
        let position = self.position(no)?;
        self.list.get_mut(position)
    }

    pub fn remove(&mut self, no: ChildNo) {
        if let Some(position) = self.position(no) {
            self.list.remove(position);
        }
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Child> {
        self.list.iter()
    }

    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Child> {
        self.list.iter_mut()
    }

    /// The first one from `no` on whose turn to start has come.
    pub fn next_waiting(&self, no: ChildNo) -> Option<ChildNo> {
        let from = self.list.partition_point(|child| child.no < no);
        self.list.get(from..)?.iter().find(|child| child.state == ChildState::Waiting).map(|child| child.no)
    }

    /// The last one with a life, from `first` on and before `below`.
    pub fn last_alive(&self, first: ChildNo, below: ChildNo) -> Option<&Child> {
        let from = self.list.partition_point(|child| child.no < first);
        let to = self.list.partition_point(|child| child.no < below);
        self.list.get(from..to)?.iter().rev().find(|child| child.state.has_life())
    }
}
