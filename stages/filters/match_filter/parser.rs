//! From a text to a predicate, by recursive descent.

use std::str::FromStr;

use logwheel_core::Level;

use super::compare::Constant;
use super::lexer::{KEYWORDS, Lexer, Problem, Token, TokenKind};
use super::predicate::{Node, Predicate, Test, compile};
use crate::path::FieldPath;

/// How deep parentheses and `not` may nest.
const MAX_DEPTH: usize = 64;
/// How long an expression may be, in bytes.
const MAX_LEN: usize = 16 << 10;

/// An expression could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at column {column}: {what}")]
pub struct ExpressionError {
    position: usize,
    column: usize,
    what: String,
}

impl ExpressionError {
    fn new(text: &str, problem: Problem) -> Self {
        let before = text.get(..problem.at).unwrap_or(text);
        Self { position: problem.at, column: before.chars().count() + 1, what: problem.what.into_owned() }
    }

    /// The byte of the text at which it went wrong.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The character of the text at which it went wrong, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

impl FromStr for Predicate {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let node = Parser::new(text).and_then(Parser::parse);
        node.map(Predicate).map_err(|problem| ExpressionError::new(text, problem))
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that is next.
    next: Token<'t>,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, Problem> {
        if text.len() > MAX_LEN {
            return Err(Problem::new(0, format!("{} bytes are too long: at most {MAX_LEN} are allowed", text.len())));
        }
        let mut lexer = Lexer::new(text);
        let next = lexer.next()?;
        Ok(Self { lexer, next, depth: 0 })
    }

    fn parse(mut self) -> Result<Node, Problem> {
        let node = self.any()?;
        match self.next.kind {
            TokenKind::End => Ok(node),
            _ => Err(self.unexpected("'and', 'or' or the end")),
        }
    }

    fn any(&mut self) -> Result<Node, Problem> {
        let first = self.all()?;
        if !self.is_or() {
            return Ok(first);
        }
        let mut nodes = vec![first];
        while self.is_or() {
            self.advance()?;
            nodes.push(self.all()?);
        }
        Ok(Node::any(nodes))
    }

    fn all(&mut self) -> Result<Node, Problem> {
        let first = self.unary()?;
        if !self.is_and() {
            return Ok(first);
        }
        let mut nodes = vec![first];
        while self.is_and() {
            self.advance()?;
            nodes.push(self.unary()?);
        }
        Ok(Node::all(nodes))
    }

    fn unary(&mut self) -> Result<Node, Problem> {
        let negates = self.next.kind == TokenKind::Not || self.is_word("not");
        if !negates && self.next.kind != TokenKind::Open {
            return self.condition();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem::new(self.next.at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let opened = self.advance()?.at;
        let node = if negates {
            self.unary()?.negated()
        } else {
            let inner = self.any()?;
            match self.next.kind {
                TokenKind::Close => self.advance()?,
                TokenKind::End => return Err(Problem::new(opened, "the '(' that opens here is never closed")),
                _ => return Err(self.unexpected("'and', 'or' or ')'")),
            };
            inner
        };
        self.depth -= 1;
        Ok(node)
    }

    fn condition(&mut self) -> Result<Node, Problem> {
        let path = self.path()?;
        let operator = self.advance()?;
        let test = match operator.kind {
            TokenKind::Compare(comparison) => Test::Compare(comparison, self.value(&path, comparison.symbol())?),
            TokenKind::Word(word) => match KEYWORDS.iter().find(|keyword| keyword.eq_ignore_ascii_case(word)) {
                Some(&"exists") => Test::Exists,
                Some(&"contains") => Test::Contains(self.text(word)?.1.into()),
                Some(&"starts_with") => Test::StartsWith(self.text(word)?.1.into()),
                Some(&"ends_with") => Test::EndsWith(self.text(word)?.1.into()),
                Some(&"matches") => {
                    let (at, regex) = self.text(word)?;
                    Test::Matches(compile(&regex).map_err(|problem| Problem::new(at, problem))?)
                }
                _ => return Err(no_operator(&operator, &path)),
            },
            _ => return Err(no_operator(&operator, &path)),
        };
        Ok(Node::Test(path, test))
    }

    fn path(&mut self) -> Result<FieldPath, Problem> {
        let token = self.advance()?;
        let text = match &token.kind {
            TokenKind::Word(word) if KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) => {
                let what = format!("expected a path, found '{word}': as the name of a field it needs `backticks`");
                return Err(Problem::new(token.at, what));
            }
            TokenKind::Word(word) => word,
            TokenKind::Path(path) => &**path,
            kind => return Err(Problem::new(token.at, format!("expected a path, 'not' or '(', found {kind}"))),
        };
        FieldPath::parse(text)
            .ok_or_else(|| Problem::new(token.at, format!("{text:?} is no path: it must be {}", FieldPath::ALLOWED)))
    }

    fn value(&mut self, path: &FieldPath, after: &str) -> Result<Constant, Problem> {
        let token = self.advance()?;
        let level = |name: &str| {
            let unknown = || Problem::new(token.at, format!("{name:?} is no level"));
            Level::parse(name).map(Constant::Level).ok_or_else(unknown)
        };
        Ok(match &token.kind {
            TokenKind::Number(text) => Constant::number(text)
                .ok_or_else(|| Problem::new(token.at, format!("'{text}' is no number that can be compared")))?,
            TokenKind::Text(text) if path.is_level() => level(text)?,
            TokenKind::Text(text) => Constant::text(text),
            TokenKind::Word(word) if path.is_level() => level(word)?,
            TokenKind::Word(word) => match word.to_ascii_lowercase().as_str() {
                "true" => Constant::Bool(true),
                "false" => Constant::Bool(false),
                "null" => Constant::Null,
                _ => {
                    let what = format!("expected a value after '{after}', found '{word}': a text needs \"quotes\"");
                    return Err(Problem::new(token.at, what));
                }
            },
            kind => return Err(Problem::new(token.at, format!("expected a value after '{after}', found {kind}"))),
        })
    }

    fn text(&mut self, after: &str) -> Result<(usize, String), Problem> {
        let token = self.advance()?;
        match token.kind {
            TokenKind::Text(text) => Ok((token.at, text.into_owned())),
            kind => Err(Problem::new(token.at, format!("expected a text in quotes after '{after}', found {kind}"))),
        }
    }

    fn is_and(&self) -> bool {
        self.next.kind == TokenKind::And || self.is_word("and")
    }

    fn is_or(&self) -> bool {
        self.next.kind == TokenKind::Or || self.is_word("or")
    }

    fn is_word(&self, keyword: &str) -> bool {
        matches!(self.next.kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn unexpected(&self, expected: &str) -> Problem {
        Problem::new(self.next.at, format!("expected {expected}, found {}", self.next.kind))
    }

    /// Takes the token that is next.
    fn advance(&mut self) -> Result<Token<'t>, Problem> {
        let following = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.next, following))
    }
}

fn no_operator(found: &Token<'_>, path: &FieldPath) -> Problem {
    let what = format!(
        "expected a comparison, 'exists', 'contains', 'starts_with', 'ends_with' or 'matches' after '{}', found {}",
        path.as_str(),
        found.kind
    );
    Problem::new(found.at, what)
}
