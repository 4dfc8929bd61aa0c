//! A bad network between two RTP legs, the same every time, for tests and benches.

use sidetone_media::impair::{Impairer, Impairment};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Two sockets with a bad network between: what comes at one leaves by the other.
pub struct Network {
    /// Where the one end sends to, and the other.
    pub near: SocketAddr,
    pub far: SocketAddr,
    task: JoinHandle<()>,
}

impl Network {
    /// Between the legs at `a`, who sends to `near`, and `b`, who sends to `far`.
    ///
    /// # Errors
    /// Where no UDP port is to be had.
    pub async fn between(
        a: SocketAddr,
        b: SocketAddr,
        impairment: Impairment,
        seed: u64,
    ) -> io::Result<Self> {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (near_at, far_at) = (near.local_addr()?, far.local_addr()?);
        let carrier = Carrier {
            sockets: [near, far],
            to: [b, a],
            ways: [seed, seed + 1].map(|seed| Impairer::new(impairment.clone(), seed)),
            began: Instant::now(),
            waiting: BTreeMap::new(),
            count: 0,
        };
        Ok(Self {
            near: near_at,
            far: far_at,
            task: tokio::spawn(carrier.run()),
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Carrier {
    sockets: [UdpSocket; 2],
    /// Where what came at a socket goes.
    to: [SocketAddr; 2],
    ways: [Impairer; 2],
    began: Instant,
    /// By due time and number: the socket it came at, and the datagram.
    waiting: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    count: u64,
}

impl Carrier {
    async fn run(mut self) {
        let (mut a, mut b) = ([0; 2048], [0; 2048]);
        loop {
            let next_us = self.waiting.first_key_value().map(|((due, _), _)| *due);
            let next = self.began + Duration::from_micros(next_us.unwrap_or(u64::MAX / 2_000_000));
            tokio::select! {
                Ok((length, _)) = self.sockets[0].recv_from(&mut a) => self.take(0, &a[..length]),
                Ok((length, _)) = self.sockets[1].recv_from(&mut b) => self.take(1, &b[..length]),
                () = sleep_until(next), if next_us.is_some() => self.deliver().await,
            }
        }
    }

    fn take(&mut self, side: usize, datagram: &[u8]) {
        let fate = self.ways[side].fate(self.began.elapsed().as_micros() as u64);
        for due_us in [fate.due_us, fate.repeat_due_us].into_iter().flatten() {
            self.count += 1;
            self.waiting
                .insert((due_us, self.count), (side, datagram.to_vec()));
        }
    }

    async fn deliver(&mut self) {
        let now_us = self.began.elapsed().as_micros() as u64;
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > now_us {
                return;
            }
            let (side, datagram) = first.remove();
            let _ = self.sockets[1 - side]
                .send_to(&datagram, self.to[side])
                .await;
        }
    }
}
