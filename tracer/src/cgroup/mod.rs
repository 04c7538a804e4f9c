//! Cgroups of the container in every mounted hierarchy, v1, v2 and both at once. Owns every
//! write below a cgroup mount; must not decide what is written.
