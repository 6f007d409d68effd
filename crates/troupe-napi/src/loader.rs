//! Loads components off the event loop: one thread per system, which compiles one component after
//! the other (each on all cores).

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};

use crate::error::{Failure, number};
use crate::system::Core;

/// Where a component comes from.
pub enum Source {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// One request: what to load, and whose slot hears of it.
pub struct Request {
    pub source: Source,
    pub slot: u32,
}

/// Starts the thread; it ends with the last sender.
pub fn start(core: Weak<Core>) -> std::io::Result<Sender<Request>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().name("troupe-load".into()).spawn(move || run(&core, &receiver))?;
    Ok(sender)
}

fn run(core: &Weak<Core>, requests: &Receiver<Request>) {
    while let Ok(request) = requests.recv() {
        let Some(core) = core.upgrade() else { return };
        let slot = request.slot;
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| load(&core, request)));
        if done.is_err() {
            let failure = Failure::new(number::INTERNAL, "the host panicked while it loaded a component");
            core.port.complete(slot, failure.number, 0, &failure.json());
        }
    }
}

fn load(core: &Arc<Core>, request: Request) {
    let loaded = match request.source {
        Source::File(path) => core.host.load_file(&path),
        Source::Bytes(bytes) => core.host.load_bytes(bytes),
    };
    match loaded {
        Ok(component) => {
            let id = core.add_component(Arc::clone(&component));
            core.port.complete(request.slot, 0, id, &crate::convert::component_json(id, component.info()));
        }
        Err(error) => {
            let failure = Failure::from(&error);
            core.port.complete(request.slot, failure.number, 0, &failure.json());
        }
    }
}
