//! The presets: what each looks for.
//!
//! Names of fields are written in small letters with `_`; see [`Names`](super::names::Names) for what
//! they match. Formats of keys are those that their issuers document.

use super::checks;
use crate::redactors::patterns::Check;

/// Everything about one preset.
#[derive(Debug)]
pub struct Definition {
    pub name: &'static str,
    pub description: &'static str,
    pub patterns: &'static [PresetPattern],
    pub fields: &'static [&'static str],
}

/// One thing that a preset looks for in texts.
#[derive(Debug, Clone, Copy)]
pub struct PresetPattern {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) regex: &'static str,
    pub(super) check: Option<Check>,
}

impl PresetPattern {
    /// Its name, as in [`Finding::rule`](super::Finding::rule) and
    /// [`PresetMask::without`](super::PresetMask::without).
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it finds, in a few words.
    #[must_use]
    pub fn description(&self) -> &'static str {
        self.description
    }

    /// The regular expression, in the syntax of the crate `regex`.
    #[must_use]
    pub fn regex(&self) -> &'static str {
        self.regex
    }

    /// Whether what the expression finds is looked at more closely, for a check digit or the like.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.check.is_some()
    }
}

const fn pattern(name: &'static str, description: &'static str, regex: &'static str) -> PresetPattern {
    PresetPattern { name, description, regex, check: None }
}

const fn checked(name: &'static str, description: &'static str, regex: &'static str, check: Check) -> PresetPattern {
    PresetPattern { name, description, regex, check: Some(check) }
}

const EMAIL: PresetPattern = pattern(
    "email",
    "an address of electronic mail",
    r#"[^\s@"'<>(),;:=&\[\]\\/|]+(?:@|%40)[^\s@"'<>(),;:=&?#\[\]\\/|]+\.(?:xn--[A-Za-z0-9-]+|\p{L}{2,})"#,
);
const IPV4: PresetPattern = checked("ipv4", "an address of IPv4", r"[0-9]+(?:\.[0-9]+){3,}", checks::ipv4);
const IPV6: PresetPattern = checked(
    "ipv6",
    "an address of IPv6",
    r"[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*|(?:[0-9A-Fa-f]{1,4}:){6,}[0-9A-Fa-f:.]*",
    checks::ipv6,
);
const PHONE: PresetPattern = checked(
    "phone",
    "a telephone number with its country code, or of the form 212-555-0100",
    concat!(
        r"\+[1-9][0-9]{0,2}(?:[ .\-/]?\(?[0-9]{1,5}\)?){2,6}",
        r"|(?-u:\b)[2-9][0-9]{2}[-. ][2-9][0-9]{2}[-. ][0-9]{4}(?-u:\b)",
        r"|\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[-. ][0-9]{4}(?-u:\b)",
    ),
    checks::phone,
);
pub(super) const CARD: PresetPattern = checked(
    "card_number",
    "a payment card number with the right check digit, also in groups",
    r"[0-9](?:[ \-\u{a0}]?[0-9]){12,}",
    checks::card,
);

pub static GDPR: Definition = Definition {
    name: "gdpr",
    description: "personal data: mail and network addresses, telephone numbers, bank accounts",
    patterns: &[
        EMAIL,
        IPV4,
        IPV6,
        PHONE,
        checked(
            "iban",
            "an international bank account number with the right check digits",
            r"[A-Za-z]{2}[0-9]{2}",
            checks::iban,
        ),
    ],
    fields: &[
        "email",
        "e_mail",
        "mail",
        "email_address",
        "phone",
        "phone_number",
        "telephone",
        "mobile",
        "mobile_number",
        "fax",
        "first_name",
        "last_name",
        "full_name",
        "given_name",
        "family_name",
        "surname",
        "maiden_name",
        "date_of_birth",
        "birth_date",
        "birthday",
        "dob",
        "place_of_birth",
        "ip",
        "ip_address",
        "ip_addr",
        "client_ip",
        "remote_addr",
        "street",
        "street_address",
        "home_address",
        "postal_address",
        "iban",
        "bic",
        "account_number",
        "passport",
        "passport_number",
        "national_id",
        "id_card",
        "tax_id",
        "driver_license",
        "drivers_license",
        "driving_licence",
        "nationality",
        "ethnicity",
        "religion",
        "gender",
        "geolocation",
        "latitude",
        "longitude",
    ],
};

pub static PCI: Definition = Definition {
    name: "pci",
    description: "payment cards: numbers, security codes, track data, and what is printed on them",
    patterns: &[
        CARD,
        pattern(
            "card_code",
            "the security code of a card, named so in a text",
            r#"(?i)(?-u:\b)(?:cvv2?|cvc2?|cav2|cid|csc|security code)(?-u:\b)["']?\s{0,3}(?:[:=#]|is)?\s{0,3}["']?(?<secret>[0-9]{3,4})(?-u:\b)"#,
        ),
        pattern(
            "track_data",
            "the magnetic stripe of a card",
            r"%?B[0-9]{12,19}\^[^\^\n]{2,26}\^[0-9]{4,}[^?\n]{0,60}\??|;[0-9]{12,19}=[0-9]{4,}[^?\n]{0,30}\??",
        ),
    ],
    fields: &[
        "card_number",
        "card_no",
        "card_num",
        "credit_card",
        "credit_card_number",
        "debit_card",
        "cc_number",
        "cc_num",
        "pan",
        "primary_account_number",
        "cvv",
        "cvv2",
        "cvc",
        "cvc2",
        "cav2",
        "csc",
        "security_code",
        "card_code",
        "pin",
        "pin_code",
        "pin_block",
        "track1",
        "track2",
        "track_data",
        "track1_data",
        "track2_data",
        "magstripe",
        "cardholder",
        "cardholder_name",
        "card_holder",
        "card_holder_name",
        "name_on_card",
        "card_expiry",
        "expiry_date",
        "expiration_date",
        "exp_date",
        "exp_month",
        "exp_year",
        "service_code",
    ],
};

pub static HIPAA: Definition = Definition {
    name: "hipaa",
    description: "health data: social security, record and plan numbers, and what identifies a patient",
    patterns: &[
        checked(
            "ssn",
            "a social security number of the United States",
            r"(?-u:\b)[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}",
            checks::ssn,
        ),
        pattern(
            "mrn",
            "the number of a medical record, named so in a text",
            r#"(?i)(?-u:\b)(?:mrn|medical record(?: number| no\.?)?)["']?\s{0,3}[:=#]?\s{0,3}["']?(?<secret>[A-Z]{0,4}-?[0-9][A-Z0-9-]{3,19})"#,
        ),
        pattern(
            "mbi",
            "a Medicare beneficiary identifier",
            r"(?-u:\b)[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y]{2}[0-9]{2}(?-u:\b)",
        ),
        pattern(
            "npi",
            "a national provider identifier, named so in a text",
            r#"(?i)(?-u:\b)npi["']?\s{0,3}[:=#]?\s{0,3}["']?(?<secret>[12][0-9]{9})(?-u:\b)"#,
        ),
        EMAIL,
        IPV4,
        IPV6,
        PHONE,
    ],
    fields: &[
        "ssn",
        "social_security",
        "social_security_number",
        "mrn",
        "medical_record",
        "medical_record_number",
        "patient_id",
        "patient_name",
        "patient",
        "health_plan_id",
        "health_plan_number",
        "beneficiary_id",
        "insurance_id",
        "insurance_number",
        "member_id",
        "subscriber_id",
        "mbi",
        "npi",
        "dea_number",
        "diagnosis",
        "diagnoses",
        "icd10",
        "icd_code",
        "prescription",
        "medication",
        "medications",
        "lab_result",
        "lab_results",
        "allergies",
        "blood_type",
        "date_of_birth",
        "birth_date",
        "dob",
        "date_of_death",
        "admission_date",
        "discharge_date",
        "email",
        "email_address",
        "phone",
        "phone_number",
        "telephone",
        "fax",
        "ip",
        "ip_address",
        "client_ip",
        "first_name",
        "last_name",
        "full_name",
        "street_address",
        "home_address",
        "license_plate",
        "vin",
        "device_serial",
        "biometric",
        "fingerprint_data",
    ],
};

pub static CLOUD_KEYS: Definition = Definition {
    name: "cloud_keys",
    description: "keys of cloud and software services: AWS, GCP, Azure, GitHub, GitLab, Slack, Stripe and others",
    patterns: &[
        pattern("aws_access_key_id", "the id of an access key of AWS", r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}"),
        pattern(
            "aws_secret_access_key",
            "a secret access key of AWS, named so in a text",
            r#"(?i)(?:aws|secret)[a-z0-9_.\- ]{0,30}["']?\s{0,3}(?:[:=]|=>)\s{0,3}["']?(?<secret>[A-Za-z0-9/+]{40})"#,
        ),
        pattern("gcp_api_key", "an API key of Google", r"AIza[0-9A-Za-z_\-]{35}"),
        pattern("gcp_oauth_token", "an access token of Google", r"ya29\.[0-9A-Za-z_\-]{20,}"),
        pattern("gcp_client_secret", "a client secret of Google", r"GOCSPX-[0-9A-Za-z_\-]{28}"),
        pattern(
            "azure_key",
            "a key in a connection string of Azure",
            r"(?i)(?:AccountKey|SharedAccessKey)=(?<secret>[A-Za-z0-9+/]{32,}={0,2})",
        ),
        pattern(
            "azure_sas",
            "the signature of a shared access URL of Azure",
            r#"(?i)[?&]sig=(?<secret>[^&\s"'<>]{20,})"#,
        ),
        pattern(
            "azure_client_secret",
            "a client secret of Azure",
            r"[0-9A-Za-z_\-~.]{3}[0-9]Q~[0-9A-Za-z_\-~.]{31,34}",
        ),
        pattern("github_token", "a token of GitHub", r"gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{22,}"),
        pattern("gitlab_token", "a token of GitLab", r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[0-9A-Za-z_\-]{20,}"),
        pattern("slack_token", "a token of Slack", r"xox[abeoprs]-[0-9A-Za-z\-]{10,}|xapp-[0-9]-[0-9A-Za-z\-]{10,}"),
        pattern(
            "slack_webhook",
            "the address of a webhook of Slack",
            r"hooks\.slack\.com/(?:services|workflows|triggers)/(?<secret>[0-9A-Za-z/_\-]{20,})",
        ),
        pattern("stripe_key", "a key of Stripe", r"(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[0-9A-Za-z+/=]{24,}"),
        pattern("npm_token", "a token of npm", r"npm_[0-9A-Za-z]{36}"),
        pattern("pypi_token", "a token of PyPI", r"pypi-[0-9A-Za-z_\-]{50,}"),
        pattern("sendgrid_key", "a key of SendGrid", r"SG\.[0-9A-Za-z_\-]{16,32}\.[0-9A-Za-z_\-]{32,64}"),
        pattern(
            "openai_style_key",
            "a key that begins with sk-",
            r"(?-u:\b)sk-(?:[a-z]{2,8}[0-9]{0,2}-)*[0-9A-Za-z_\-]{32,}",
        ),
        pattern("digitalocean_token", "a token of DigitalOcean", r"do[opr]_v1_[0-9a-f]{64}"),
    ],
    fields: &[
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "secret_access_key",
        "access_key",
        "access_key_id",
        "secret_key",
        "session_token",
        "security_token",
        "account_key",
        "storage_key",
        "shared_access_key",
        "sas_token",
        "connection_string",
        "service_account_key",
        "api_key",
        "apikey",
        "api_token",
        "api_secret",
        "github_token",
        "gitlab_token",
        "slack_token",
        "webhook_secret",
        "webhook_url",
        "stripe_key",
        "signing_secret",
        "signing_key",
        "encryption_key",
        "master_key",
    ],
};

pub static JWT: Definition = Definition {
    name: "jwt",
    description: "JSON web tokens, signed or encrypted",
    patterns: &[pattern(
        "jwt",
        "a JSON web token",
        r"eyJ[0-9A-Za-z_\-]{4,}\.[0-9A-Za-z_\-]*\.[0-9A-Za-z_\-]*(?:\.[0-9A-Za-z_\-]*\.[0-9A-Za-z_\-]*)?",
    )],
    fields: &["jwt", "id_token", "access_token", "refresh_token", "jws", "jwe"],
};

pub static AUTH_TOKENS: Definition = Definition {
    name: "auth_tokens",
    description: "what stands in headers that authenticate: bearer and basic credentials, cookies",
    patterns: &[
        checked(
            "bearer",
            "the token behind the word bearer",
            r"(?i)(?-u:\b)bearer(?:[ \t:=]|%20|\+)+(?<secret>[0-9A-Za-z._~+/\-]{6,}=*)",
            checks::bearer,
        ),
        checked(
            "basic",
            "user and password in base64 behind the word basic",
            r"(?i)(?-u:\b)basic(?:[ \t]|%20|\+)+(?<secret>[0-9A-Za-z+/_\-]{4,}={0,2})",
            checks::basic,
        ),
        pattern(
            "authorization",
            "what stands in a header that authenticates",
            r#"(?i)(?-u:\b)(?:proxy-)?authorization["']?\s{0,3}[:=]\s{0,3}["']?(?:[a-z0-9_\-]{2,30}\s+)?(?<secret>[^\s"',;]{4,})"#,
        ),
        pattern(
            "cookie",
            "the values in a header of cookies",
            r#"(?i)(?-u:\b)(?:set-)?cookie["']?\s{0,3}:\s{0,3}["']?(?<secret>[^\s"'=;]+=[^\r\n"']+)"#,
        ),
    ],
    fields: &[
        "authorization",
        "proxy_authorization",
        "auth",
        "auth_header",
        "auth_token",
        "bearer",
        "bearer_token",
        "token",
        "access_token",
        "refresh_token",
        "id_token",
        "session",
        "session_id",
        "sessionid",
        "session_token",
        "sid",
        "cookie",
        "cookies",
        "set_cookie",
        "csrf",
        "csrf_token",
        "xsrf_token",
        "api_key",
        "apikey",
        "x_api_key",
    ],
};

pub static PRIVATE_KEYS: Definition = Definition {
    name: "private_keys",
    description: "private keys, in the text forms of PEM, OpenSSH, PGP and age",
    patterns: &[
        pattern(
            "pem",
            "a private key between its BEGIN and END lines, or up to the end of the text",
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)",
        ),
        pattern("age", "a secret key of age", r"AGE-SECRET-KEY-1[0-9A-Z]{20,}"),
        pattern("putty", "a private key file of PuTTY", r"PuTTY-User-Key-File-[0-9]:(?s:.*)"),
    ],
    fields: &["private_key", "privatekey", "priv_key", "ssh_key", "ssh_private_key", "pem", "secret_key", "key_pem"],
};

pub static CREDENTIALS: Definition = Definition {
    name: "credentials",
    description: "passwords and other secrets by the names people give them, and those in URLs",
    patterns: &[
        pattern(
            "assignment",
            "what is assigned to a password, secret, token or key in a text",
            r#"(?i)(?:password|passwd|passphrase|pwd|secret|token|api[_\-]?key|access[_\-]?key|private[_\-]?key)["']?\s{0,3}(?:=>|[:=])\s{0,3}(?<secret>"[^"\r\n]+|'[^'\r\n]+|[^\s"',;&(){}\[\]]+)"#,
        ),
        pattern(
            "url_userinfo",
            "user and password in a URL",
            r#"[A-Za-z][A-Za-z0-9+.\-]*://(?<secret>[^\s/?#"'<>@]+(?:@[^\s/?#"'<>@]+)*)@"#,
        ),
    ],
    fields: &[
        "password",
        "passwd",
        "pwd",
        "pass",
        "passphrase",
        "passcode",
        "new_password",
        "old_password",
        "password_hash",
        "secret",
        "secrets",
        "client_secret",
        "shared_secret",
        "secret_key",
        "token",
        "api_key",
        "apikey",
        "credential",
        "credentials",
        "private_key",
        "otp",
        "totp_secret",
        "recovery_code",
        "security_answer",
    ],
};
