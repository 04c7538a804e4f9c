//! Takes the DWARF out of the eBPF object: the linker made .BTF and .BTF.ext from it, and nobody
//! reads it afterwards. The loader would all the same collect its 25,000 relocations at each start.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::build::elf::{Builder, SectionData};
use object::elf::SHT_STRTAB;

/// Rewrites the object at `path` without its sections `.debug_*`.
pub fn debug_sections(path: &Path) -> Result<()> {
    let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut object = Builder::read(data.as_slice())
        .with_context(|| format!("{} is not an object file", path.display()))?;
    for section in &mut object.sections {
        let name = section.name.as_slice();
        section.delete |= name.starts_with(b".debug_") || name.starts_with(b".rel.debug_");
    }
    object.delete_orphans();
    // The linker keeps the names of sections among those of symbols; the builder wants them apart.
    let names = object.sections.add();
    names.name = b".shstrtab".as_slice().into();
    names.sh_type = SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    object
        .write(&mut stripped)
        .with_context(|| format!("cannot rewrite {}", path.display()))?;
    fs::write(path, stripped).with_context(|| format!("cannot write {}", path.display()))
}
