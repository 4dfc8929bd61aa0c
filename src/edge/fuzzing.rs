//! Entries for the fuzz targets to what is not public otherwise. No part of the edge's interface.

/// A description as a browser sends it, read and cut down to what is spoken here.
pub fn session_description(text: &str) -> String {
    match crate::sdp::AudioFormats::read(text, "offer") {
        Ok(formats) => {
            let only = crate::sdp::only(text, &formats);
            format!("{formats:?} {}", only.len() == text.len())
        }
        Err(error) => error.to_string(),
    }
}
