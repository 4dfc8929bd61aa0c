//! The UDP ports that legs may use.

use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// Ports in use, shared by all legs of an edge.
#[derive(Clone)]
pub struct Ports {
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
    /// `None`: the system chooses.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self {
            range,
            used: Arc::default(),
        }
    }

    /// Two sockets on an even port and the odd one above it (RFC 3550 section 11), and what keeps
    /// both from other legs.
    pub(crate) fn take_pair(&self, ip: IpAddr) -> Option<([UdpSocket; 2], [Port; 2])> {
        let Some(range) = &self.range else {
            return self.any_pair(ip);
        };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let start = used
            .next
            .filter(|port| range.contains(port))
            .unwrap_or(*range.start());
        let (number, sockets) = (start..=*range.end())
            .chain(*range.start()..start)
            .filter(|port| port.is_multiple_of(2) && *port < *range.end())
            .filter(|port| !used.ports.contains(port) && !used.ports.contains(&(port + 1)))
            .find_map(|port| Some((port, bind_pair(ip, port)?)))?;
        used.ports.extend([number, number + 1]);
        used.next = Some(number.saturating_add(2));
        Some((sockets, [number, number + 1].map(|n| self.port(n))))
    }

    /// A pair where the system likes it. The system chooses one port at a time, so its neighbour may
    /// be taken; after a few tries one is free.
    fn any_pair(&self, ip: IpAddr) -> Option<([UdpSocket; 2], [Port; 2])> {
        (0..32).find_map(|_| {
            let chosen = UdpSocket::bind((ip, 0)).ok()?.local_addr().ok()?.port() & !1;
            Some((bind_pair(ip, chosen)?, [0, 0].map(|n| self.port(n))))
        })
    }

    /// First and last port, for messages.
    pub(crate) fn bounds(&self) -> (u16, u16) {
        self.range
            .as_ref()
            .map_or((0, u16::MAX), |range| (*range.start(), *range.end()))
    }

    fn port(&self, number: u16) -> Port {
        Port {
            number,
            used: self.used.clone(),
        }
    }

    /// A port that no leg uses and that can be bound now.
    pub(crate) fn take(&self, ip: IpAddr) -> Option<Port> {
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

fn bind_pair(ip: IpAddr, even: u16) -> Option<[UdpSocket; 2]> {
    let rtp = UdpSocket::bind((ip, even)).ok()?;
    let rtcp = UdpSocket::bind((ip, even.checked_add(1)?)).ok()?;
    Some([rtp, rtcp])
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
