/* Prints numbers with a fraction as decimals.
 */
#ifndef BASE_TEXT_NUMBER_H
#define BASE_TEXT_NUMBER_H

#include "base/base.h"

/* Appends f with the fewest digits that read back as it, as Go's %g does, or "NaN", "+Inf", "-Inf".
 * `narrow` says that f was a float32. Numbers from 10^limit on are written with an exponent. */
void text_float(struct buf *to, double f, bool narrow, int limit);
/* Appends a number with one decimal: 12.3. A negative number is 0.0. */
void text_tenths(struct buf *to, double number);

#endif
