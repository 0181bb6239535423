//! The machines of a network: how they come, and how they lose their power.

use anyhow::Result;

use crate::net::TestNet;
use crate::node::{Node, NodeOptions};

impl TestNet {
    /// A machine loses its power and could start again, without skiff: no process, mount or interface of its own is left.
    pub fn cut_power(&self, node: &mut Node) -> Result<()> {
        node.lose_power()?;
        self.detach(node.number())?;
        // The node owns what has its name.
        std::mem::forget(self.attach(node.number())?);
        Ok(())
    }

    /// A new machine on this network, to be started.
    pub fn node(&self) -> NodeOptions<'_> {
        NodeOptions::new(self, self.next_node())
    }
}
