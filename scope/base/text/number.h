/* Numbers with a fraction, as decimals.
 */
#ifndef BASE_TEXT_NUMBER_H
#define BASE_TEXT_NUMBER_H

#include "base/base.h"

/* Appends f in the fewest digits that read back as it, as Go's %g does; "NaN", "+Inf", "-Inf".
 * narrow: f was a float32. The exponent is written from 10^limit on. */
void text_float(struct buf *to, double f, bool narrow, int limit);
/* Appends a number with one decimal: 12.3. A negative number is 0.0. */
void text_tenths(struct buf *to, double number);

#endif
