//! Entries for the fuzz targets to what is not public otherwise. No part of the edge's interface.

/// One line for each entry: its name, and the function of a room that it leads to.
macro_rules! entries {
    ($($(#[$doc:meta])* $name:ident => $path:path;)*) => {
        $($(#[$doc])* pub fn $name(octets: &[u8]) -> String { $path(octets) })*
    };
}

entries! {
    /// A SIP datagram.
    sip_message => crate::sip::fuzzing::message;
    /// What comes over a SIP connection.
    sip_stream => crate::sip::fuzzing::stream;
    /// A description as a telephone sends it.
    session_description => crate::sip::fuzzing::session_description;
    /// Datagrams of a call.
    rtp_datagrams => crate::rtp::fuzzing::datagrams;
    rtcp_packet => crate::rtp::fuzzing::control;
    /// A description as a browser sends it, read and cut down to what is spoken here.
    browser_description => browser;
}

fn browser(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    match crate::sdp::AudioFormats::read(&text, "offer") {
        Ok(formats) => {
            let only = crate::sdp::only(&text, &formats);
            assert!(only.len() <= 2 * text.len() + 1024);
            format!("{} {}", formats.event.is_some(), only.len() == text.len())
        }
        Err(error) => error.to_string(),
    }
}
