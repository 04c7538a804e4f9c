//! System calls that no crate offers safely. The only unsafe code of user space lives here.
