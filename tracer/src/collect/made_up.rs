//! BTF made up by hand, for tests: types in the order of the calls. Owns the bytes of the format as
//! Documentation/bpf/btf.rst has them.
#![expect(
    clippy::cast_possible_truncation,
    reason = "made-up BTF is a few thousand bytes"
)]

use super::{KIND_ARRAY, KIND_ENUM, KIND_FUNC, KIND_INT, KIND_PTR, KIND_STRUCT, KIND_TYPEDEF};

/// Builds BTF by hand. Type ids count from 1 in the order of the calls.
pub struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Id of the type that comes next.
    next: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            next: 1,
        }
    }
}

impl Builder {
    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let offset = self.strings.len() as u32;
        self.strings.extend(name.bytes());
        self.strings.push(0);
        offset
    }

    fn push(&mut self, words: &[u32]) {
        for word in words {
            self.types.extend(word.to_ne_bytes());
        }
    }

    /// The words that a type begins with.
    fn begin(&mut self, words: &[u32]) {
        self.next += 1;
        self.push(words);
    }

    /// Id of the type that was added last.
    pub fn last(&self) -> u32 {
        self.next - 1
    }

    pub fn int(&mut self) -> &mut Self {
        let name = self.name("int");
        self.begin(&[name, KIND_INT << 24, 4, 32]);
        self
    }

    pub fn long(&mut self) -> &mut Self {
        let name = self.name("long");
        self.begin(&[name, KIND_INT << 24, 8, 64]);
        self
    }

    pub fn array(&mut self, of: u32, length: u32) -> &mut Self {
        self.begin(&[0, KIND_ARRAY << 24, 0, of, 1, length]);
        self
    }

    pub fn pointer(&mut self, to: u32) -> &mut Self {
        self.begin(&[0, KIND_PTR << 24, to]);
        self
    }

    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> &mut Self {
        let name = self.name(name);
        let names: Vec<u32> = members.iter().map(|member| self.name(member.0)).collect();
        self.begin(&[name, KIND_STRUCT << 24 | members.len() as u32, size]);
        for (name, member) in names.iter().zip(members) {
            self.push(&[*name, member.1, member.2]);
        }
        self
    }

    /// A struct some of whose members are bit fields: name, type, bit, width or 0.
    pub fn bit_fields(
        &mut self,
        name: &str,
        size: u32,
        members: &[(&str, u32, u32, u32)],
    ) -> &mut Self {
        let name = self.name(name);
        let names: Vec<u32> = members.iter().map(|member| self.name(member.0)).collect();
        self.begin(&[
            name,
            1 << 31 | KIND_STRUCT << 24 | members.len() as u32,
            size,
        ]);
        for (name, member) in names.iter().zip(members) {
            self.push(&[*name, member.1, member.3 << 24 | member.2]);
        }
        self
    }

    /// Something that is called so, such as `btf_trace_NAME`.
    pub fn typedef(&mut self, name: &str, of: u32) -> &mut Self {
        let name = self.name(name);
        self.begin(&[name, KIND_TYPEDEF << 24, of]);
        self
    }

    pub fn function(&mut self, name: &str) -> &mut Self {
        let name = self.name(name);
        self.begin(&[name, KIND_FUNC << 24, 0]);
        self
    }

    pub fn enumeration(&mut self, name: &str, values: &[(&str, u32)]) -> &mut Self {
        let name = self.name(name);
        let names: Vec<u32> = values.iter().map(|value| self.name(value.0)).collect();
        self.begin(&[name, KIND_ENUM << 24 | values.len() as u32, 4]);
        for (name, value) in names.iter().zip(values) {
            self.push(&[*name, value.1]);
        }
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let mut out = 0xeb9f_u16.to_ne_bytes().to_vec();
        out.extend([1, 0]);
        for word in [24, 0, self.types.len() as u32, self.types.len() as u32] {
            out.extend(word.to_ne_bytes());
        }
        out.extend((self.strings.len() as u32).to_ne_bytes());
        out.extend(&self.types);
        out.extend(&self.strings);
        out
    }
}
