//! What people want; answered at any moment (`SUP-5`).

use super::super::protocol::{ChildNo, Output, Request, RequestError};
use super::super::spec::ChildSpec;
use super::child::{Child, ChildState, Fate};
use super::lives::Ended;
use super::order::Mode;
use super::{Engine, Step, shutdown};

impl Engine {
    pub(super) fn request(&mut self, id: u64, request: Request, step: &mut Step<'_>) {
        // A supervisor that is down but still there waits for its parent's decision.
        let refused = match self.mode {
            Mode::Over => Some(RequestError::Restarting),
            _ if self.is_ending() => Some(RequestError::ShuttingDown),
            _ => None,
        };
        let done = match (refused, request) {
            (Some(error), _) => Err(error),
            (None, Request::AddChild(spec)) => self.add_child(id, spec, step),
            (None, Request::StopChild(no)) => self.stop_child(id, no, step),
            (None, Request::RestartChild(no)) => self.restart_child(id, no, step),
            (None, Request::DeleteChild(no)) => self.delete_child(id, no, step),
        };
        if let Err(error) = done {
            step.out.push(Output::Reply { id, result: Err(error) });
        }
    }

    fn add_child(&mut self, id: u64, spec: ChildSpec, step: &mut Step<'_>) -> Result<(), RequestError> {
        self.may_start()?;
        let no = self.next_child;
        self.next_child = no.saturating_add(1);
        let child = Child { added: true, start_request: Some(id), place: false, ..Child::new(no, spec) };
        self.children.push(child);
        self.begin(no, step);
        Ok(())
    }

    /// Cancels a wait at once (`BO-3`), joins a stop under way (`STOP-5`), and comes in its turn
    /// if a group restart takes the child down anyway.
    fn stop_child(&mut self, id: u64, no: ChildNo, step: &mut Step<'_>) -> Result<(), RequestError> {
        let in_turn = self.is_falling_member(no);
        let child = self.children.get_mut(no).ok_or(RequestError::NotFound)?;
        child.stop_requests.push(id);
        match child.state {
            ChildState::Ended | ChildState::Waiting | ChildState::Delayed { .. } => {
                let how = if child.place { Ended::ByRequest } else { Ended::Gone };
                self.end_child(no, shutdown(), how, step);
            }
            ChildState::Starting | ChildState::Up if !in_turn => self.take_down(no, true, step),
            ChildState::Starting | ChildState::Up | ChildState::Stopping => child.fate = Fate::End,
        }
        Ok(())
    }

    fn restart_child(&mut self, id: u64, no: ChildNo, step: &mut Step<'_>) -> Result<(), RequestError> {
        let child = self.children.get_mut(no).ok_or(RequestError::NotFound)?;
        is_stopped(child)?;
        self.may_start()?;
        if let Some(child) = self.children.get_mut(no) {
            child.failures = 0;
            child.start_request = Some(id);
        }
        self.begin(no, step);
        Ok(())
    }

    fn delete_child(&mut self, id: u64, no: ChildNo, step: &mut Step<'_>) -> Result<(), RequestError> {
        let child = self.children.get(no).ok_or(RequestError::NotFound)?;
        is_stopped(child)?;
        self.children.remove(no);
        step.out.push(Output::Reply { id, result: Ok(None) });
        Ok(())
    }

    /// Nobody comes up out of turn while a group is between two lives.
    const fn may_start(&self) -> Result<(), RequestError> {
        if matches!(self.mode, Mode::Steady) { Ok(()) } else { Err(RequestError::Restarting) }
    }
}

fn is_stopped(child: &Child) -> Result<(), RequestError> {
    match child.state {
        ChildState::Ended => Ok(()),
        ChildState::Up if child.fate == Fate::Live => Err(RequestError::Running),
        _ => Err(RequestError::Restarting),
    }
}
