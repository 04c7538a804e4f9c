//! How the programs are linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Blocks stay in the order of the source. By how often each is taken, LLVM puts the end of a loop in front of its
    // beginning, and verifiers before 6.7 refuse a loop that is closed by going on and not by a jump:
    // "back-edge from insn" (kernel/bpf/verifier.c, `push_insn` by `visit_insn`).
    println!("cargo::rustc-link-arg-bins=--llvm-args=-disable-block-placement");
}
