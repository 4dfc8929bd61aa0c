//! Changes to inputs that parsers tend to stumble over.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Numbers at the edge of something, as text.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1e309",
    "0x7f",
    "00000000001",
];
/// Bytes that mean something to somebody.
const BYTES: &[u8] = b"\0\x01\x7f\x80\xff\r\n\t \"'\\/<>;:,=@%#*&{}[]()+-.0123456789";
/// Pieces that are wrong almost everywhere.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\\u0000",
    b"\\ud800",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"%00",
    b"%",
    b"\"\"",
    b"null",
    b"{}",
    b"[[[[[[[[",
    b";;;;",
    b"<<>>",
    b"::",
    b"a=",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    "\u{4f60}\u{597d}".as_bytes(),
    "\u{202e}".as_bytes(),
];

/// Makes inputs out of others.
pub struct Mutator {
    random: StdRng,
    /// Words of the corpus: names of fields, methods and the like.
    words: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(seed: u64, corpus: &[Vec<u8>]) -> Self {
        let mut words: Vec<Vec<u8>> = corpus
            .iter()
            .flat_map(|input| input.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_'))
            .filter(|word| (2..32).contains(&word.len()))
            .map(<[u8]>::to_vec)
            .collect();
        words.sort();
        words.dedup();
        Self {
            random: StdRng::seed_from_u64(seed),
            words,
        }
    }

    /// The next input: one of `kept`, changed once to eight times.
    pub fn next(&mut self, kept: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
        let mut input = kept.choose(&mut self.random).cloned().unwrap_or_default();
        let changes = 1 << self.random.random_range(0..4);
        for _ in 0..changes {
            self.change(&mut input, kept);
        }
        input.truncate(bytes_max);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, kept: &[Vec<u8>]) {
        match self.random.random_range(0..13) {
            0 => self.flip(input),
            1 => {
                if let Some(place) = self.place(input) {
                    input[place] = *BYTES.choose(&mut self.random).unwrap_or(&0);
                }
            }
            2 => {
                if let Some(place) = self.place(input) {
                    input[place] = input[place]
                        .wrapping_add(self.random.random_range(0..9))
                        .wrapping_sub(4);
                }
            }
            3 => {
                let (from, to) = self.range(input);
                input.drain(from..to);
            }
            4 => {
                let (from, to) = self.range(input);
                let piece = input[from..to].to_vec();
                let times = [1, 1, 2, 30][self.random.random_range(0..4)];
                self.insert(input, &piece.repeat(times));
            }
            5 => input.truncate(self.random.random_range(0..=input.len())),
            6 => self.number(input),
            7 => {
                let piece = PIECES.choose(&mut self.random).copied().unwrap_or_default();
                self.insert(input, piece);
            }
            8 => {
                if let Some(word) = self.words.choose(&mut self.random).cloned() {
                    self.insert(input, &word);
                }
            }
            9 => self.replace_word(input),
            10 => {
                let other = kept.choose(&mut self.random).cloned().unwrap_or_default();
                let (from, to) = self.range(&other);
                self.insert(input, &other[from..to]);
            }
            11 => {
                let other = kept.choose(&mut self.random).cloned().unwrap_or_default();
                input.truncate(self.random.random_range(0..=input.len()));
                input.extend_from_slice(&other[self.random.random_range(0..=other.len())..]);
            }
            _ => self.length_field(input),
        }
    }

    fn place(&mut self, input: &[u8]) -> Option<usize> {
        (!input.is_empty()).then(|| self.random.random_range(0..input.len()))
    }

    /// A range, mostly a short one.
    fn range(&mut self, input: &[u8]) -> (usize, usize) {
        let from = self.random.random_range(0..=input.len());
        let rest = input.len() - from;
        let most = if self.random.random_ratio(1, 8) {
            rest
        } else {
            rest.min(16)
        };
        (from, from + self.random.random_range(0..=most))
    }

    fn insert(&mut self, input: &mut Vec<u8>, piece: &[u8]) {
        let place = self.random.random_range(0..=input.len());
        input.splice(place..place, piece.iter().copied());
    }

    fn flip(&mut self, input: &mut [u8]) {
        if let Some(place) = self.place(input) {
            input[place] ^= 1 << self.random.random_range(0..8);
        }
    }

    /// Puts another number in the place of one that is there, or anywhere.
    fn number(&mut self, input: &mut Vec<u8>) {
        let number = NUMBERS
            .choose(&mut self.random)
            .copied()
            .unwrap_or("0")
            .as_bytes();
        let begin = self.random.random_range(0..=input.len());
        let Some(from) = input[begin..].iter().position(u8::is_ascii_digit) else {
            return self.insert(input, number);
        };
        let from = begin + from;
        let digits = input[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        input.splice(from..from + digits, number.iter().copied());
    }

    /// Puts a word of the corpus in the place of another.
    fn replace_word(&mut self, input: &mut Vec<u8>) {
        let Some(word) = self.words.choose(&mut self.random).cloned() else {
            return;
        };
        let begin = self.random.random_range(0..=input.len());
        let Some(from) = input[begin..].iter().position(u8::is_ascii_alphabetic) else {
            return;
        };
        let from = begin + from;
        let letters = input[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        input.splice(from..from + letters, word);
    }

    /// Writes a telling number of two or four bytes, as lengths are written.
    fn length_field(&mut self, input: &mut [u8]) {
        let value = [
            0,
            1,
            0x7fff,
            0x8000,
            0xffff,
            input.len() as u32,
            0x7fff_ffff,
            u32::MAX,
        ][self.random.random_range(0..8)];
        let wide = self.random.random();
        let big = self.random.random();
        let bytes = match (wide, big) {
            (true, true) => value.to_be_bytes().to_vec(),
            (true, false) => value.to_le_bytes().to_vec(),
            (false, true) => (value as u16).to_be_bytes().to_vec(),
            (false, false) => (value as u16).to_le_bytes().to_vec(),
        };
        if let Some(place) = self.place(input) {
            for (place, byte) in input[place..].iter_mut().zip(bytes) {
                *place = byte;
            }
        }
    }
}
