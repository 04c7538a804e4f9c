//! Init between `clone3` and `execve`: it walks prepared steps, allocates nothing, logs nothing
//! and takes no lock.
