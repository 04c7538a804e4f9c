//! Which cgroup hierarchies are mounted where.
