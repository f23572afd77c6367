//! The cryptography of tokens: `ring`, which the TLS stack has brought already, in the shape that `jsonwebtoken` asks for.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature as sign;

/// Symmetric algorithms are not in it: there is no key of an issuer that could be taken for a shared secret.
static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Makes this the cryptography of tokens. Once per process; later calls change nothing.
pub(super) fn install() {
    // It fails only where it was done before, and nobody else does it.
    let _ = PROVIDER.install_default();
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::UnsupportedAlgorithm.into());
    }
    match algorithm {
        Algorithm::ES256 => {}
        Algorithm::RS256 => {
            return Ok(Box::new(Rs256(rsa_key(key.as_bytes()).ok_or(ErrorKind::UnsupportedAlgorithm)?)));
        }
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
    let pair =
        sign::EcdsaKeyPair::from_pkcs8(&sign::ECDSA_P256_SHA256_FIXED_SIGNING, key.as_bytes(), &SystemRandom::new());
    Ok(Box::new(Es256(pair.map_err(|_| ErrorKind::InvalidEcdsaKey)?)))
}

/// An RSA key in either of its two forms.
pub(super) fn rsa_key(der: &[u8]) -> Option<RsaKeyPair> {
    RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()
}

struct Rs256(RsaKeyPair);

impl Signer<Vec<u8>> for Rs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(&sign::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map_err(|_| Error::new()).map(|()| signature)
    }
}

impl JwtSigner for Rs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

struct Es256(sign::EcdsaKeyPair);

impl Signer<Vec<u8>> for Es256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        let signature = self.0.sign(&SystemRandom::new(), message).map_err(|_| Error::new())?;
        Ok(signature.as_ref().to_vec())
    }
}

impl JwtSigner for Es256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    // Else a key of one kind would be read as one of another.
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let how = how(*algorithm).ok_or(ErrorKind::UnsupportedAlgorithm)?;
    Ok(Box::new(Checks { algorithm: *algorithm, how, key: key.clone() }))
}

/// How signatures of an algorithm are checked.
#[derive(Clone, Copy)]
enum How {
    Rsa(&'static sign::RsaParameters),
    Other(&'static dyn sign::VerificationAlgorithm),
}

fn how(algorithm: Algorithm) -> Option<How> {
    Some(match algorithm {
        Algorithm::RS256 => How::Rsa(&sign::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => How::Rsa(&sign::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => How::Rsa(&sign::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => How::Rsa(&sign::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => How::Rsa(&sign::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => How::Rsa(&sign::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => How::Other(&sign::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => How::Other(&sign::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => How::Other(&sign::ED25519),
        _ => return None,
    })
}

struct Checks {
    algorithm: Algorithm,
    how: How,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for Checks {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let outcome = match (self.how, self.key.kind()) {
            (How::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                sign::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (How::Other(algorithm), DecodingKeyKind::SecretOrDer(bytes)) => {
                sign::UnparsedPublicKey::new(algorithm, bytes).verify(message, signature)
            }
            _ => return Err(Error::new()),
        };
        outcome.map_err(|_| Error::new())
    }
}

impl JwtVerifier for Checks {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
