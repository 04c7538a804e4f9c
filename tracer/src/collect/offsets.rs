//! From the kernel's BTF to the layout that the programs get, and to the ids that loading wants.
//! Owns which members are indispensable; must not load anything.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use aya_obj::btf::{BtfType, Func, FuncLinkage};
use thiserror::Error;
use tracer_common::{
    Layout,
    layout::{ABSENT, QUERIES, Query},
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::{
    btf::{self, Btf, BtfError, Named, terminated},
    cast::{self, Cast},
    external,
    syscalls::FUNCTION_PREFIX,
};
use crate::sys::mapping::{self, Mapping};

/// Where the running kernel keeps its BTF.
pub const VMLINUX_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Members without which not even scope can be told.
const INDISPENSABLE: [&str; 8] = [
    "task_pid",
    "task_tgid",
    "task_group_leader",
    "task_start_boottime",
    "task_nsproxy",
    "task_thread_pid",
    "task_cred",
    "task_real_parent",
];

/// Why the running kernel's structures are not known.
#[derive(Debug, Error)]
pub enum OffsetError {
    /// The kernel was built without `CONFIG_DEBUG_INFO_BTF`, or /sys is not mounted.
    #[error(
        "reading the kernel's type information from {path} failed: {source}; tracer needs a kernel \
         that was built with CONFIG_DEBUG_INFO_BTF, and /sys mounted"
    )]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file that was named cannot be read.
    #[error("reading type information from {} failed: {source}; name another file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that was named is not what is wanted.
    #[error(
        "{} cannot be used for the kernel's type information: {source}; name BTF as in {VMLINUX_BTF}, \
         or an ELF file with a section .BTF", path.display()
    )]
    External {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<OffsetError>,
    },
    /// A file that was named is another kernel's.
    #[error(
        "{} is not of the running kernel: {field} is {there} there and {here} in {VMLINUX_BTF}; \
         leave --btf out", path.display()
    )]
    OtherKernel {
        /// The file.
        path: PathBuf,
        /// Field of [`Layout`].
        field: &'static str,
        /// What the file has.
        there: Answer,
        /// What the kernel has.
        here: Answer,
    },
    /// It is not BTF.
    #[error("the kernel's type information cannot be used: {0}")]
    Format(#[from] BtfError),
    /// The loader does not take the ids.
    #[error("the ids of the kernel's types could not be handed to the loader: {0}")]
    Numbering(String),
    /// A member that everything hangs on.
    #[error("the kernel's type information lacks what scope depends on ({field}): {source}")]
    Indispensable {
        /// Field of [`Layout`].
        field: &'static str,
        /// Why.
        source: BtfError,
    },
}

/// An answer to a query, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer(u32);

impl std::fmt::Display for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            ABSENT => out.write_str("absent"),
            value => value.fmt(out),
        }
    }
}

/// What the kernel's BTF gave.
#[derive(Debug)]
pub struct Offsets {
    /// For the programs.
    pub layout: Layout,
    /// Fields that could not be resolved, and why: their facts are inconclusive here.
    pub absent: Vec<(&'static str, String)>,
    /// Typedefs of tracepoints.
    pub tracepoints: Ids,
    /// Functions: of iterators, and those whose returns are asked for.
    pub functions: Ids,
    /// What reading by instructions takes, or why it cannot be done.
    pub cast: Result<Cast, String>,
    /// Whether the ids are those of the running kernel.
    pub ids_known: bool,
}

/// Ids of types in the kernel's BTF, by name, ascending.
#[derive(Clone, Debug)]
pub struct Ids(Vec<(u32, String)>);

impl Ids {
    /// How many of those that were asked for there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn new(btf: &Btf<'_>, named: Named, names: &[String]) -> Self {
        let found = names
            .iter()
            .filter_map(|name| Some((btf.id(named, name).ok()?, name.clone())));
        let mut found: Vec<_> = found.collect();
        found.sort();
        Self(found)
    }

    /// BTF that knows no type but these typedefs, each under its true id: aya wants a whole BTF to
    /// look ids up in, and parsing the whole takes longer than all the rest of the start.
    pub fn typedefs(&self) -> Result<aya::Btf, OffsetError> {
        aya::Btf::parse(&btf::numbering(&self.0), aya::Endianness::default())
            .map_err(|error| OffsetError::Numbering(error.to_string()))
    }

    /// The same with these functions. They stand so far back that parsing even what precedes them
    /// would take some milliseconds; unlike typedefs, they can be put into a table one by one.
    #[must_use]
    pub fn functions(&self) -> aya::Btf {
        let mut table = aya::Btf::new();
        // The type without an id is the first.
        let mut next = 1;
        for (id, name) in &self.0 {
            while next < *id {
                next = table.add_type(BtfType::Unknown) + 1;
            }
            let name = table.add_string(name);
            next = table.add_type(BtfType::Func(Func::new(name, 0, FuncLinkage::Static))) + 1;
        }
        table
    }
}

impl Offsets {
    /// Reads the BTF of the running kernel. `typedefs` and `functions` name what loading needs.
    pub fn of_kernel(typedefs: &[String], functions: &[String]) -> Result<Self, OffsetError> {
        let own = KernelBtf::open().map_err(|source| OffsetError::Read {
            path: VMLINUX_BTF.to_owned(),
            source,
        })?;
        Self::resolve(own.bytes(), typedefs, functions)
    }

    /// The same from a file that the user names. Offsets of another kernel would make facts of
    /// whatever stands there, so where the kernel has BTF of its own, both must give the same. Where
    /// it has none its ids are not known: nothing tells that those of the file are the kernel's, and
    /// by a wrong id a program would be attached to something else.
    pub fn of_file(
        path: &Path,
        typedefs: &[String],
        functions: &[String],
    ) -> Result<Self, OffsetError> {
        let file = external::read(path).map_err(|source| OffsetError::File {
            path: path.to_owned(),
            source,
        })?;
        let kernel = match KernelBtf::open() {
            Ok(kernel) => Some(kernel),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => {
                return Err(OffsetError::Read {
                    path: VMLINUX_BTF.to_owned(),
                    source,
                });
            }
        };
        let kernel = kernel.as_ref().map(KernelBtf::bytes);
        Self::external(path, &file, kernel, typedefs, functions)
    }

    /// From the bytes of a file that the user names, and of the kernel's own BTF if it has any.
    fn external(
        path: &Path,
        file: &[u8],
        kernel: Option<&[u8]>,
        typedefs: &[String],
        functions: &[String],
    ) -> Result<Self, OffsetError> {
        let unusable = |source: OffsetError| OffsetError::External {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let data = external::btf(file).map_err(|error| unusable(error.into()))?;
        let Some(kernel) = kernel else {
            let offsets = Self::resolve(data, &[], &[]).map_err(unusable)?;
            return Ok(Self {
                cast: Err("the kernel shows no BTF of its own to take the id from".to_owned()),
                ids_known: false,
                ..offsets
            });
        };
        let there = Self::resolve(data, &[], &[]).map_err(unusable)?;
        let here = Self::resolve(kernel, typedefs, functions)?;
        match differs(&there.layout, &here.layout) {
            Some((field, there, here)) => Err(OffsetError::OtherKernel {
                path: path.to_owned(),
                field,
                there,
                here,
            }),
            None => Ok(here),
        }
    }

    /// The same from BTF that is given.
    pub fn resolve(
        data: &[u8],
        typedefs: &[String],
        functions: &[String],
    ) -> Result<Self, OffsetError> {
        let types = QUERIES.iter().map(|(_, query)| type_of(*query));
        let types: HashSet<&[u8]> = types.chain([cast::NUMBERS.as_bytes()]).collect();
        let typedef_names: HashSet<&[u8]> = typedefs.iter().map(String::as_bytes).collect();
        let function_names: HashSet<&[u8]> = functions.iter().map(String::as_bytes).collect();
        let calls = functions
            .iter()
            .any(|name| name.starts_with(FUNCTION_PREFIX));
        let guards = functions.iter().any(|name| name.starts_with("bpf_lsm_"));
        let among = |names: &HashSet<&[u8]>, rest: &[u8]| names.contains(terminated(rest));
        let btf = Btf::parse(data, |named, rest| match named {
            Named::Struct | Named::Enum => among(&types, rest),
            // The prefixes spare hashing a hundred thousand names.
            Named::Typedef => rest.starts_with(b"btf_trace_") && among(&typedef_names, rest),
            Named::Func if rest.starts_with(cast::FUNCTION.as_bytes()) => {
                terminated(rest) == cast::FUNCTION.as_bytes()
            }
            Named::Func => {
                (rest.starts_with(b"bpf_iter_")
                    || calls && rest.starts_with(FUNCTION_PREFIX.as_bytes())
                    || guards && rest.starts_with(b"bpf_lsm_"))
                    && among(&function_names, rest)
            }
        })?;
        let mut absent = Vec::new();
        let mut words = Vec::with_capacity(QUERIES.len());
        for (field, query) in QUERIES {
            match btf.answer(*query) {
                Ok(value) => words.push(value),
                Err(source) if INDISPENSABLE.contains(field) => {
                    return Err(OffsetError::Indispensable { field, source });
                }
                Err(source) => {
                    absent.push((*field, source.to_string()));
                    words.push(ABSENT);
                }
            }
        }
        let mut layout = Layout::read_from_bytes(words.as_bytes())
            .unwrap_or_else(|_| unreachable!("the table has a query for each field"));
        refuse_scattered(&mut layout, &mut absent);
        Ok(Self {
            layout,
            absent,
            tracepoints: Ids::new(&btf, Named::Typedef, typedefs),
            functions: Ids::new(&btf, Named::Func, functions),
            cast: Cast::find(&btf).map_err(|error| error.to_string()),
            ids_known: true,
        })
    }
}

/// The kernel's own BTF.
enum KernelBtf {
    Mapped(Mapping),
    Copied(Vec<u8>),
}

impl KernelBtf {
    fn open() -> io::Result<Self> {
        let file = fs::File::open(VMLINUX_BTF)?;
        // Since 6.16 the kernel lets its BTF be mapped, which spares five megabytes of copying.
        match mapping::map_read_only(&file) {
            Ok(mapping) => Ok(Self::Mapped(mapping)),
            Err(_) => Ok(Self::Copied(fs::read(VMLINUX_BTF)?)),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(mapping) => mapping.bytes(),
            Self::Copied(bytes) => bytes,
        }
    }
}

/// The first field that two layouts disagree on, with both answers.
fn differs(one: &Layout, other: &Layout) -> Option<(&'static str, Answer, Answer)> {
    let words = |layout: &Layout| -> Vec<u32> {
        let (words, _) = layout.as_bytes().as_chunks::<4>();
        words.iter().map(|word| u32::from_ne_bytes(*word)).collect()
    };
    let pairs = words(one).into_iter().zip(words(other));
    let mut fields = QUERIES.iter().zip(pairs);
    fields
        .find(|(_, (one, other))| one != other)
        .map(|((field, _), (one, other))| (*field, Answer(one), Answer(other)))
}

fn type_of(query: Query) -> &'static [u8] {
    match query {
        Query::Offset(name, _)
        | Query::Size(name)
        | Query::Value(name, _)
        | Query::MemberSize(name, _)
        | Query::Bit(name, _)
        | Query::IsPointer(name, _)
        | Query::Element(name, _, _) => name.as_bytes(),
    }
}

/// The programs read the eight ids and the five capability sets of `struct cred` with one call
/// each. On a kernel that scatters them (as by structure randomisation) they are absent.
fn refuse_scattered(layout: &mut Layout, absent: &mut Vec<(&'static str, String)>) {
    if layout.cred_uid != ABSENT && layout.cred_fsgid != layout.cred_uid + 28 {
        layout.cred_uid = ABSENT;
        absent.push((
            "cred_uid",
            "the ids of `cred` do not stand side by side".to_owned(),
        ));
    }
    if layout.cred_cap_inheritable != ABSENT
        && layout.cred_cap_ambient != layout.cred_cap_inheritable + 32
    {
        layout.cred_cap_inheritable = ABSENT;
        absent.push((
            "cred_cap_inheritable",
            "the capability sets of `cred` do not stand side by side".to_owned(),
        ));
    }
}

#[cfg(test)]
#[path = "external_tests.rs"]
mod external_tests;
#[cfg(test)]
#[path = "made_up_kernel.rs"]
mod made_up;
#[cfg(test)]
#[path = "offsets_tests.rs"]
mod tests;
