//! The behavior of every actor of a run: it asks the model what to do.

use std::sync::Arc;

use troupe_actor::behavior::{Behavior, BehaviorFactory, InlineTurn, SuspendedTurn};
use troupe_actor::frame::{Frames, kind};
use troupe_actor::health::Health;
use troupe_actor::interrupt;
use troupe_actor::reason::{Crash, ReasonTag, StartError};

use crate::model::{Came, Handle};
use crate::plan::Inline;
use crate::script::End;

/// The text of panics that are part of a run.
pub const PANIC: &str = "a panic of the simulation";

/// The number of an actor that its life learns when it starts.
pub const UNBOUND: usize = usize::MAX;

/// Makes the lives of one actor.
pub struct Factory {
    /// The model.
    pub model: Handle,
    /// The actor's number in it.
    pub key: usize,
    /// Comes up on whatever thread asks for it.
    pub inline_start: bool,
    /// What it does on a port's thread.
    pub inline: Inline,
    /// Takes several messages a turn.
    pub batches: bool,
}

impl BehaviorFactory for Factory {
    fn create(&self) -> Result<Box<dyn Behavior>, StartError> {
        let life = if self.key == UNBOUND { 0 } else { self.model.lock().created(self.key) };
        Ok(Box::new(Life {
            model: Arc::clone(&self.model),
            key: self.key,
            life,
            inline: self.inline,
            batches: self.batches,
            output: Vec::new(),
        }))
    }

    fn creates_inline(&self) -> bool {
        self.inline_start
    }
}

struct Life {
    model: Handle,
    key: usize,
    life: u32,
    inline: Inline,
    batches: bool,
    output: Vec<u8>,
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.key != UNBOUND {
            self.model.lock().dropped(self.key, self.life);
        }
    }
}

impl Life {
    /// The child of a supervisor learns who it is from its configuration.
    fn bind(&mut self, config: &[u8]) {
        let own = Frames::new(config).find(|frame| frame.kind == kind::SELF).map(|frame| frame.address);
        let mut model = self.model.lock();
        if let Some(key) = own.and_then(|own| model.find(own)) {
            self.key = key;
            self.life = model.created(key);
        }
    }

    fn run(&mut self, turn: &[u8]) -> Result<(), Crash> {
        let killed = interrupt::is_killed();
        let (end, output) = self.model.lock().handle(self.key, turn, killed);
        self.output = output;
        match end {
            End::Returns => Ok(()),
            End::Traps(tag) => Err(Crash::new(tag, "as the seed says")),
            End::Panics => panic!("{PANIC}"),
        }
    }
}

impl Behavior for Life {
    fn start(&mut self, config: &[u8]) -> Result<(), StartError> {
        if self.key == UNBOUND {
            self.bind(config);
        }
        // One that comes up anywhere runs no code of its own there, so it cannot fail there either.
        let result = self.model.lock().start(self.key, interrupt::is_killed());
        result.map_err(|(tag, deterministic)| StartError { crash: Crash::new(tag, "as the seed says"), deterministic })
    }

    fn handle(&mut self, turn: &[u8]) -> Result<(), Crash> {
        self.run(turn)
    }

    fn output(&self) -> &[u8] {
        &self.output
    }

    fn handle_inline(mut self: Box<Self>, turn: &[u8]) -> InlineTurn {
        let (model, key) = (Arc::clone(&self.model), self.key);
        model.lock().take_turn(key, turn);
        match self.inline {
            Inline::Never | Inline::Declines => {
                model.lock().before_commit(key, Came::Declined);
                InlineTurn::Declined(self)
            }
            Inline::Suspends => {
                model.lock().before_commit(key, Came::Suspended);
                InlineTurn::Suspended(Box::new(Half { life: self, turn: turn.to_vec() }))
            }
            Inline::Runs => {
                // A panic must not keep the model from hearing what becomes of the turn.
                let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.run(turn)));
                model.lock().before_commit(key, Came::Ran);
                match caught {
                    Ok(result) => InlineTurn::Done(self, result),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        }
    }

    fn runs_inline(&self) -> bool {
        self.inline != Inline::Never
    }

    fn takes_batches(&self) -> bool {
        self.batches
    }

    fn health(&mut self) -> Result<Health, Crash> {
        match self.model.lock().answer_probe(self.key, interrupt::is_killed()) {
            Ok(state) => Ok(Health::new(state, "as the seed says")),
            Err(Some(tag)) => Err(Crash::new(tag, "as the seed says")),
            Err(None) => panic!("{PANIC}"),
        }
    }

    fn stop(&mut self) {
        let panics = self.model.lock().stop(self.key);
        assert!(!panics, "{PANIC}");
    }
}

/// A turn that left the port's thread half-way.
struct Half {
    life: Box<Life>,
    turn: Vec<u8>,
}

impl SuspendedTurn for Half {
    fn finish(mut self: Box<Self>) -> (Option<Box<dyn Behavior>>, Result<(), Crash>) {
        let result = self.life.run(&self.turn);
        // An engine may lose the behavior with the crash.
        let lost = matches!(&result, Err(crash) if crash.tag != ReasonTag::Trap);
        ((!lost).then_some(self.life as Box<dyn Behavior>), result)
    }
}
