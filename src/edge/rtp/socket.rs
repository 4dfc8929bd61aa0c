//! The two UDP ports of a leg.

use crate::EdgeError;
use crate::ports::{Port, Ports};
use std::fmt;
use std::net::{IpAddr, UdpSocket};

/// A bound even RTP port and the odd RTCP port above it (RFC 3550 section 11). Both go back to their
/// [`Ports`] when the leg, or this value before it is one, is gone.
pub struct RtpSocket {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) ports: [Port; 2],
    ip: IpAddr,
    port: u16,
}

impl RtpSocket {
    /// # Errors
    /// [`EdgeError::NoPort`] where no pair is free, [`EdgeError::Bind`] where `ip` is not ours.
    pub fn bind(ports: &Ports, ip: IpAddr) -> Result<Self, EdgeError> {
        let bind = |why: std::io::Error| EdgeError::Bind {
            ip,
            why: why.to_string(),
        };
        let Some(([rtp, rtcp], taken)) = ports.take_pair(ip) else {
            // An address that is not ours is another fault than ports that are all taken.
            UdpSocket::bind((ip, 0)).map_err(bind)?;
            let (from, to) = ports.bounds();
            return Err(EdgeError::NoPort { ip, from, to });
        };
        let port = rtp.local_addr().map_err(bind)?.port();
        rtp.set_nonblocking(true).map_err(bind)?;
        rtcp.set_nonblocking(true).map_err(bind)?;
        Ok(Self {
            rtp,
            rtcp,
            ports: taken,
            ip,
            port,
        })
    }

    /// The RTP port; RTCP is on the next.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn ip(&self) -> IpAddr {
        self.ip
    }
}

impl fmt::Debug for RtpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtpSocket({}:{})", self.ip, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn pairs_are_even_and_come_back() {
        let base = RtpSocket::bind(&Ports::new(None), IP).unwrap().port();
        assert!(base.is_multiple_of(2));
        let ports = Ports::new(Some(base..=base + 5));
        let taken: Vec<RtpSocket> =
            std::iter::from_fn(|| RtpSocket::bind(&ports, IP).ok()).collect();
        assert!((1..=3).contains(&taken.len()));
        assert!(taken.iter().all(|socket| socket.port().is_multiple_of(2)));
        assert!(matches!(
            RtpSocket::bind(&ports, IP),
            Err(EdgeError::NoPort { .. })
        ));
        drop(taken);
        RtpSocket::bind(&ports, IP).unwrap();
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert!(matches!(
            RtpSocket::bind(&Ports::new(None), elsewhere),
            Err(EdgeError::Bind { .. })
        ));
    }
}
