/* What the Go runtime's own structures look like, by release.
 */
#ifndef READ_LAYOUT_GO_RUNTIME_H
#define READ_LAYOUT_GO_RUNTIME_H

/* The releases whose layouts are known. */
#define GO_MINOR_MIN 19
#define GO_MINOR_MAX 27

/* Offset of g.goid in runtime.g (runtime/runtime2.go). A release newer than
 * GO_MINOR_MAX is treated as that one, and one older than GO_MINOR_MIN as that one. */
uint32_t go_goid_offset(unsigned minor);

#endif
