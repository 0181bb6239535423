//! What controllers ask of Pods, and how they make them.

mod control;
mod ranking;
mod state;
mod template;
mod tolerations;

pub(crate) use control::PodControl;
pub(crate) use ranking::first_to_delete_first;
pub(crate) use state::{
    Availability, availability, is_active, is_ready, is_terminal, is_terminating, node_of, phase,
    ready_condition,
};
pub(crate) use template::from_template;
pub(crate) use tolerations::tolerates;
