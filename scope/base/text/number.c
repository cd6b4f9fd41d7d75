#include "base/buf.h"
#include "base/text/text.h"

#include <math.h>
#include <stdio.h>

#define DIGITS_MAX 17 /* enough to distinguish any two float64 */

/* A positive finite number: d.ddd × 10^exponent. */
struct decimal {
	char digits[DIGITS_MAX + 1];
	size_t n;
	int exponent;
};

/* Finds the fewest digits that read back as f. */
static void decimal_of(double f, bool narrow, struct decimal *ret)
{
	/* Every decimal of 6 digits survives a float32, and one of 15 digits a float64. Fewer
	 * digits need not be tried, except for subnormals, which are less precise. */
	bool subnormal = f < (narrow ? 0x1p-126 : 0x1p-1022);
	int precision = subnormal ? 1 : narrow ? 6 : 15;
	char text[48];
	const char *p;

	for (;; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision - 1, f);
		if (precision >= DIGITS_MAX)
			break;
		if (narrow ? strtof(text, NULL) == (float)f : strtod(text, NULL) == f)
			break;
	}
	ret->n = 0;
	for (p = text; *p && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9' && ret->n < DIGITS_MAX)
			ret->digits[ret->n++] = *p;
	while (ret->n > 1 && ret->digits[ret->n - 1] == '0')
		ret->n--;
	ret->exponent = *p ? (int)strtol(p + 1, NULL, 10) : 0;
}

static void append_exponential(struct buf *to, const struct decimal *d)
{
	unsigned magnitude = (unsigned)abs(d->exponent);

	buf_char(to, d->digits[0]);
	if (d->n > 1) {
		buf_char(to, '.');
		buf_put(to, d->digits + 1, d->n - 1);
	}
	buf_char(to, 'e');
	buf_char(to, d->exponent < 0 ? '-' : '+');
	if (magnitude < 10)
		buf_char(to, '0');
	buf_u64(to, magnitude);
}

static void append_plain(struct buf *to, const struct decimal *d)
{
	size_t whole = d->exponent < 0 ? 0 : (size_t)d->exponent + 1;
	size_t have = whole < d->n ? whole : d->n;

	if (!whole) {
		buf_str(to, "0.");
		buf_pad(to, '0', (size_t)-d->exponent - 1);
	}
	buf_put(to, d->digits, have);
	buf_pad(to, '0', whole - have);
	if (whole && d->n > whole)
		buf_char(to, '.');
	buf_put(to, d->digits + have, d->n - have);
}

void text_float(struct buf *to, double f, bool narrow, int limit)
{
	struct decimal d;

	if (isnan(f) || isinf(f)) {
		buf_str(to, isnan(f) ? "NaN" : f > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (signbit(f))
		buf_char(to, '-');
	if (f == 0) {
		buf_char(to, '0');
		return;
	}
	decimal_of(fabs(f), narrow, &d);
	if (d.exponent < -4 || d.exponent >= limit)
		append_exponential(to, &d);
	else
		append_plain(to, &d);
}

void text_tenths(struct buf *to, double number)
{
	uint64_t tenths = number > 0 && number < 1e15 ? (uint64_t)(number * 10 + 0.5) : 0;

	buf_u64(to, tenths / 10);
	buf_char(to, '.');
	buf_u64(to, tenths % 10);
}
