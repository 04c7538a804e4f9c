//! Which fields a condition names, whether or not they come to be looked at: `a || b.c` names `b.c`. Owns the
//! walk over its syntax.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use serde_json::Value;

/// Names of types, which stand where a field could.
const TYPES: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// The first field that `facts`, which have every field, do not have. What a fact is made of is not known where
/// it is `null` or has no members.
pub(super) fn unknown(expression: &IdedExpr, facts: &Value) -> Option<String> {
    walk(&expression.expr, facts, &mut Vec::new())
}

fn walk(expression: &Expr, facts: &Value, bound: &mut Vec<String>) -> Option<String> {
    let mut all = |several: &[&IdedExpr]| {
        let mut several = several.iter();
        several.find_map(|one| walk(&one.expr, facts, bound))
    };
    match expression {
        Expr::Ident(_) | Expr::Select(_) => match path(expression) {
            Some(path) => missing(&path, facts, bound),
            None => match expression {
                Expr::Select(select) => walk(&select.operand.expr, facts, bound),
                _ => None,
            },
        },
        Expr::Call(call) => {
            let target = call.target.iter().map(|target| &**target);
            all(&target.chain(&call.args).collect::<Vec<_>>())
        }
        Expr::List(list) => all(&list.elements.iter().collect::<Vec<_>>()),
        Expr::Map(map) => {
            let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => Some([&entry.key, &entry.value]),
                EntryExpr::StructField(_) => None,
            });
            all(&entries.flatten().collect::<Vec<_>>())
        }
        Expr::Comprehension(loop_) => {
            if let Some(name) = walk(&loop_.iter_range.expr, facts, bound) {
                return Some(name);
            }
            let before = bound.len();
            bound.push(loop_.iter_var.clone());
            bound.extend(loop_.iter_var2.clone());
            bound.push(loop_.accu_var.clone());
            let parts = [
                &loop_.accu_init,
                &loop_.loop_cond,
                &loop_.loop_step,
                &loop_.result,
            ];
            let found = parts.iter().find_map(|one| walk(&one.expr, facts, bound));
            bound.truncate(before);
            found
        }
        Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => None,
    }
}

/// `a.b.c`, from `a`.
fn path(expression: &Expr) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut at = expression;
    loop {
        match at {
            Expr::Ident(name) => {
                names.push(&**name);
                names.reverse();
                return Some(names);
            }
            Expr::Select(select) => {
                names.push(&select.field);
                at = &select.operand.expr;
            }
            _ => return None,
        }
    }
}

fn missing(path: &[&str], facts: &Value, bound: &[String]) -> Option<String> {
    let first = path.first()?;
    if bound.iter().any(|name| name == first) {
        return None;
    }
    let mut at = facts;
    for (depth, name) in path.iter().enumerate() {
        let members = at.as_object().filter(|members| !members.is_empty())?;
        match members.get(*name) {
            Some(value) => at = value,
            None if depth == 0 && TYPES.contains(name) => return None,
            None => return Some(path[..=depth].join(".")),
        }
    }
    None
}
