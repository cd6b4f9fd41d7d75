/* layout: how a Go map, its keys and the runtime's structures look in memory.
 *
 *   value.h       a decoded value as a list of tokens, and how it is printed
 *   go_runtime.h  offsets in g, by Go release
 *   go_maps.h     the layouts of maps: what their headers and buckets say
 *   go_key.h      key plans (what the kernel program must read of a key), and decoding of keys and values
 */
#ifndef READ_LAYOUT_LAYOUT_H
#define READ_LAYOUT_LAYOUT_H

#include "base/base.h"
#include "read/gofile/gofile.h"
#include "read/layout/value.h"
#include "read/layout/go_runtime.h"
#include "read/layout/go_maps.h"
#include "read/layout/go_key.h"

#endif
