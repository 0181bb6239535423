//! The steps from what the kernel has to what it is to have.

use super::wanted::{Entry, Tunnel, Wanted};

/// A change of the kernel's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    RemoveTunnel,
    MakeTunnel(Tunnel),
    Remove(Entry),
    Add(Entry),
}

/// The steps in their order. What goes through a tunnel goes with it.
pub(super) fn plan(seen: &Wanted, wanted: &Wanted) -> Vec<Step> {
    let remade = seen.tunnel != wanted.tunnel;
    let gone = |entry: &&Entry| remade && seen.tunnel.is_some() && is_through_tunnel(entry);
    let left: Vec<Entry> = seen
        .entries
        .iter()
        .filter(|entry| !gone(entry))
        .copied()
        .collect();
    let mut steps = Vec::new();
    if remade {
        steps.extend(seen.tunnel.map(|_| Step::RemoveTunnel));
        steps.extend(wanted.tunnel.map(Step::MakeTunnel));
    }
    let old = left.iter().rev();
    steps.extend(
        old.filter(|entry| !wanted.entries.contains(entry))
            .map(|entry| Step::Remove(*entry)),
    );
    let new = wanted.entries.iter().filter(|entry| !left.contains(entry));
    steps.extend(new.map(|entry| Step::Add(*entry)));
    steps
}

/// A route through the tunnel leads to an address of the Pods that it is for.
pub(super) fn is_through_tunnel(entry: &Entry) -> bool {
    match entry {
        Entry::Forward { .. } | Entry::Neighbour { .. } => true,
        Entry::Route { pods, via } => pods.contains(via),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wanted::Peer;
    use super::*;
    use crate::config::NetworkBackend::{self, HostGw, Vxlan};

    fn wanted(backend: NetworkBackend, peers: &[(u8, u8)]) -> Wanted {
        let pods = |third: u8| format!("10.244.{third}.0/24").parse().unwrap();
        let node = |last: u8| format!("192.168.0.{last}").parse().unwrap();
        let peers: Vec<Peer> = peers
            .iter()
            .map(|(third, last)| Peer {
                pods: pods(*third),
                node: node(*last),
            })
            .collect();
        Wanted::new(backend, pods(0), node(1), 1500, &peers)
    }

    fn shown(from: &Wanted, to: &Wanted) -> Vec<String> {
        let word = |entry: Entry| match entry {
            Entry::Forward { node, .. } => format!("forward {node}"),
            Entry::Neighbour { address, .. } => format!("neighbour {address}"),
            Entry::Route { pods, via } => format!("route {pods} via {via}"),
        };
        let steps = plan(from, to).into_iter().map(|step| match step {
            Step::RemoveTunnel => "-tunnel".to_owned(),
            Step::MakeTunnel(_) => "+tunnel".to_owned(),
            Step::Remove(entry) => format!("-{}", word(entry)),
            Step::Add(entry) => format!("+{}", word(entry)),
        });
        steps.collect()
    }

    #[test]
    fn the_difference_is_made_and_no_more() {
        let nothing = Wanted::default();
        let one = wanted(Vxlan, &[(1, 2)]);
        let came = [
            "+tunnel",
            "+forward 192.168.0.2",
            "+neighbour 10.244.1.0",
            "+route 10.244.1.0/24 via 10.244.1.0",
        ];
        assert_eq!(shown(&nothing, &one), came);
        assert_eq!(shown(&one, &one), Vec::<String>::new());
        assert_eq!(shown(&one, &nothing), ["-tunnel"]);
        let moved = ["-forward 192.168.0.2", "+forward 192.168.0.9"];
        assert_eq!(shown(&one, &wanted(Vxlan, &[(1, 9)])), moved);
        let two = wanted(Vxlan, &[(1, 2), (2, 3)]);
        let left = [
            "-route 10.244.2.0/24 via 10.244.2.0",
            "-neighbour 10.244.2.0",
            "-forward 192.168.0.3",
        ];
        assert_eq!(shown(&two, &one), left);
    }

    #[test]
    fn backends_replace_each_other() {
        let (tunnelled, plain) = (wanted(Vxlan, &[(1, 2)]), wanted(HostGw, &[(1, 2)]));
        let plainer = ["-tunnel", "+route 10.244.1.0/24 via 192.168.0.2"];
        assert_eq!(shown(&tunnelled, &plain), plainer);
        let back = shown(&plain, &tunnelled);
        assert_eq!(
            back[..2],
            ["+tunnel", "-route 10.244.1.0/24 via 192.168.0.2"]
        );
        assert_eq!(back.len(), 5);
    }
}
