/* The pid namespace of this process. Kernel programs know processes by their ids in the initial one. */
#ifndef BASE_NAMESPACE_H
#define BASE_NAMESPACE_H

/* Identifies the pid namespace of this process, for bpf_get_ns_current_pid_tgid(). Returns zeros if it is
 * the initial one, or cannot be told. */
void namespace_of_pids(uint64_t *ret_dev, uint64_t *ret_ino);

#endif
