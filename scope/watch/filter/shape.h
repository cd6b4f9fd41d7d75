/* Map types in generic code. The compiler makes one copy of a generic function for all type
 * arguments of one shape. Some runtime calls in that copy (clear; before Go 1.21 delete as well)
 * get the map type of the shape instead of the program's map type:
 *
 *   Go 1.21 and later   map[go.shape.string]go.shape.*uint8
 *   Go 1.18 to 1.20     map[go.shape.string_0]go.shape.*uint8_1       (with the argument's number)
 */
#ifndef WATCH_FILTER_SHAPE_H
#define WATCH_FILTER_SHAPE_H

#include <stdbool.h>

/* Returns whether the name of a type contains a shape. */
bool shape_is_in(const char *type);

/* Returns true if a type of the program could have this shape type and match the pattern, which was
 * made by filter_set_glob(). Also returns true if that cannot be decided. */
bool shape_could_match(const char *glob, const char *type);

#endif
