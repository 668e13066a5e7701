//! The words and signs of an expression.

use std::borrow::Cow;
use std::fmt;

use super::predicate::Comparison;

/// A word or sign, with the byte at which it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) at: usize,
    pub(super) kind: TokenKind<'t>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'t> {
    /// A bare path, or a word of the language.
    Word(&'t str),
    /// A path in backticks.
    Path(Cow<'t, str>),
    Text(Cow<'t, str>),
    Number(&'t str),
    Compare(Comparison),
    And,
    Or,
    Not,
    Open,
    Close,
    End,
}

/// What is wrong, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) what: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(at: usize, what: impl Into<Cow<'static, str>>) -> Self {
        Self { at, what: what.into() }
    }
}

/// Words that are no paths.
pub(super) const KEYWORDS: [&str; 11] =
    ["and", "or", "not", "exists", "contains", "starts_with", "ends_with", "matches", "true", "false", "null"];

fn starts_path(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@' | '$')
}

fn continues_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '.' | '-' | '/' | ':')
}

/// Whether a path can be written without backticks.
pub(super) fn is_bare_path(path: &str) -> bool {
    path.starts_with(starts_path)
        && path.chars().all(continues_path)
        && !KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(path))
}

/// Reads tokens one by one.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Token<'t>, Problem> {
        self.take_while(char::is_whitespace);
        let at = self.at;
        let Some(first) = self.peek() else { return Ok(Token { at, kind: TokenKind::End }) };
        let kind = match first {
            '(' => self.sign(1, TokenKind::Open),
            ')' => self.sign(1, TokenKind::Close),
            '"' => TokenKind::Text(self.quoted('"')?),
            '`' => TokenKind::Path(self.quoted('`')?),
            '\'' => TokenKind::Text(Cow::Borrowed(self.raw()?)),
            '0'..='9' | '-' => TokenKind::Number(self.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))),
            c if starts_path(c) => TokenKind::Word(self.take_while(continues_path)),
            _ => self.operator()?,
        };
        Ok(Token { at, kind })
    }

    fn operator(&mut self) -> Result<TokenKind<'t>, Problem> {
        let rest = &self.text[self.at..];
        for (sign, kind) in [
            ("==", TokenKind::Compare(Comparison::Equal)),
            ("!=", TokenKind::Compare(Comparison::NotEqual)),
            ("<=", TokenKind::Compare(Comparison::LessOrEqual)),
            (">=", TokenKind::Compare(Comparison::GreaterOrEqual)),
            ("<", TokenKind::Compare(Comparison::Less)),
            (">", TokenKind::Compare(Comparison::Greater)),
            ("&&", TokenKind::And),
            ("||", TokenKind::Or),
            ("!", TokenKind::Not),
        ] {
            if rest.starts_with(sign) {
                return Ok(self.sign(sign.len(), kind));
            }
        }
        let what = match rest.chars().next() {
            Some('=') => Cow::Borrowed("'=' is no comparison: write '=='"),
            c => Cow::Owned(format!("unexpected {:?}", c.unwrap_or_default())),
        };
        Err(Problem::new(self.at, what))
    }

    fn sign(&mut self, len: usize, kind: TokenKind<'t>) -> TokenKind<'t> {
        self.at += len;
        kind
    }

    /// Reads a text with escapes; borrowed if it has none.
    fn quoted(&mut self, quote: char) -> Result<Cow<'t, str>, Problem> {
        let start = self.at;
        self.at += 1;
        let plain = self.take_while(|c| c != quote && c != '\\');
        let mut text = Cow::Borrowed(plain);
        loop {
            match self.peek() {
                None => return Err(Problem::new(start, format!("the {quote} that opens here is never closed"))),
                Some('\\') => {
                    let at = self.at;
                    self.at += 1;
                    let c = match self.peek() {
                        Some('n') => '\n',
                        Some('r') => '\r',
                        Some('t') => '\t',
                        Some(c) if c == '\\' || c == quote => c,
                        _ => {
                            let what = format!(
                                "unknown escape: \\\\ \\{quote} \\n \\r and \\t are known, and 'single quotes' \
                                 take everything as it stands"
                            );
                            return Err(Problem::new(at, what));
                        }
                    };
                    self.at += 1;
                    text.to_mut().push(c);
                }
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(_) => {
                    let more = self.take_while(|c| c != quote && c != '\\');
                    text.to_mut().push_str(more);
                }
            }
        }
    }

    fn raw(&mut self) -> Result<&'t str, Problem> {
        let start = self.at;
        self.at += 1;
        let text = self.take_while(|c| c != '\'');
        if self.peek().is_none() {
            return Err(Problem::new(start, "the ' that opens here is never closed"));
        }
        self.at += 1;
        Ok(text)
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'t str {
        let rest = &self.text[self.at..];
        let len = rest.find(|c| !holds(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }
}

/// As it is named in errors.
impl fmt::Display for TokenKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenKind::Word(word) => write!(f, "'{word}'"),
            TokenKind::Path(path) => write!(f, "`{path}`"),
            TokenKind::Text(_) => f.write_str("a text"),
            TokenKind::Number(number) => write!(f, "'{number}'"),
            TokenKind::Compare(comparison) => write!(f, "'{}'", comparison.symbol()),
            TokenKind::And => f.write_str("'&&'"),
            TokenKind::Or => f.write_str("'||'"),
            TokenKind::Not => f.write_str("'!'"),
            TokenKind::Open => f.write_str("'('"),
            TokenKind::Close => f.write_str("')'"),
            TokenKind::End => f.write_str("the end"),
        }
    }
}
