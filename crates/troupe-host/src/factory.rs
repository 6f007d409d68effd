//! Makes the incarnations of one component under one set of limits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use troupe_actor::behavior::{Behavior, BehaviorFactory};
use troupe_actor::reason::{Crash, ReasonTag, StartError};

use crate::component::LoadedComponent;
use crate::engine::ClassKey;
use crate::error::HostError;
use crate::instance::ComponentActor;
use crate::limits::Limits;
use crate::plan::Plan;

/// Instances made ahead once a component is used: `(small, large)` components.
const STOCK_FIRST: (usize, usize) = (16, 2);
/// The same for a component that is spawned often.
const STOCK_MAX: (usize, usize) = (128, 8);
/// The part of a pool that one component's stock may take: one in so many slots.
const STOCK_SHARE: usize = 16;

/// Instances made ahead.
pub(crate) struct Stock {
    plan: Arc<Plan>,
    #[expect(clippy::vec_box, reason = "they leave as boxes, and moving one would copy it")]
    ready: Mutex<Vec<Box<ComponentActor>>>,
    /// How many there should be.
    wanted: AtomicUsize,
    most: usize,
    /// A refill was asked for and has not come.
    asked: AtomicBool,
}

impl Stock {
    fn new(plan: Arc<Plan>) -> Self {
        let pick = |(small, large): (usize, usize)| if plan.is_small() { small } else { large };
        let share = plan.slots() as usize / STOCK_SHARE;
        let most = if plan.may_be_warm { pick(STOCK_MAX).min(share) } else { 0 };
        let wanted = AtomicUsize::new(pick(STOCK_FIRST).min(most));
        Self { plan, ready: Mutex::default(), wanted, most, asked: AtomicBool::new(false) }
    }

    /// Takes one; asks for more when few are left.
    fn take(self: &Arc<Self>) -> Option<Box<ComponentActor>> {
        if self.most == 0 {
            return None;
        }
        let (taken, left) = {
            let mut ready = self.ready.lock();
            (ready.pop(), ready.len())
        };
        let wanted = self.wanted.load(Ordering::Relaxed);
        if left <= wanted / 4 && !self.asked.swap(true, Ordering::Relaxed) {
            if taken.is_none() && wanted < self.most {
                self.wanted.store((wanted * 2).min(self.most), Ordering::Relaxed);
            }
            self.plan.component.core.keeper.refill(self);
        }
        taken
    }

    /// Fills up; called by the keeper.
    pub(crate) fn fill(&self) {
        self.plan.prepare_room();
        let wanted = self.wanted.load(Ordering::Relaxed);
        for _ in 0..wanted {
            if self.ready.lock().len() >= wanted {
                break;
            }
            let Some(actor) = self.plan.instantiate_pooled() else { break };
            self.ready.lock().push(actor);
        }
        self.asked.store(false, Ordering::Relaxed);
    }
}

/// The factory of one component under one set of limits.
pub(crate) struct ComponentFactory {
    component: Arc<LoadedComponent>,
    limits: Limits,
    key: ClassKey,
    stock: OnceLock<Arc<Stock>>,
}

impl ComponentFactory {
    pub(crate) fn new(component: &Arc<LoadedComponent>, limits: Limits) -> Result<Self, HostError> {
        limits.check()?;
        let key = ClassKey::of(&component.geometry, &limits)?;
        let made = Self { component: Arc::clone(component), limits, key, stock: OnceLock::new() };
        if component.is_compiled(key) {
            made.stock()?;
        }
        Ok(made)
    }

    /// The plan and its stock; the first call may compile.
    fn stock(&self) -> Result<&Arc<Stock>, HostError> {
        if let Some(stock) = self.stock.get() {
            return Ok(stock);
        }
        let plan = Plan::new(&self.component, self.key, &self.limits)?;
        Ok(self.stock.get_or_init(|| Arc::new(Stock::new(Arc::new(plan)))))
    }
}

impl BehaviorFactory for ComponentFactory {
    fn create(&self) -> Result<Box<dyn Behavior>, StartError> {
        let stock = self.stock().map_err(|error| StartError {
            crash: Crash::new(ReasonTag::StartFailed, error.to_string()),
            deterministic: true,
        })?;
        match stock.take() {
            Some(actor) => Ok(actor),
            None => Ok(stock.plan.instantiate()?),
        }
    }

    fn creates_inline(&self) -> bool {
        self.stock.get().is_some_and(|stock| stock.plan.creates_quickly())
    }

    fn retire(&self, behavior: Box<dyn Behavior>) {
        self.component.core.keeper.bury(behavior);
    }
}
