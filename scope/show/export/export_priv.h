/* The formats.
 */
#ifndef SHOW_EXPORT_EXPORT_PRIV_H
#define SHOW_EXPORT_EXPORT_PRIV_H

#include "show/export/export.h"

struct error *pprof_put(const struct profile *profile, struct buf *to);

#endif
