//! Which devices a task may use: the list of its devices cgroup on v1, the BPF programs in force for
//! its cgroup on v2. Owns these reads, and sends each program's instructions up once. What they
//! mean is for the reader to work out.

use tracer_common::{
    Kind,
    record::{
        Certificate, DeviceException, DeviceList, DevicePrograms, INSTRUCTIONS, ProgramRecord,
    },
};

use crate::{
    emit::emit,
    kernel::{self, known, offset, pointer, read, read_into},
    limit,
    map::PROGRAMS,
};

/// Most records that one program takes: 4,096 instructions.
const MAX_PARTS: u32 = 32;

/// Reads both; gives the valid bits.
#[inline(always)]
pub fn all(certificate: &mut Certificate, task: u64) -> u64 {
    let mut valid = 0;
    if lists_are_known() {
        let own = limit::css(task, offset!(ssid_devices));
        // SAFETY: the list is memory of the record that this program holds.
        unsafe { device_list(&raw mut certificate.device_list, own) };
        valid |= Certificate::DEVICE_LIST;
    }
    if programs_are_known() {
        // SAFETY: as above.
        unsafe { device_programs(&raw mut certificate.device_programs, in_force(task)) };
        valid |= Certificate::DEVICE_PROGRAMS;
    }
    valid
}

/// Sends up the instructions of the programs in force for `task` that were not seen before.
#[inline(always)]
pub fn programs(task: u64) {
    if programs_are_known() {
        let programs = in_force(task);
        // Without one there is nothing to walk, which is what nearly every task has.
        if pointer(programs, offset!(program_item)) != 0 {
            // SAFETY: the function takes a number and dereferences none.
            unsafe { new_programs(programs) };
        }
    }
}

/// Of an exception one read takes numbers, kind and access, so they must stand side by side
/// (security/device_cgroup.c, `struct dev_exception_item`).
#[inline(always)]
fn lists_are_known() -> bool {
    const ACCESS: u32 = size_of::<DeviceException>() as u32 - 2;
    known!(
        ssid_devices,
        devices_behavior,
        devices_exceptions,
        exception_major,
        exception_access,
        exception_node
    ) && offset!(exception_access).wrapping_sub(offset!(exception_major)) == ACCESS
}

#[inline(always)]
fn programs_are_known() -> bool {
    known!(
        css_set_default,
        cgroup_programs,
        programs_on_devices,
        program_array_items,
        program_item_size,
        program_item,
        program_length,
        program_instructions,
        program_aux,
        program_id
    )
}

/// Address of the first item of the array of programs that are in force for the task's cgroup on
/// v2; the last item holds none (kernel/bpf/core.c, `bpf_prog_array_alloc`).
#[inline(always)]
fn in_force(task: u64) -> u64 {
    let css_set = pointer(task, offset!(task_cgroups));
    let cgroup = pointer(css_set, offset!(css_set_default));
    let slot = cgroup.wrapping_add(8 * u64::from(offset!(programs_on_devices)));
    pointer(slot, offset!(cgroup_programs)).wrapping_add(u64::from(offset!(program_array_items)))
}

/// The list of the devices cgroup at `css`, whose state opens with it. A global function, so that
/// its loop is checked once.
///
/// # Safety
/// `list` is null or points to a list that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn device_list(list: *mut DeviceList, css: u64) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(list) = (unsafe { list.as_mut() }) else {
        return 0;
    };
    read_into(&mut list.behavior, css, offset!(devices_behavior));
    let head = css.wrapping_add(u64::from(offset!(devices_exceptions)));
    let mut node = pointer(head, 0);
    for exception in &mut list.exceptions {
        // Nothing could be read: there is no such list.
        if node == head || node == 0 {
            break;
        }
        let item = node.wrapping_sub(u64::from(offset!(exception_node)));
        read_into(exception, item, offset!(exception_major));
        list.count += 1;
        node = pointer(node, 0);
    }
    list.truncated = u32::from(node != head);
    0
}

/// Ids of the programs in the array whose first item is at `item`.
///
/// # Safety
/// `programs` is null or points to a set of programs that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn device_programs(programs: *mut DevicePrograms, item: u64) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(programs) = (unsafe { programs.as_mut() }) else {
        return 0;
    };
    let mut item = item;
    for id in &mut programs.ids {
        let program = pointer(item, offset!(program_item));
        if program == 0 {
            return 0;
        }
        *id = program_id(program);
        programs.count += 1;
        item = item.wrapping_add(u64::from(offset!(program_item_size)));
    }
    programs.truncated = u32::from(pointer(item, offset!(program_item)) != 0);
    0
}

#[inline(always)]
fn program_id(program: u64) -> u32 {
    read(pointer(program, offset!(program_aux)), offset!(program_id))
}

/// Sends up those of the array's programs that were not seen before.
///
/// # Safety
/// None: it takes a number that is only handed to the helper that reads kernel memory.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn new_programs(item: u64) -> u32 {
    let mut item = item;
    for _ in 0..tracer_common::record::MAX_DEVICE_PROGRAMS {
        let program = pointer(item, offset!(program_item));
        if program == 0 {
            break;
        }
        let id = program_id(program);
        // SAFETY: nothing is kept of the value, which is looked at at once.
        if unsafe { PROGRAMS.get(id) }.is_none() {
            // Where the table is full it goes up again next time.
            let _full = PROGRAMS.insert(id, 1, 0);
            // SAFETY: the function takes numbers and dereferences none.
            unsafe { program_parts(program, id) };
        }
        item = item.wrapping_add(u64::from(offset!(program_item_size)));
    }
    0
}

/// All instructions of one program.
///
/// # Safety
/// None: as for [`new_programs`].
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn program_parts(program: u64, id: u32) -> u32 {
    let length: u32 = read(program, offset!(program_length));
    for part in 0..MAX_PARTS {
        let first = part * INSTRUCTIONS as u32;
        if first >= length {
            break;
        }
        // SAFETY: as above.
        unsafe { program_part(program, id, length, first) };
    }
    0
}

/// One record of them.
///
/// # Safety
/// None: as for [`new_programs`].
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn program_part(program: u64, id: u32, length: u32, first: u32) -> u32 {
    emit::<ProgramRecord>(Kind::DEVICE_PROGRAM, kernel::current(), |record| {
        record.id = id;
        record.length = length;
        record.first = first;
        let bytes = length.wrapping_sub(first).min(INSTRUCTIONS as u32) * 8;
        let source = program.wrapping_add(8 * u64::from(first));
        kernel::read_part(
            &mut record.instructions,
            bytes,
            source,
            offset!(program_instructions),
        );
    });
    0
}
