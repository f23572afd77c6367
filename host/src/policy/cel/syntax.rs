//! A condition as it is written: a tree that knows its places and nothing of meanings.

use super::number::Number;

/// A part of a condition.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it is, in bytes: of an operation, its sign.
    pub(super) at: usize,
    /// How many levels are below it.
    pub(super) height: usize,
    /// What it is.
    pub(super) syntax: Syntax,
}

/// What a part is.
#[derive(Debug)]
pub(super) enum Syntax {
    Null,
    Bool(bool),
    Number(Number<'static>),
    Text(String),
    Name(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Select(Box<Node>, String),
    Index(Box<[Node; 2]>),
    Call {
        target: Option<Box<Node>>,
        name: String,
        arguments: Vec<Node>,
    },
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    /// `&&` over all of them, or `||`.
    Chain(Operator, Vec<Node>),
    Choose(Box<[Node; 3]>),
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Differ,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    In,
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
}

impl Operator {
    /// Each as it is written, with how tightly it binds.
    const ALL: [(Self, &'static str, u8); 14] = [
        (Self::Or, "||", 1),
        (Self::And, "&&", 2),
        (Self::Equal, "==", 3),
        (Self::Differ, "!=", 3),
        (Self::Less, "<", 3),
        (Self::LessOrEqual, "<=", 3),
        (Self::More, ">", 3),
        (Self::MoreOrEqual, ">=", 3),
        (Self::In, "in", 3),
        (Self::Plus, "+", 4),
        (Self::Minus, "-", 4),
        (Self::Times, "*", 5),
        (Self::Divide, "/", 5),
        (Self::Remainder, "%", 5),
    ];

    /// The operator that a sign or word is, and how tightly it binds.
    pub(super) fn read(text: &str) -> Option<(Self, u8)> {
        Self::ALL.iter().find(|(_, sign, _)| *sign == text).map(|(operator, _, level)| (*operator, *level))
    }

    /// As it is written.
    pub(super) fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(operator, ..)| *operator == self).map_or("", |(_, sign, _)| sign)
    }
}

impl Syntax {
    /// How many levels it has, itself included.
    pub(super) fn height(&self) -> usize {
        let below = match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Name(_) => 0,
            Self::List(nodes) | Self::Chain(_, nodes) => highest(nodes),
            Self::Map(entries) => entries.iter().map(|(key, value)| key.height.max(value.height)).max().unwrap_or(0),
            Self::Select(node, _) | Self::Not(node) | Self::Negate(node) => node.height,
            Self::Index(nodes) | Self::Binary(_, nodes) => highest(nodes.as_slice()),
            Self::Choose(nodes) => highest(nodes.as_slice()),
            Self::Call { target, arguments, .. } => {
                highest(arguments).max(target.as_ref().map_or(0, |target| target.height))
            }
        };
        below + 1
    }
}

fn highest(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| node.height).max().unwrap_or(0)
}
