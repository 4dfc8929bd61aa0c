//! Room for the payloads that wait in the jitter buffer.

use bytes::{Bytes, BytesMut};

/// Two seconds of 160 bytes each 20 ms; a packet waits a fraction of that.
const BLOCK_BYTES: usize = 16 * 1024;

/// Cuts payloads from two blocks in turn. When one is used up, the packets of the other were played
/// long ago, so it is taken back: in steady state nothing is allocated.
pub(super) struct Pool {
    blocks: [BytesMut; 2],
    current: usize,
}

impl Pool {
    pub fn new() -> Self {
        Self {
            blocks: [0, 1].map(|_| BytesMut::with_capacity(BLOCK_BYTES)),
            current: 0,
        }
    }

    pub fn copy(&mut self, payload: &[u8]) -> Bytes {
        if self.blocks[self.current].capacity() < payload.len() {
            self.current ^= 1;
            self.blocks[self.current].reserve(BLOCK_BYTES);
        }
        let block = &mut self.blocks[self.current];
        block.extend_from_slice(payload);
        block.split().freeze()
    }
}
