//! A reader for the kernel's BTF that answers the few questions a loader has, in one pass and
//! without building a tree: offsets of members, sizes, enumerators, ids by name. Owns the format
//! (Documentation/bpf/btf.rst); reads bytes that it is given, never a file.

use std::collections::HashMap;

use thiserror::Error;
use tracer_common::layout::Query;
use zerocopy::IntoBytes as _;

/// Why BTF could not be read or a question not be answered.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BtfError {
    /// Not BTF, or BTF of another byte order or version.
    #[error("the data is not BTF of this machine's byte order (magic {0:#06x})")]
    Magic(u16),
    /// More than the format can address.
    #[error("{0} bytes are more than BTF can hold")]
    TooLarge(usize),
    /// A section or a type reaches beyond the data.
    #[error("the BTF is cut off at byte {0}")]
    Truncated(usize),
    /// A kind that this reader does not know: what follows cannot be found.
    #[error("the BTF has a type of unknown kind {0}")]
    UnknownKind(u32),
    /// No type of that name.
    #[error("this kernel has no type `{0}`")]
    NoType(String),
    /// The type has no such member or enumerator.
    #[error("this kernel's `{0}` has no `{1}`")]
    NoMember(String, String),
    /// Several types of one name disagree on the answer.
    #[error("this kernel has several types `{0}` that differ in `{1}`")]
    Ambiguous(String, String),
    /// A bit field, or an offset that is not whole bytes.
    #[error("`{1}` of `{0}` is a bit field")]
    BitField(String, String),
    /// Neither a struct nor a number.
    #[error("`{1}` of `{0}` has no size of its own")]
    NoSize(String, String),
    /// More than one bit.
    #[error("`{1}` of `{0}` is no bit field of one bit")]
    NoBit(String, String),
    /// Asked for the place of an element of something that is no array of 64-bit numbers, or has fewer.
    #[error("in the kernel's BTF {0}.{1} is no array of 64-bit numbers with an element {2}")]
    NoElement(String, String, u32),
    /// An ELF file that is damaged.
    #[error("the ELF file cannot be read: {0}")]
    Elf(String),
    /// An ELF file whose BTF was taken off, or was never made.
    #[error("the ELF file has no section .BTF")]
    NoSection,
}

const MAGIC: u16 = 0xeb9f;

const KIND_INT: u32 = 1;
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FWD: u32 = 7;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

/// Most anonymous members that are looked into for one name. No kernel struct has so many;
/// damaged data may contain itself, or the same a thousand times on every level.
const LARGEST: u32 = 256;

/// A kind of type that is looked up by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// A struct or union.
    Struct,
    /// An enum.
    Enum,
    /// A typedef; tracepoints are `btf_trace_NAME`.
    Typedef,
    /// A function; iterators are `bpf_iter_NAME`.
    Func,
}

/// A member of a struct.
struct Found {
    /// Offset in bits.
    bits: u32,
    /// Bits of a bit field; 0 = it is none.
    width: u32,
    /// Id of its type.
    kind: u32,
}

/// BTF with an index of where each type stands.
pub struct Btf<'a> {
    data: &'a [u8],
    strings: &'a [u8],
    /// Byte position of each type in `data`; index 0 is void.
    types: Vec<u32>,
    named: HashMap<Named, HashMap<&'a [u8], Vec<u32>>>,
}

impl<'a> Btf<'a> {
    /// Indexes `data`, keeping the ids of types whose name `wanted` accepts. It is given all that
    /// follows the name's start: most can be told by their first bytes, and looking for the end of
    /// a hundred thousand names would take longer than all the rest.
    pub fn parse(data: &'a [u8], wanted: impl Fn(Named, &[u8]) -> bool) -> Result<Self, BtfError> {
        // Positions, ids and offsets below are 32 bits wide, as in the format itself.
        if u32::try_from(data.len()).is_err() {
            return Err(BtfError::TooLarge(data.len()));
        }
        let magic = u16::from_ne_bytes(bytes(data, 0)?);
        if magic != MAGIC {
            return Err(BtfError::Magic(magic));
        }
        let header = word(data, 4)? as usize;
        let section = |at: usize| -> Result<&'a [u8], BtfError> {
            let start = header.saturating_add(word(data, at)? as usize);
            let end = start.saturating_add(word(data, at + 4)? as usize);
            data.get(start..end).ok_or(BtfError::Truncated(data.len()))
        };
        let type_section = section(8)?;
        let strings = section(16)?;
        let mut btf = Self {
            data: type_section,
            strings,
            types: Vec::with_capacity(type_section.len() / 24),
            named: HashMap::new(),
        };
        btf.types.push(0);
        let mut position = 0;
        while position < type_section.len() {
            let info = word(type_section, position + 4)?;
            let kind = info >> 24 & 0x1f;
            let named = match kind {
                KIND_STRUCT | KIND_UNION => Some(Named::Struct),
                // One of 64 bits has values that no answer has room for.
                KIND_ENUM => Some(Named::Enum),
                KIND_TYPEDEF => Some(Named::Typedef),
                KIND_FUNC => Some(Named::Func),
                _ => None,
            };
            if let Some(named) = named {
                let rest = btf.strings_from(word(type_section, position)?)?;
                if wanted(named, rest) {
                    let name = terminated(rest);
                    let id = narrow(btf.types.len());
                    btf.named
                        .entry(named)
                        .or_default()
                        .entry(name)
                        .or_default()
                        .push(id);
                }
            }
            btf.types.push(narrow(position));
            position += 12 + tail(kind, info & 0xffff)?;
        }
        Ok(btf)
    }

    /// The id of the only type of that kind and name.
    pub fn id(&self, named: Named, name: &str) -> Result<u32, BtfError> {
        match self.ids(named, name) {
            [] => Err(BtfError::NoType(name.to_owned())),
            [id] => Ok(*id),
            _ => Err(BtfError::Ambiguous(name.to_owned(), "its id".to_owned())),
        }
    }

    /// Answers a question of the layout table.
    pub fn answer(&self, query: Query) -> Result<u32, BtfError> {
        match query {
            Query::Offset(name, path) => {
                self.agree(name, path, |id| Ok(self.member(id, name, path)?.0))
            }
            Query::IsPointer(name, path) => self.agree(name, path, |id| {
                let member = self.member(id, name, path)?.1;
                Ok(u32::from(self.kind(self.resolve(member)?)? == KIND_PTR))
            }),
            Query::MemberSize(name, path) => self.agree(name, path, |id| {
                let member = self.member(id, name, path)?.1;
                match self.kind(member)? {
                    KIND_INT | KIND_STRUCT | KIND_UNION => word(self.data, self.at(member)? + 8),
                    _ => Err(BtfError::NoSize(name.to_owned(), path.to_owned())),
                }
            }),
            Query::Bit(name, member) => self.agree(name, member, |id| {
                let found = self.find(id, member.as_bytes(), &mut { LARGEST })?;
                match found {
                    Some(found) if found.width == 1 => Ok(found.bits),
                    Some(_) => Err(BtfError::NoBit(name.to_owned(), member.to_owned())),
                    None => Err(BtfError::NoMember(name.to_owned(), member.to_owned())),
                }
            }),
            Query::Size(name) => {
                self.agree(name, "its size", |id| word(self.data, self.at(id)? + 8))
            }
            Query::Value(name, enumerator) => self.enumerator(name, enumerator),
            Query::Element(name, path, index) => self.agree(name, path, |id| {
                let (offset, array) = self.member(id, name, path)?;
                self.element(array, index)?
                    .and_then(|within| offset.checked_add(within))
                    .ok_or_else(|| BtfError::NoElement(name.to_owned(), path.to_owned(), index))
            }),
        }
    }

    /// Byte offset of an element within the array of 64-bit numbers `array`; `None` = it is no such array,
    /// or too short.
    fn element(&self, array: u32, index: u32) -> Result<Option<u32>, BtfError> {
        if self.kind(array)? != KIND_ARRAY {
            return Ok(None);
        }
        let at = self.at(array)? + 12;
        let number = self.resolve(word(self.data, at)?)?;
        let length = word(self.data, at + 8)?;
        let wide = self.kind(number)? == KIND_INT && word(self.data, self.at(number)? + 8)? == 8;
        Ok((wide && index < length).then(|| index.wrapping_mul(8)))
    }

    fn ids(&self, named: Named, name: &str) -> &[u32] {
        let ids = self
            .named
            .get(&named)
            .and_then(|names| names.get(name.as_bytes()));
        ids.map_or(&[], Vec::as_slice)
    }

    /// One answer from all structs of that name. Modules and compilation units may define a name
    /// twice: alike is no harm, different is refused.
    fn agree(
        &self,
        name: &str,
        what: &str,
        answer: impl Fn(u32) -> Result<u32, BtfError>,
    ) -> Result<u32, BtfError> {
        let mut agreed = None;
        for &id in self.ids(Named::Struct, name) {
            let value = answer(id)?;
            if agreed.is_some_and(|earlier| earlier != value) {
                return Err(BtfError::Ambiguous(name.to_owned(), what.to_owned()));
            }
            agreed = Some(value);
        }
        agreed.ok_or_else(|| BtfError::NoType(name.to_owned()))
    }

    /// Byte offset and type of a member; dots descend, anonymous members are looked into.
    fn member(&self, id: u32, name: &str, path: &str) -> Result<(u32, u32), BtfError> {
        let mut id = id;
        let mut offset = 0;
        for part in path.split('.') {
            let Found { bits, width, kind } = self
                .find(id, part.as_bytes(), &mut { LARGEST })?
                .ok_or_else(|| BtfError::NoMember(name.to_owned(), path.to_owned()))?;
            if width != 0 || bits % 8 != 0 {
                return Err(BtfError::BitField(name.to_owned(), path.to_owned()));
            }
            // A member without a size, such as an array of no length, may stand at the end.
            if bits / 8 > word(self.data, self.at(id)? + 8)? {
                return Err(BtfError::Truncated(id as usize));
            }
            offset = u32::wrapping_add(offset, bits / 8);
            id = self.resolve(kind)?;
        }
        Ok((offset, id))
    }

    /// The member called `part`, seen through anonymous members.
    fn find(&self, id: u32, part: &[u8], left: &mut u32) -> Result<Option<Found>, BtfError> {
        *left = left
            .checked_sub(1)
            .ok_or(BtfError::Truncated(id as usize))?;
        if !matches!(self.kind(id)?, KIND_STRUCT | KIND_UNION) {
            return Ok(None);
        }
        let start = self.at(id)?;
        let info = word(self.data, start + 4)?;
        // With the kind flag, the high byte of an offset is the width of a bit field.
        let has_width = info >> 31 == 1;
        for index in 0..(info & 0xffff) as usize {
            let at = start + 12 + 12 * index;
            let name = self.string(word(self.data, at)?)?;
            let kind = word(self.data, at + 4)?;
            let raw = word(self.data, at + 8)?;
            let (bits, width) = if has_width {
                (raw & 0x00ff_ffff, raw >> 24)
            } else {
                (raw, 0)
            };
            if name == part {
                return Ok(Some(Found { bits, width, kind }));
            }
            if name.is_empty()
                && let Some(mut found) = self.find(self.resolve(kind)?, part, left)?
            {
                found.bits = bits.wrapping_add(found.bits);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn enumerator(&self, name: &str, enumerator: &str) -> Result<u32, BtfError> {
        let id = self.id(Named::Enum, name)?;
        let start = self.at(id)?;
        for index in 0..(word(self.data, start + 4)? & 0xffff) as usize {
            let at = start + 12 + 8 * index;
            if self.string(word(self.data, at)?)? == enumerator.as_bytes() {
                return word(self.data, at + 4);
            }
        }
        Err(BtfError::NoMember(name.to_owned(), enumerator.to_owned()))
    }

    /// Follows typedefs and qualifiers.
    fn resolve(&self, id: u32) -> Result<u32, BtfError> {
        let mut id = id;
        // A chain longer than this is a cycle in damaged data.
        for _ in 0..64 {
            match self.kind(id)? {
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => {
                    id = word(self.data, self.at(id)? + 8)?;
                }
                _ => return Ok(id),
            }
        }
        Err(BtfError::Truncated(id as usize))
    }

    fn at(&self, id: u32) -> Result<usize, BtfError> {
        match self.types.get(id as usize) {
            Some(&position) => Ok(position as usize),
            None => Err(BtfError::Truncated(id as usize)),
        }
    }

    /// 0 for void.
    fn kind(&self, id: u32) -> Result<u32, BtfError> {
        if id == 0 {
            Ok(0)
        } else {
            Ok(word(self.data, self.at(id)? + 4)? >> 24 & 0x1f)
        }
    }

    fn string(&self, offset: u32) -> Result<&'a [u8], BtfError> {
        Ok(terminated(self.strings_from(offset)?))
    }

    fn strings_from(&self, offset: u32) -> Result<&'a [u8], BtfError> {
        self.strings
            .get(offset as usize..)
            .ok_or(BtfError::Truncated(offset as usize))
    }
}

/// What stands before the first zero byte.
pub fn terminated(strings: &[u8]) -> &[u8] {
    let end = strings.iter().position(|byte| *byte == 0);
    &strings[..end.unwrap_or(strings.len())]
}

/// Bytes that follow the 12 common ones of a type.
fn tail(kind: u32, count: u32) -> Result<usize, BtfError> {
    let count = count as usize;
    Ok(match kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * count,
        KIND_ENUM | KIND_FUNC_PROTO => 8 * count,
        // Pointers, forward declarations, typedefs, qualifiers, functions, floats, type tags.
        2 | 7..=12 | 16 | KIND_TYPE_TAG => 0,
        other => return Err(BtfError::UnknownKind(other)),
    })
}

/// BTF in which each of `typedefs` (id and name, ascending) stands under its id and all others are
/// void of meaning: enough to look ids up in, at a fraction of the cost of the whole.
pub fn numbering(typedefs: &[(u32, String)]) -> Vec<u8> {
    let last = typedefs.last().map_or(0, |(id, _)| *id as usize);
    let mut types = vec![[0, KIND_FWD << 24, 0]; last];
    let mut strings = vec![0];
    for (id, name) in typedefs {
        // Type 1 is the first that is written.
        types[*id as usize - 1] = [narrow(strings.len()), KIND_TYPEDEF << 24, 0];
        strings.extend(name.bytes());
        strings.push(0);
    }
    let section = types.as_bytes();
    let mut out = Vec::with_capacity(24 + section.len() + strings.len());
    out.extend(MAGIC.to_ne_bytes());
    out.extend([1, 0]);
    for word in [24, 0, section.len(), section.len(), strings.len()] {
        out.extend(narrow(word).to_ne_bytes());
    }
    out.extend(section);
    out.extend(strings);
    out
}

/// A position or count within data whose length fits 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked once for the whole of the data"
)]
fn narrow(value: usize) -> u32 {
    value as u32
}

fn bytes<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N], BtfError> {
    let rest = data.get(at..).unwrap_or_default();
    rest.first_chunk().copied().ok_or(BtfError::Truncated(at))
}

fn word(data: &[u8], at: usize) -> Result<u32, BtfError> {
    Ok(u32::from_ne_bytes(bytes(data, at)?))
}

#[cfg(test)]
#[path = "made_up.rs"]
pub mod made_up;
#[cfg(test)]
#[path = "btf_tests.rs"]
mod tests;
