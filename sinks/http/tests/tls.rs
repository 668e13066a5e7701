//! Who is who: certificates of both sides.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::*;

/// An authority of its own for each test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name`, with its key.
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap(), key)
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }
}

fn server_config((certificate, key): &(rcgen::Certificate, KeyPair), clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authority.roots(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

#[track_caller]
fn assert_refused(sink: HttpSinkBuilder, server: &Server) {
    let error = sink.build().unwrap().deliver(&events()).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { reason: "tls", .. }), "{error:?}");
    assert!(server.received().is_empty(), "nothing is told to a stranger");
}

#[test]
fn a_certificate_of_the_chosen_authority_is_accepted() {
    let authority = Authority::new();
    let server = Server::with_tls([ok(), ok()], server_config(&authority.issue("localhost"), None));
    let mut sink = sink(&server).ca_certificates(authority.pem()).bearer_token("secret-token").build().unwrap();
    sink.deliver(&events()).unwrap();
    sink.deliver(&events()).unwrap();
    let received = server.received();
    assert_eq!(received.iter().map(|request| request.connection).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(received[0].header("authorization"), Some("Bearer secret-token"));
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let config = || server_config(&authority.issue("localhost"), None);
    let server = Server::with_tls([ok()], config());
    assert_refused(sink(&server), &server);
    let server = Server::with_tls([ok()], config());
    assert_refused(sink(&server).ca_certificates(stranger.pem()), &server);
}

#[test]
fn a_certificate_for_another_host_gets_nothing() {
    let authority = Authority::new();
    let server = Server::with_tls([ok()], server_config(&authority.issue("logs.example.com"), None));
    assert_refused(sink(&server).ca_certificates(authority.pem()), &server);
}

#[test]
fn a_client_shows_its_certificate_where_one_is_asked_for() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("orders-service");
    let config = || server_config(&authority.issue("localhost"), Some(&authority));

    let server = Server::with_tls([ok()], config());
    let builder = sink(&server).ca_certificates(authority.pem());
    builder.client_certificate(certificate.pem(), key.serialize_pem()).build().unwrap().deliver(&events()).unwrap();
    assert_eq!(server.received().len(), 1);

    let server = Server::with_tls([ok()], config());
    let error = sink(&server).ca_certificates(authority.pem()).build().unwrap().deliver(&events()).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
    assert!(server.received().is_empty());
}

#[test]
fn certificates_are_checked_when_the_sink_is_built() {
    let authority = Authority::new();
    let ((certificate, key), (_, other_key)) = (authority.issue("a"), authority.issue("b"));
    let builder = || HttpSink::builder("https://h/");
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (builder, expected) in [
        (builder().ca_certificates(""), "ca_certificates: no certificate in PEM"),
        (builder().ca_certificates(key.serialize_pem()), "ca_certificates: no certificate in PEM"),
        (builder().ca_certificates(damaged), "ca_certificates: certificate 1: "),
        (builder().client_certificate("", ""), "client_certificate: no certificate"),
        (builder().client_certificate(certificate.pem(), ""), "client_certificate: no unencrypted private key"),
        (
            builder().client_certificate(certificate.pem(), other_key.serialize_pem()),
            "client_certificate: certificate and key cannot be used together",
        ),
        (
            HttpSink::builder("http://h/").client_certificate(certificate.pem(), key.serialize_pem()),
            "client_certificate: http://h/ is not encrypted",
        ),
    ] {
        let text = builder.build().unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
    }
    let builder = builder().client_certificate(certificate.pem(), key.serialize_pem());
    let secret = key.serialize_pem().lines().nth(1).unwrap().to_owned();
    assert!(!format!("{builder:?}").contains(&secret));
    assert!(!format!("{:?}", builder.build().unwrap()).contains(&secret));
}
