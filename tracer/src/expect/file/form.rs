//! How a value may be written: as a word, a list or a map, each with the line it stands on. Owns
//! the reading of these forms, so that every error names what is accepted.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_saphyr::Spanned;

/// A value and the line it stands on, counted from one.
#[derive(Debug)]
pub(super) struct At<T> {
    pub value: T,
    pub line: u64,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Spanned {
            value, referenced, ..
        } = Spanned::deserialize(from)?;
        let line = referenced.line();
        Ok(Self { value, line })
    }
}

/// What a key asks, if it is there. A key without a value is an error: it would ask nothing and
/// look as if it did.
#[derive(Debug)]
pub(super) struct Asked<T>(pub Option<At<T>>);

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Asked<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        At::deserialize(from).map(|at| Self(Some(at)))
    }
}

/// A value that is one word.
pub(super) trait Word: Sized {
    /// What is accepted, to stand behind "expected".
    const ACCEPTS: &'static str;
    /// All words that are accepted, where they are few.
    const WORDS: &'static [&'static str] = &[];

    /// The value; `None` = it is not accepted.
    fn read(text: &str) -> Option<Self>;
}

/// Read as a word, which YAML may take for a number or a boolean.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Text<W>(pub W);

/// One of the forms that a value has not.
#[derive(Debug)]
pub(super) enum Never {}

/// A list or a map, or neither.
pub(super) trait Shape {
    /// It is accepted.
    const ACCEPTED: bool = true;

    /// There is something in it.
    fn asks(&self) -> bool {
        true
    }
}

impl<T> Shape for Vec<T> {}
impl Shape for Never {
    const ACCEPTED: bool = false;
}

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("this form is not accepted here"))
    }
}

/// A value that can be a word, and also a list or a map.
#[derive(Debug)]
pub(super) enum Form<W, L, M> {
    Word(W),
    List(L),
    Map(M),
}

struct FormVisitor<W, L, M>(PhantomData<(W, L, M)>);

impl<'de, W: Word, L: Shape + Deserialize<'de>, M: Shape + Deserialize<'de>> Visitor<'de>
    for FormVisitor<W, L, M>
{
    type Value = Form<W, L, M>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(W::ACCEPTS)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        W::read(text.trim())
            .map(Form::Word)
            .ok_or_else(|| E::custom(format!("`{text}` is not accepted, expected {}", W::ACCEPTS)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Err(E::custom(format!("no value, expected {}", W::ACCEPTS)))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        if !L::ACCEPTED {
            return Err(de::Error::invalid_type(Unexpected::Seq, &self));
        }
        L::deserialize(de::value::SeqAccessDeserializer::new(list)).map(Form::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        if !M::ACCEPTED {
            return Err(de::Error::invalid_type(Unexpected::Map, &self));
        }
        let map = M::deserialize(de::value::MapAccessDeserializer::new(map))?;
        if map.asks() {
            Ok(Form::Map(map))
        } else {
            Err(de::Error::custom(
                "it asks for nothing; fill it in or leave it out",
            ))
        }
    }
}

impl<'de, W: Word, L: Shape + Deserialize<'de>, M: Shape + Deserialize<'de>> Deserialize<'de>
    for Form<W, L, M>
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(FormVisitor(PhantomData))
    }
}

impl<'de, W: Word> Deserialize<'de> for Text<W> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // As it is written: a host named 1.50 is not 1.5.
        match from.deserialize_str(FormVisitor::<W, Never, Never>(PhantomData))? {
            Form::Word(word) => Ok(Self(word)),
            Form::List(never) | Form::Map(never) => match never {},
        }
    }
}

/// Both wrappers have the schema of what is in them.
macro_rules! transparent_schema {
    ($($wrapper:ident)+) => {
        $(impl<T: JsonSchema> JsonSchema for $wrapper<T> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                T::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<T>()
            }
        })+
    };
}

transparent_schema!(At Asked);

fn word_schema<W: Word>() -> Schema {
    if !W::WORDS.is_empty() {
        return json_schema!({ "enum": W::WORDS, "description": W::ACCEPTS });
    }
    json_schema!({
        "type": ["string", "number", "boolean"],
        "description": W::ACCEPTS,
    })
}

impl<W: Word> JsonSchema for Text<W> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        word_schema::<W>()
    }
}

impl JsonSchema for Never {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Never".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        false.into()
    }
}

impl<W: Word, L: Shape + JsonSchema, M: Shape + JsonSchema> JsonSchema for Form<W, L, M> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Form".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut forms = vec![word_schema::<W>()];
        if L::ACCEPTED {
            forms.push(generator.subschema_for::<L>());
        }
        if M::ACCEPTED {
            forms.push(generator.subschema_for::<M>());
        }
        json_schema!({ "anyOf": forms })
    }
}
