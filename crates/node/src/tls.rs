//! How other machines are spoken to over `https://`: their certificates are
//! checked against the roots that this machine trusts. Those are read when the
//! first of them is asked, since most nodes never need them. Who is asked, and
//! for what, is not known here.

use reqwest::ClientBuilder;

/// Whether this build can speak to `https://`.
pub const SPEAKS_TLS: bool = cfg!(feature = "tls");

/// Why this build can't.
pub const NO_TLS: &str = "this adit was built without TLS, and speaks to no https:// address";

/// Lets a client speak to `https://` too, if this build can.
pub fn with_tls(client: ClientBuilder) -> ClientBuilder {
    #[cfg(feature = "tls")]
    let client = client.tls_backend_preconfigured(system_roots::config());
    client
}

#[cfg(feature = "tls")]
mod system_roots {
    use std::sync::{Arc, OnceLock};

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
    use rustls_platform_verifier::Verifier;

    pub(super) fn config() -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = SystemRoots {
            provider: Arc::clone(&provider),
            read: OnceLock::new(),
        };
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has what TLS 1.2 and 1.3 need")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(roots))
            .with_no_client_auth()
    }

    /// Leaves each check to the platform's verifier, which is made at the first.
    #[derive(Debug)]
    struct SystemRoots {
        provider: Arc<CryptoProvider>,
        read: OnceLock<Result<Verifier, Error>>,
    }

    impl SystemRoots {
        fn verifier(&self) -> Result<&Verifier, Error> {
            let read = || Verifier::new(Arc::clone(&self.provider));
            self.read.get_or_init(read).as_ref().map_err(Error::clone)
        }
    }

    impl ServerCertVerifier for SystemRoots {
        fn verify_server_cert(
            &self,
            end_entity: &CertificateDer<'_>,
            intermediates: &[CertificateDer<'_>],
            server_name: &ServerName<'_>,
            ocsp_response: &[u8],
            now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            let verifier = self.verifier()?;
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.verifier()?.verify_tls12_signature(message, cert, dss)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.verifier()?.verify_tls13_signature(message, cert, dss)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let algorithms = &self.provider.signature_verification_algorithms;
            algorithms.supported_schemes()
        }
    }
}
