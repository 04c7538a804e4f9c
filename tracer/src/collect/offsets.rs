//! From the kernel's BTF to the layout that the programs get, and to the ids that loading wants.
//! Owns which members are indispensable; must not load anything.

use std::{collections::HashSet, fs, path::Path};

use aya_obj::btf::{BtfType, Func, FuncLinkage};
use thiserror::Error;
use tracer_common::{
    Layout,
    layout::{ABSENT, QUERIES, Query},
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::btf::{self, Btf, BtfError, Named, terminated};
use crate::sys::mapping;

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
        "reading the kernel's type information from {path} failed: {source}; \
             tracer needs a kernel built with CONFIG_DEBUG_INFO_BTF"
    )]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
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

/// What the kernel's BTF gave.
pub struct Offsets {
    /// For the programs.
    pub layout: Layout,
    /// Fields that could not be resolved, and why: their facts are inconclusive here.
    pub absent: Vec<(&'static str, String)>,
    /// Typedefs of tracepoints.
    pub tracepoints: Ids,
    /// Functions of iterators.
    pub iterators: Ids,
}

/// Ids of types in the kernel's BTF, by name, ascending.
#[derive(Clone, Debug)]
pub struct Ids(Vec<(u32, String)>);

impl Ids {
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
        let path = Path::new(VMLINUX_BTF);
        let failed = |source| OffsetError::Read {
            path: VMLINUX_BTF.to_owned(),
            source,
        };
        let file = fs::File::open(path).map_err(failed)?;
        // Since 6.16 the kernel lets its BTF be mapped, which spares five megabytes of copying.
        match mapping::map_read_only(&file) {
            Ok(mapping) => Self::resolve(mapping.bytes(), typedefs, functions),
            Err(_) => Self::resolve(&fs::read(path).map_err(failed)?, typedefs, functions),
        }
    }

    /// The same from BTF that is given.
    pub fn resolve(
        data: &[u8],
        typedefs: &[String],
        functions: &[String],
    ) -> Result<Self, OffsetError> {
        let types: HashSet<&[u8]> = QUERIES.iter().map(|(_, query)| type_of(*query)).collect();
        let typedef_names: HashSet<&[u8]> = typedefs.iter().map(String::as_bytes).collect();
        let function_names: HashSet<&[u8]> = functions.iter().map(String::as_bytes).collect();
        let among = |names: &HashSet<&[u8]>, rest: &[u8]| names.contains(terminated(rest));
        let btf = Btf::parse(data, |named, rest| match named {
            Named::Struct | Named::Enum => among(&types, rest),
            // The prefixes spare hashing a hundred thousand names.
            Named::Typedef => rest.starts_with(b"btf_trace_") && among(&typedef_names, rest),
            Named::Func => rest.starts_with(b"bpf_iter_") && among(&function_names, rest),
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
            iterators: Ids::new(&btf, Named::Func, functions),
        })
    }
}

fn type_of(query: Query) -> &'static [u8] {
    match query {
        Query::Offset(name, _)
        | Query::Size(name)
        | Query::Value(name, _)
        | Query::IsPointer(name, _) => name.as_bytes(),
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
