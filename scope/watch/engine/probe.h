/* A spot in the form of the kernel program's table of probes. */
#ifndef WATCH_ENGINE_PROBE_H
#define WATCH_ENGINE_PROBE_H

#include "read/place/place.h"
#include "watch/engine/wire.h"

/* Fills a row of the table. Returns false if the arguments lie too far apart to be read at once. */
bool probe_from_spot(const struct spot *spot, struct wire_probe *ret);

#endif
