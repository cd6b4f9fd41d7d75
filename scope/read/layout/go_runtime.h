/* Layouts of the Go runtime's own structures, by release.
 */
#ifndef READ_LAYOUT_GO_RUNTIME_H
#define READ_LAYOUT_GO_RUNTIME_H

/* The releases whose layouts are known. */
#define GO_MINOR_MIN 19
#define GO_MINOR_MAX 27

/* Returns the offset of g.goid in runtime.g (runtime/runtime2.go). A release newer than
 * GO_MINOR_MAX has the offset of GO_MINOR_MAX, and one older than GO_MINOR_MIN has that of
 * GO_MINOR_MIN. */
uint32_t go_goid_offset(unsigned minor);

#endif
