//! TLS in both directions: our certificate for those who connect, and whom we believe.

use super::config::{SipConfig, SipTrunk, TlsFiles};
use super::uri::Uri;
use crate::EdgeError;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

fn fault(field: &'static str, file: &Path, why: impl ToString) -> EdgeError {
    EdgeError::Config {
        field,
        why: format!("{}: {}", file.display(), why.to_string()),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(
    field: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, EdgeError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault(field, file, error))
}

/// Reads the certificate and its key.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, EdgeError> {
    let chain = certificates("tls", &files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| fault("tls", &files.key, e))?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| fault("tls", &files.cert, e))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| fault("tls", &files.cert, e))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// For connections of ours, where a trunk wants any.
pub(crate) fn connector(config: &SipConfig) -> Result<Option<TlsConnector>, EdgeError> {
    if !config.trunks.iter().any(wants_tls) {
        return Ok(None);
    }
    let file = &config.tls_roots;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates("tls_roots", file)?);
    if added == 0 {
        return Err(fault("tls_roots", file, "holds no certificate"));
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| fault("tls_roots", file, e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(TlsConnector::from(Arc::new(config))))
}

fn wants_tls(trunk: &SipTrunk) -> bool {
    let server = trunk.register.as_ref().map(|login| login.server.as_str());
    let mut addresses = trunk.proxy.as_deref().into_iter().chain(server);
    addresses.any(|text| Uri::read(text).is_some_and(|uri| uri.wants_tls()))
}
