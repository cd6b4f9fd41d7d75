/* Types of generic code. The compiler makes one copy of a generic function for all type arguments of
 * one shape, and some runtime calls of that copy (clear; before Go 1.21 delete as well) are told the
 * shape's map type instead of the program's:
 *
 *   Go 1.21 and later   map[go.shape.string]go.shape.*uint8
 *   Go 1.18 to 1.20     map[go.shape.string_0]go.shape.*uint8_1       (with the argument's number)
 */
#ifndef WATCH_FILTER_SHAPE_H
#define WATCH_FILTER_SHAPE_H

#include <stdbool.h>

/* Returns whether the name of a type contains a shape. */
bool shape_is_in(const char *type);

/* Returns true if some type of the program could have this shape type and match the pattern, which is
 * as filter_set_glob() makes it. Where that cannot be told it returns true. */
bool shape_could_match(const char *glob, const char *type);

#endif
