//! What an environment was too busy to hear: events that were dropped, and watches of groups that missed a
//! change. It hears of both when it has heard everything that came before.

use std::collections::HashMap;

/// What was not told.
#[derive(Debug, Default)]
pub struct Lost {
    /// Events that were dropped so far.
    events: u64,
    /// Those of them that nobody was told of yet.
    unsaid: u64,
    /// Watches that missed a change, and whether that was told. None of them is told of changes any more: who
    /// watches begins anew. No more than there are watches.
    behind: HashMap<u32, bool>,
}

/// Something to be told.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// So many events were dropped.
    Events(u64),
    /// This watch has to begin anew.
    Watch(u32),
}

impl Lost {
    /// An event is dropped.
    pub fn event(&mut self) {
        self.events += 1;
        self.unsaid += 1;
    }

    /// A change of a group is not told to this watch.
    pub fn change(&mut self, watch: u32) {
        self.behind.entry(watch).or_default();
    }

    /// Whether this watch missed a change.
    pub fn is_behind(&self, watch: u32) -> bool {
        !self.behind.is_empty() && self.behind.contains_key(&watch)
    }

    /// A watch has ended.
    pub fn forget(&mut self, watch: u32) {
        self.behind.remove(&watch);
    }

    /// Events that were dropped so far.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// What is to be told now; each is told once.
    pub fn take_news(&mut self) -> Vec<News> {
        let count = std::mem::take(&mut self.unsaid);
        let mut news: Vec<News> = (count > 0).then_some(News::Events(count)).into_iter().collect();
        for (watch, told) in self.behind.iter_mut().filter(|(_, told)| !**told) {
            *told = true;
            news.push(News::Watch(*watch));
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::{Lost, News};

    #[test]
    fn what_is_lost_is_told_once_and_counted_for_ever() {
        let mut lost = Lost::default();
        assert_eq!(lost.take_news(), []);
        lost.event();
        lost.event();
        lost.change(7);
        lost.change(7);
        assert_eq!(lost.take_news(), [News::Events(2), News::Watch(7)]);
        lost.change(7);
        assert_eq!(lost.take_news(), [], "who is behind knows that until he begins anew");
        assert!(lost.is_behind(7));
        lost.forget(7);
        lost.change(7);
        lost.event();
        assert_eq!(lost.take_news(), [News::Events(1), News::Watch(7)]);
        assert_eq!((lost.events(), lost.is_behind(8)), (3, false));
    }
}
