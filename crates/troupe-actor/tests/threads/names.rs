//! Names while everything else goes on (`REG-2`, `REG-6`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use troupe_actor::id::Address;
use troupe_actor::spec::{ActorSpec, SpawnArgs};
use troupe_actor::system::find::Found;
use troupe_actor::topics::{NoTopics, Route, Subscription, SubscriptionSpec, TopicError, Topics};

use crate::common::{Actor, Log, PATIENCE, World, puppet, spawn_spec};

const LIVES: u64 = 2_000;

fn plain() -> ActorSpec {
    spawn_spec(Actor::new(|| puppet(&Log::default())))
}

fn named(name: &str) -> SpawnArgs {
    SpawnArgs { name: Some(Arc::from(name)), user: None }
}

/// Topics that hold up whoever subscribes, and with it the lock of a shard.
struct Slow {
    begun: SyncSender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Topics for Slow {
    fn route(&self, topic: &str) -> Result<Arc<Route>, TopicError> {
        NoTopics.route(topic)
    }

    fn replace(
        &self,
        _replaced: u32,
        _pattern: &str,
        _subscription: Subscription,
        _retained: &mut dyn FnMut(&str, Address, &[u8]),
    ) -> Result<(), TopicError> {
        self.begun.send(()).unwrap();
        self.go_on.lock().recv_timeout(PATIENCE).map_err(|_| TopicError::Unavailable)
    }

    fn unsubscribe(&self, _owner: Address, _tag: u32) -> bool {
        true
    }

    fn forget(&self, _owner: Address) {}

    fn retain(&self, topic: &str, publisher: Address, payload: &[u8]) -> Result<Arc<Route>, TopicError> {
        NoTopics.retain(topic, publisher, payload)
    }
}

#[test]
fn a_look_up_by_name_does_not_wait_for_the_actors_shard() {
    // REG-6
    let ((begun, has_begun), (may, go_on)) = (sync_channel(1), sync_channel(1));
    let world = World::with(|config| config.topics = Arc::new(Slow { begun, go_on: Mutex::new(go_on) }));
    let actor = world.spawn_named("a", plain());
    let id = world.status(actor).id.unwrap();
    let spec = SubscriptionSpec { pattern: Arc::from("t"), group: None, once: false };
    std::thread::scope(|scope| {
        let subscribed = scope.spawn(|| world.system.subscribe_actor(actor, &spec));
        has_begun.recv_timeout(PATIENCE).unwrap();
        for name in ["a", "/user/a"] {
            assert_eq!(
                world.system.find_holder(name),
                Some(Found { address: actor, id, path: "/user/a".to_owned() }),
                "{name}"
            );
        }
        assert_eq!(world.system.find("b"), None);
        may.send(()).unwrap();
        assert_eq!(subscribed.join().unwrap(), Ok(true), "the look-up waited");
    });
}

#[test]
fn a_name_leads_to_an_actor_whose_end_nobody_has_heard_of_or_nowhere() {
    // REG-2
    let world = World::threaded(2, 2);
    let spec = Arc::new(plain());
    let (ended, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let lives = Mutex::new(HashMap::new());
    std::thread::scope(|scope| {
        let look = || {
            let mut seen = 0;
            while !done.load(Ordering::SeqCst) {
                let gone = ended.load(Ordering::SeqCst);
                let Some(holder) = world.system.find_holder("a") else { continue };
                // Its spawn may not have returned yet.
                let Some((life, id)) = lives.lock().get(&holder.address).copied() else { continue };
                assert_eq!((holder.id, &*holder.path), (id, "/user/a"), "life {life}");
                assert!(life > gone, "life {life} was found after the end of life {gone} was told");
                seen += 1;
            }
            seen
        };
        let lookers = [scope.spawn(look), scope.spawn(look)];
        for life in 1..=LIVES {
            let new = world.system.spawn(&spec, named("a"), None).unwrap();
            lives.lock().insert(new.address, (life, new.id));
            let slot = world.watch(new.address);
            match life % 3 {
                0 => drop(world.system.kill(new.address)),
                rest => drop(world.end(new.address, rest == 1, u64::MAX)),
            }
            world.wait(slot);
            ended.store(life, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
        let seen: u64 = lookers.into_iter().map(|looker| looker.join().unwrap()).sum();
        assert!(seen > 0, "nobody was ever found");
    });
}
