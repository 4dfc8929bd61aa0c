//! The UDP ports that legs may use.

use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// Ports in use, shared by all legs of an edge.
#[derive(Clone)]
pub(crate) struct Ports {
    range: Option<RangeInclusive<u16>>,
    used: Arc<Mutex<Used>>,
}

#[derive(Default)]
struct Used {
    ports: BTreeSet<u16>,
    /// Where to look next, so that a port rests after a call: late packets of the old one do not
    /// reach the new one.
    next: Option<u16>,
}

/// One port, given back when dropped. 0: the system chooses.
pub(crate) struct Port {
    pub number: u16,
    used: Arc<Mutex<Used>>,
}

impl Ports {
    pub fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self {
            range,
            used: Arc::default(),
        }
    }

    /// A port that no leg uses and that can be bound now.
    pub fn take(&self, ip: IpAddr) -> Option<Port> {
        let Some(range) = &self.range else {
            return Some(Port {
                number: 0,
                used: self.used.clone(),
            });
        };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let start = used
            .next
            .filter(|port| range.contains(port))
            .unwrap_or(*range.start());
        let number = (start..=*range.end())
            .chain(*range.start()..start)
            .find(|port| !used.ports.contains(port) && UdpSocket::bind((ip, *port)).is_ok())?;
        used.ports.insert(number);
        used.next = Some(number.saturating_add(1));
        Some(Port {
            number,
            used: self.used.clone(),
        })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ports
            .remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn ports_go_round_and_come_back() {
        // A port that the system considers free stands for the range's start.
        let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base = probe.local_addr().unwrap().port().min(65_000);
        drop(probe);
        let ports = Ports::new(Some(base..=base + 3));
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let taken: Vec<Port> = std::iter::from_fn(|| ports.take(ip)).collect();
        let numbers: BTreeSet<u16> = taken.iter().map(|port| port.number).collect();
        assert_eq!(numbers.len(), taken.len());
        assert!(!taken.is_empty() && ports.take(ip).is_none());
        drop(taken);
        assert!(ports.take(ip).is_some());
        assert_eq!(Ports::new(None).take(ip).unwrap().number, 0);
    }
}
