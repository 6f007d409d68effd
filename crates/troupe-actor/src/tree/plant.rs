//! A tree on its way in: its actors have places already, none of them lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Tree;
use super::node::{Body, Child, Node, Pool, Supervisor, What};
use super::spec::{Parent, SupervisorId};
use crate::id::{ActorId, Address};
use crate::spec::{ActorSpec, SpawnArgs};
use crate::supervision::protocol::ChildNo;
use crate::supervision::spec::{ChildSpec, SupervisorSpec};

/// A child that has its places.
pub(crate) struct Plant {
    pub key: Arc<str>,
    pub child: ChildSpec,
    pub what: PlantKind,
}

pub(crate) enum PlantKind {
    Actor {
        place: (Address, ActorId),
        spec: Arc<ActorSpec>,
        args: SpawnArgs,
    },
    Supervisor {
        parent: Arc<Parent>,
        spec: SupervisorSpec,
        /// In start order, which is their number.
        children: Vec<Plant>,
    },
    Pool {
        parent: Arc<Parent>,
        spec: Arc<ActorSpec>,
        members: Vec<(Address, ActorId)>,
        budget: Option<(u32, u64)>,
    },
}

impl Tree {
    /// Takes a plant in as child `number` of a supervisor; nothing starts yet.
    pub(super) fn grow(&mut self, above: SupervisorId, number: ChildNo, plant: Plant) -> Child {
        let spec = plant.child;
        let what = match plant.what {
            PlantKind::Actor { place, spec, args } => What::Actor { place: Some(place), spec, args },
            PlantKind::Supervisor { parent, spec: own, children } => {
                let id = parent.id;
                let children: BTreeMap<ChildNo, Child> =
                    (0..).zip(children).map(|(number, plant)| (number, self.grow(id, number, plant))).collect();
                let body = Body::Supervisor(Box::new(Supervisor::new(own, children)));
                self.nodes.insert(id, Node::new(parent, Some((above, number)), spec, body));
                What::Node(id)
            }
            PlantKind::Pool { parent, spec: own, members, budget } => {
                let id = parent.id;
                let body = Body::Pool(Box::new(Pool::new(own, members, budget)));
                self.nodes.insert(id, Node::new(parent, Some((above, number)), spec, body));
                What::Node(id)
            }
        };
        Child { key: plant.key, spec, incarnation: 0, uptime_ms: 0, pending: None, what }
    }
}
