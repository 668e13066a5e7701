//! Certificates: what the other side must show, and what we show.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::options::{HttpConfigError, option_error};

/// Certificates as PEM texts.
#[derive(Clone, Default)]
pub(super) struct TlsOptions {
    pub(super) ca: Option<Vec<u8>>,
    /// The chain and its key.
    pub(super) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl TlsOptions {
    /// Checks everything now: what does not fit together would only show at the first request,
    /// and some of it as a panic.
    pub(super) fn build(&self) -> Result<TlsConfig, HttpConfigError> {
        let mut config = TlsConfig::builder();
        if let Some(pem) = &self.ca {
            let certificates = certificates("ca_certificates", pem)?;
            let mut roots = RootCertStore::empty();
            for (position, certificate) in certificates.iter().enumerate() {
                if let Err(error) = roots.add(certificate.clone()) {
                    return option_error("ca_certificates", format!("certificate {}: {error}", position + 1));
                }
            }
            config = config.root_certs(RootCerts::from(owned(&certificates)));
        }
        if let Some((chain, key)) = &self.client {
            let option = "client_certificate";
            let chain = certificates(option, chain)?;
            // Errors about the key name its form, never its content.
            let Ok(checked) = PrivateKeyDer::from_pem_slice(key) else {
                return option_error(option, "no unencrypted private key in PEM form was given");
            };
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("ring speaks the default versions")
                .with_root_certificates(RootCertStore::empty());
            if let Err(error) = builder.with_client_auth_cert(chain.clone(), checked) {
                return option_error(option, format!("certificate and key cannot be used together: {error}"));
            }
            let Ok(key) = PrivateKey::from_pem(key) else {
                return option_error(option, "the private key could not be read");
            };
            let chain: Vec<_> = owned(&chain).collect();
            config = config.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
        }
        Ok(config.build())
    }
}

fn certificates(option: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, HttpConfigError> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if certificates.is_empty() => option_error(option, "no certificate in PEM form was given"),
        Ok(certificates) => Ok(certificates),
        Err(_) => option_error(option, "the PEM text is damaged"),
    }
}

fn owned(certificates: &[CertificateDer<'static>]) -> impl Iterator<Item = Certificate<'static>> {
    certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned())
}
