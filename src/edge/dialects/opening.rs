//! What a far end says of a call before it sends sound.

use sidetone_types::Lang;
use std::collections::BTreeMap;
use std::fmt;

/// Parameters that are kept of one call, and the length of each.
const PARAMETERS_MAX: usize = 32;
const PARAMETER_BYTES_MAX: usize = 512;

/// What is to be done with a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The assistant answers.
    #[default]
    Assistant,
    /// Two people speak; both are heard and nothing is said.
    Assist,
}

impl Mode {
    /// Reads `assistant` and `assist`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "assistant" => Some(Self::Assistant),
            "assist" => Some(Self::Assist),
            _ => None,
        }
    }
}

/// Who calls whom, and how the call is to be treated.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Opening {
    pub mode: Mode,
    pub lang: Option<Lang>,
    /// The caller's number, as the far end gives it.
    pub ani: Option<String>,
    /// The number that was called.
    pub dnis: Option<String>,
    /// The far end's name of the call: a UUID, a call SID, a channel id.
    pub reference: String,
    /// What else the far end says; at most 32, each at most 512 bytes.
    pub parameters: BTreeMap<String, String>,
}

impl Opening {
    /// Takes a parameter by its name: `mode`, `lang`, `ani`, `dnis`, `call` with or without
    /// `SIDETONE_` before it, in any case; any other is kept as it is. An unusable value changes
    /// nothing: a wrong language must not cost the call.
    pub fn set(&mut self, name: &str, value: &str) {
        if value.len() > PARAMETER_BYTES_MAX || name.len() > PARAMETER_BYTES_MAX {
            return;
        }
        let lower = name.to_ascii_lowercase();
        match lower.strip_prefix("sidetone_").unwrap_or(&lower) {
            "mode" => self.mode = Mode::parse(value).unwrap_or(self.mode),
            "lang" => self.lang = Lang::parse(value).or(self.lang),
            "ani" => self.ani = number(value).or(self.ani.take()),
            "dnis" => self.dnis = number(value).or(self.dnis.take()),
            "call" if !value.is_empty() => self.reference = value.to_owned(),
            _ if self.parameters.len() < PARAMETERS_MAX => {
                self.parameters.insert(name.to_owned(), value.to_owned());
            }
            _ => {}
        }
    }
}

/// A number or an address; neither is longer than 128 characters.
fn number(value: &str) -> Option<String> {
    let value = value.trim();
    let usable = !value.is_empty() && value.len() <= 128 && !value.chars().any(char::is_control);
    usable.then(|| value.to_owned())
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("mode", &self.mode)
            .field("lang", &self.lang)
            .field("ani", &self.ani.as_ref().map(|_| "•"))
            .field("dnis", &self.dnis)
            .field("reference", &self.reference)
            .field("parameters", &self.parameters.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_by_name_and_numbers_are_not_printed() {
        let mut opening = Opening::default();
        opening.set("SIDETONE_LANG", "en-GB");
        opening.set("ani", " +8613800001234 ");
        opening.set("Mode", "assist");
        opening.set("mode", "nonsense");
        opening.set("lang", "tlh");
        opening.set("token", "secret");
        opening.set("long", &"x".repeat(10_000));
        assert_eq!(opening.lang, Some(Lang::En));
        assert_eq!(opening.mode, Mode::Assist);
        assert_eq!(opening.ani.as_deref(), Some("+8613800001234"));
        let shown = format!("{opening:?}");
        assert!(
            !shown.contains("1380000") && !shown.contains("secret"),
            "{shown}"
        );
        for n in 0..1000 {
            opening.set(&format!("p{n}"), "v");
        }
        assert_eq!(opening.parameters.len(), PARAMETERS_MAX);
    }
}
