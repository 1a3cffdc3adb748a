//! Keys and certificates.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::Result;

/// What kube-apiserver shows to its clients, and signs tokens of ServiceAccounts with. All of it is PEM.
pub(crate) struct Identity {
    /// The authority's certificate: what clients must trust.
    pub(crate) authority: String,
    /// The server's certificate.
    pub(crate) certificate: String,
    /// The server's key.
    pub(crate) key: String,
    /// The key that signs tokens.
    pub(crate) token_key: String,
    /// The other half of it.
    pub(crate) token_public_key: String,
}

impl Identity {
    pub(crate) fn new() -> Result<Self> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority.distinguished_name.push(DnType::CommonName, "verdigris tests");
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()])?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = server.signed_by(&key, &issuer)?;

        let token_key = KeyPair::generate()?;
        Ok(Self {
            authority: authority_pem,
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            token_key: token_key.serialize_pem(),
            token_public_key: token_key.public_key_pem(),
        })
    }
}
