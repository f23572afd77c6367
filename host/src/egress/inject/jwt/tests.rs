//! The examples of RFC 7515 appendix A, and what vendors make of claims.

use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::super::tests::secret;
use super::*;
use crate::model::KeyEncoding;

/// The keys of the examples, in the forms that older tools write.
const RSA: &str = include_str!("rfc7515-a2.pem");
const EC: &str = include_str!("rfc7515-a3.pem");

/// The second one in the form that is usual now, and a key of another curve.
const EC_PKCS8: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n\
    H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n\
    7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n\
    -----END PRIVATE KEY-----\n";
const P384: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAAAAAAAAAAAAAAAAAA\n\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAq1SpjOsfCtKhZANiAATYoX5VuOL0\n\
    e8Np/ZYWaVzic9zk4weDCmX1pKmqiWfJh67qetNlZ3oTv9ZcP+WmaTm9xTVCxSE6\n\
    UTRduoIgq7I8cWWaTYULO7r/jQNb0IpZ6zIJnJapBJ5NfUNc9nVxO8g=\n\
    -----END PRIVATE KEY-----\n";

/// The public point of the second one: x and y.
const EC_PUBLIC: [&str; 2] =
    ["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"];

/// What the examples sign, but for the header.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn field(name: &str, pointer: Option<&str>) -> TextSource {
    TextSource::Field { name: name.into(), pointer: pointer.map(Into::into) }
}

fn template(text: &str) -> TextSource {
    TextSource::Template(text.into())
}

fn claims(algorithm: JwtAlgorithm, claims: &[(&str, TextSource)]) -> JwtClaims {
    JwtClaims {
        algorithm,
        key: field("key", None),
        key_encoding: KeyEncoding::Base64,
        key_id: None,
        claims: claims.iter().map(|(name, source)| ((*name).to_owned(), source.clone())).collect(),
        lifetime: 300,
    }
}

fn values(key: &str, public: &[(&str, &str)]) -> Values {
    let public = public.iter().map(|(name, value)| ((*name).to_owned(), Text::Public((*value).to_owned())));
    public.chain([("key".to_owned(), Text::Secret(secret(key)))]).collect()
}

fn signature(algorithm: JwtAlgorithm, key: &str, text: &str) -> String {
    let token = Key::read(&claims(algorithm, &[]), key).unwrap().token(text).unwrap();
    token.expose().strip_prefix(text).unwrap().strip_prefix('.').unwrap().to_owned()
}

/// Header and body of a token at 1,000 seconds.
fn read(claims: &JwtClaims, values: &Values) -> Result<(String, String), EgressError> {
    let token = sign_jwt(claims, &[("scope", "a b")], values, Timestamp(1_000_999))?;
    let parts: Vec<&str> = token.expose().split('.').collect();
    let text = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    Ok((text(parts[0]), text(parts[1])))
}

/// RFC 7515 appendix A.1 and A.2: the very signatures.
#[test]
fn signatures_are_those_of_the_standard() {
    const SHARED: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let header = URL_SAFE_NO_PAD.encode("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}");
    assert_eq!(
        signature(JwtAlgorithm::Hs256, SHARED, &format!("{header}.{CLAIMS}")),
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let header = URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\"}");
    assert_eq!(
        signature(JwtAlgorithm::Rs256, RSA, &format!("{header}.{CLAIMS}")),
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU\
         Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d\
         O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig\
         cN_IoypGlUPQGe77Rw"
    );
}

/// Appendix A.3: no two signatures of this kind are the same, so they are checked with the public key.
#[test]
fn a_signature_on_a_curve_holds() {
    let [x, y] = EC_PUBLIC.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], x, y].concat());
    let text = format!("{}.{CLAIMS}", URL_SAFE_NO_PAD.encode("{\"alg\":\"ES256\"}"));
    let example = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    public.verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(example).unwrap()).unwrap();
    // Often enough that some numbers begin with zeros, and some with a bit that ASN.1 puts a zero before.
    for n in 0..300 {
        let (text, key) = (format!("{text}{n}"), [EC, EC_PKCS8][n % 2]);
        let made = URL_SAFE_NO_PAD.decode(signature(JwtAlgorithm::Es256, key, &text)).unwrap();
        assert_eq!(made.len(), 64);
        public.verify(text.as_bytes(), &made).unwrap();
    }
}

#[test]
fn what_is_no_signature_is_not_read_as_one() {
    let good = [&[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02][..]].concat();
    assert_eq!(fixed(&good).map(|numbers| (numbers[31], numbers[63], numbers.len())), Some((1, 2, 64)));
    for bad in [
        &[][..],
        &[0x30],
        &good[..7],
        &[&good[..], &[0]].concat(),
        &[0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02],
        &[0x30, 0x06, 0x03, 0x01, 0x01, 0x02, 0x01, 0x02],
        &[0x30, 0x06, 0x02, 0x05, 0x01, 0x02, 0x01, 0x02],
        &[&[0x30, 0x26, 0x02, 0x21, 1][..], &[1; 32], &[0x02, 0x01, 0x02]].concat(),
    ] {
        assert_eq!(fixed(bad), None, "{bad:?}");
    }
}

/// A provider whose clock is behind takes it, and it holds for no longer than was said.
#[test]
fn a_token_seems_a_little_older_than_it_is() {
    for (lifetime, begin, end) in [(3_600, 970, 4_570), (120, 970, 1_090), (60, 985, 1_045), (1, 1_000, 1_001)] {
        let claims = JwtClaims { lifetime, ..claims(JwtAlgorithm::Es256, &[]) };
        let (_, body) = read(&claims, &values(EC, &[])).unwrap();
        assert_eq!(body, format!(r#"{{"exp":{end},"iat":{begin},"scope":"a b"}}"#));
    }
}

/// AU-11, AU-09: Snowflake names the key by its fingerprint, Apple by an identifier, Google puts all of it into a file.
#[test]
fn claims_are_what_vendors_ask_for() {
    let snowflake = claims(
        JwtAlgorithm::Rs256,
        &[
            ("iss", template("{{account}}.{{user}}.SHA256:{{key_fingerprint}}")),
            ("sub", template("{{account}}.{{user}}")),
            ("act", template("{{nobody}}")),
        ],
    );
    assert_eq!(snowflake.names().iter().collect::<Vec<_>>(), ["account", "key", "nobody", "user"]);
    let (header, body) = read(&snowflake, &values(RSA, &[("account", "ACME"), ("user", "ADA")])).unwrap();
    assert_eq!(header, r#"{"alg":"RS256","typ":"JWT"}"#);
    assert_eq!(
        body,
        r#"{"exp":1270,"iat":970,"iss":"ACME.ADA.SHA256:b9E8JDWjYefFiM0X9V9a098Bd6ZsFyemogCEX016uIw=","scope":"a b","sub":"ACME.ADA"}"#
    );
    let apple = JwtClaims {
        key_id: Some(template("{{key_id}}")),
        ..claims(JwtAlgorithm::Es256, &[("iss", field("issuer", None)), ("aud", template("appstoreconnect-v1"))])
    };
    let (header, body) = read(&apple, &values(EC, &[("key_id", "2X9R4HXF34"), ("issuer", "57246542")])).unwrap();
    assert_eq!(header, r#"{"alg":"ES256","kid":"2X9R4HXF34","typ":"JWT"}"#);
    assert_eq!(body, r#"{"aud":"appstoreconnect-v1","exp":1270,"iat":970,"iss":"57246542","scope":"a b"}"#);
    let google = JwtClaims {
        key: field("key", Some("/private_key")),
        key_id: Some(field("key", Some("/private_key_id"))),
        ..claims(JwtAlgorithm::Rs256, &[("iss", field("key", Some("/client_email")))])
    };
    let file = serde_json::json!({ "private_key": RSA, "private_key_id": "k1", "client_email": "a@b.example" });
    let (header, body) = read(&google, &values(&file.to_string(), &[])).unwrap();
    assert_eq!(header, r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#);
    assert_eq!(body, r#"{"exp":1270,"iat":970,"iss":"a@b.example","scope":"a b"}"#);
    for bad in ["canary", "{}", r#"{"private_key":{"canary":1}}"#, r#"{"private_key":null}"#, ""] {
        let error = read(&google, &values(bad, &[])).unwrap_err();
        assert!(matches!(&error, EgressError::Credential(text) if !text.contains("canary")), "{error}");
    }
}

#[test]
fn a_key_is_of_the_kind_that_the_algorithm_takes() {
    for (algorithm, key) in [
        (JwtAlgorithm::Rs256, RSA.to_owned()),
        (JwtAlgorithm::Rs256, RSA.replace('\n', "\\n")),
        (JwtAlgorithm::Rs256, RSA.replace('\n', "\r\n")),
        (JwtAlgorithm::Es256, EC.to_owned()),
        (JwtAlgorithm::Es256, EC_PKCS8.to_owned()),
        (JwtAlgorithm::Hs256, "Y2FuYXJ5".to_owned()),
    ] {
        assert!(Key::read(&claims(algorithm, &[]), &key).and_then(|key| key.token("a.b")).is_ok(), "{key}");
    }
    for (algorithm, key) in [
        (JwtAlgorithm::Rs256, EC.to_owned()),
        (JwtAlgorithm::Es256, RSA.to_owned()),
        (JwtAlgorithm::Es256, P384.to_owned()),
        (JwtAlgorithm::Rs256, "canary".to_owned()),
        (JwtAlgorithm::Rs256, String::new()),
        (JwtAlgorithm::Rs256, "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n".to_owned()),
        (JwtAlgorithm::Rs256, RSA.replace("RSA PRIVATE", "ENCRYPTED PRIVATE")),
        (JwtAlgorithm::Hs256, String::new()),
        (JwtAlgorithm::Hs256, "canary!".to_owned()),
    ] {
        let error = Key::read(&claims(algorithm, &[]), &key).and_then(|key| key.token("a.b")).map(|_| ()).unwrap_err();
        assert!(matches!(&error, EgressError::Credential(text) if !text.contains("canary")), "{error}");
    }
    // One that checks its own signatures would not have to be looked at here.
    let text = format!("{}.{CLAIMS}", URL_SAFE_NO_PAD.encode("{}"));
    let made = URL_SAFE_NO_PAD.decode(signature(JwtAlgorithm::Rs256, RSA, &text)).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa_public());
    public.verify(text.as_bytes(), &made).unwrap();
    assert!(public.verify(b"another text", &made).is_err());
}

/// The public half of the RSA key: the sequence of two numbers at the end of what certificates have.
fn rsa_public() -> Vec<u8> {
    let der = PrivateKeyDer::from_pem_slice(RSA.as_bytes()).unwrap();
    let info = any_supported_type(&der).unwrap().public_key().unwrap().to_vec();
    info[24..].to_vec()
}
