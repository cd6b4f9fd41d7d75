#include "cmd/options/options.h"
#include "base/text/text.h"
#include "base/buf.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define NANO 1000000000ull

const char *const option_formats[] = {"text", "json", NULL};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- amounts ---- */

/* An exact decimal number: whole + nano / 10^9. */
struct decimal {
	uint64_t whole, nano;
};

/* Reads digits into *ret, and moves past them. "_" may separate two digits. A number that does not
 * fit 64 bits becomes UINT64_MAX, and *ret_over becomes true. */
static bool read_digits(const char **at, uint64_t *ret, bool *ret_over)
{
	const char *p = *at;

	*ret = 0;
	*ret_over = false;
	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p += p[1] == '_' && is_digit(p[2]) ? 2 : 1)
		*ret_over |= __builtin_mul_overflow(*ret, 10, ret) ||
			     __builtin_add_overflow(*ret, (uint64_t)(*p - '0'), ret);
	if (*ret_over)
		*ret = UINT64_MAX;
	*at = p;
	return true;
}

/* Reads "10", "1.5", ".25". Digits below 10^-9 are ignored. */
static bool read_decimal(const char **at, struct decimal *ret)
{
	const char *p = *at;
	uint64_t unit = NANO / 10;
	bool over;

	*ret = (struct decimal){0};
	if (*p != '.' && !read_digits(&p, &ret->whole, &over))
		return false;
	if (*p == '.') {
		if (!is_digit(p[1]))
			return false;
		for (p++; is_digit(*p); p++, unit /= 10)
			ret->nano += unit * (uint64_t)(*p - '0');
	}
	*at = p;
	return true;
}

/* Adds amount * unit to *sum. A sum that does not fit 64 bits becomes UINT64_MAX. */
static void add_amount(uint64_t *sum, struct decimal amount, uint64_t unit)
{
	uint64_t whole;
	uint64_t part = (uint64_t)((unsigned __int128)amount.nano * unit / NANO);

	if (__builtin_mul_overflow(amount.whole, unit, &whole) ||
	    __builtin_add_overflow(*sum, whole, sum) || __builtin_add_overflow(*sum, part, sum))
		*sum = UINT64_MAX;
}

struct unit {
	const char *name;
	uint64_t size;
};

/* Sorted by size. In "1m30s" each unit must be smaller than the one before it. */
static const struct unit times[] = {
	{"d", 86400 * NANO},	{"day", 86400 * NANO},	{"days", 86400 * NANO},
	{"h", 3600 * NANO},	{"hr", 3600 * NANO},	{"hour", 3600 * NANO},
	{"hours", 3600 * NANO}, {"m", 60 * NANO},	{"min", 60 * NANO},
	{"minute", 60 * NANO},	{"minutes", 60 * NANO}, {"s", NANO},
	{"sec", NANO},		{"second", NANO},	{"seconds", NANO},
	{"ms", 1000000},	{"us", 1000},		{"ns", 1},
};

static const struct unit sizes[] = {
	{"", 1},
	{"b", 1},
	{"k", 1 << 10},
	{"kb", 1 << 10},
	{"kib", 1 << 10},
	{"m", 1 << 20},
	{"mb", 1 << 20},
	{"mib", 1 << 20},
	{"g", 1 << 30},
	{"gb", 1 << 30},
	{"gib", 1 << 30},
	{"t", 1ull << 40},
	{"tb", 1ull << 40},
	{"tib", 1ull << 40},
	{"ki", 1 << 10},
	{"mi", 1 << 20},
	{"gi", 1 << 30},
	{"ti", 1ull << 40},
};

static const struct unit *find_unit(const struct unit *units, size_t n, const char *name,
				    size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(units[i].name) == len && !strncasecmp(units[i].name, name, len))
			return &units[i];
	return NULL;
}

static size_t letters(const char *text)
{
	size_t n = 0;

	while (isalpha((unsigned char)text[n]))
		n++;
	return n;
}

static const char *skip_spaces(const char *text)
{
	return text + strspn(text, " ");
}

bool option_duration(const char *text, uint64_t *ret_ns)
{
	uint64_t sum = 0, last = UINT64_MAX;
	struct decimal amount;

	if (!read_decimal(&text, &amount))
		return false;
	if (!*text) { /* a number without a unit is in seconds */
		*ret_ns = 0;
		add_amount(ret_ns, amount, NANO);
		return true;
	}
	for (;;) {
		const struct unit *unit;
		size_t len;

		text = skip_spaces(text);
		len = letters(text);
		unit = find_unit(times, ARRAY_SIZE(times), text, len);
		if (!unit || unit->size >= last)
			return false;
		add_amount(&sum, amount, unit->size);
		last = unit->size;
		text += len;
		if (!*text)
			break;
		text = skip_spaces(text);
		if (!read_decimal(&text, &amount))
			return false;
	}
	*ret_ns = sum;
	return true;
}

bool option_size(const char *text, uint64_t *ret)
{
	const struct unit *unit;
	struct decimal amount;
	uint64_t sum = 0;

	if (!read_decimal(&text, &amount))
		return false;
	text = skip_spaces(text);
	unit = find_unit(sizes, ARRAY_SIZE(sizes), text, strlen(text));
	if (!unit || (amount.nano && unit->size == 1))
		return false;
	add_amount(&sum, amount, unit->size);
	*ret = sum;
	return true;
}

bool option_decimal(const char *text, uint64_t unit, uint64_t *ret)
{
	struct decimal amount;

	if (!read_decimal(&text, &amount) || *text)
		return false;
	*ret = 0;
	add_amount(ret, amount, unit);
	return true;
}

/* Reads hexadecimal digits. strtoull() alone would also accept signs and spaces. */
static bool read_hex(const char *digits, uint64_t *ret)
{
	char *end;

	if (!isxdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*ret = strtoull(digits, &end, 16);
	return !*end && !errno && (digits[0] != '0' || (digits[1] | 32) != 'x');
}

static bool is_prefixed(const char *text)
{
	return text[0] == '0' && (text[1] | 32) == 'x';
}

bool option_address(const char *text, uint64_t *ret)
{
	return read_hex(is_prefixed(text) ? text + 2 : text, ret);
}

bool option_number(const char *text, uint64_t *ret)
{
	bool over;

	if (is_prefixed(text))
		return read_hex(text + 2, ret);
	return read_digits(&text, ret, &over) && !*text && !over;
}

/* ---- values of options ---- */

#define SHOWN 80

/* Returns text, or its beginning in `to`. A message must keep room for what is wrong with it. */
static const char *shorten(const char *text, char to[static SHOWN])
{
	if (strlen(text) < SHOWN)
		return text;
	snprintf(to, SHOWN, "%.*s...", SHOWN - 4, text);
	return to;
}

/* Returns the name of an option for messages: "-p", "--limit". */
static const char *title_of(const struct option_spec *option, char to[static 32])
{
	if (option->letter)
		snprintf(to, 32, "-%c", option->letter);
	else
		snprintf(to, 32, "--%s", option->name);
	return to;
}

static struct error *read_number(const struct option_spec *option, const char *text, uint64_t *ret)
{
	char title[32], cut[SHOWN];

	if (option_number(text, ret) && *ret >= option->min && *ret <= option->max)
		return NULL;
	return error_new(ERROR_USAGE, "%s %s: not a number from %llu to %llu",
			 title_of(option, title), shorten(text, cut),
			 (unsigned long long)option->min, (unsigned long long)option->max);
}

/* Writes `value` in the largest unit that divides it. */
static const char *put_amount(char to[static 32], uint64_t value, const struct unit *units,
			      size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (value % units[i].size == 0) {
			snprintf(to, 32, "%llu%s", (unsigned long long)(value / units[i].size),
				 units[i].name);
			break;
		}
	return to;
}

static struct error *read_size(const struct option_spec *option, const char *text, uint64_t *ret)
{
	static const struct unit shown[] = {
		{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
	char title[32], cut[SHOWN], min[32], max[32];

	if (option_size(text, ret) && *ret >= option->min && *ret <= option->max)
		return NULL;
	return error_new(ERROR_USAGE, "%s %s: not a size from %s to %s; write 65536, 64K or 16MB",
			 title_of(option, title), shorten(text, cut),
			 put_amount(min, option->min, shown, ARRAY_SIZE(shown)),
			 put_amount(max, option->max, shown, ARRAY_SIZE(shown)));
}

static struct error *read_duration(const struct option_spec *option, const char *text,
				   uint64_t *ret)
{
	static const struct unit shown[] = {
		{"h", 3600 * NANO}, {"m", 60 * NANO}, {"s", NANO}, {"ms", 1000000}, {"ns", 1}};
	char title[32], cut[SHOWN], bound[32];

	title_of(option, title);
	if (!option_duration(text, ret))
		return error_new(ERROR_USAGE, "%s %s: not a time; write 10s, 1m30s, 500ms or 2h",
				 title, shorten(text, cut));
	if (*ret < option->min)
		return error_new(ERROR_USAGE, "%s %s: too short; at least %s", title,
				 shorten(text, cut),
				 put_amount(bound, option->min, shown, ARRAY_SIZE(shown)));
	if (*ret > option->max)
		return error_new(ERROR_USAGE, "%s %s: too long; at most %s", title,
				 shorten(text, cut),
				 put_amount(bound, option->max, shown, ARRAY_SIZE(shown)));
	return NULL;
}

const char *nearest_value(const struct option_spec *option, const char *text)
{
	const char *words[33];
	size_t n = 0;

	for (; n < ARRAY_SIZE(words) - 1 && option_value(option, n); n++)
		words[n] = option_value(option, n);
	words[n] = NULL;
	return nearest_word(text, strlen(text), words);
}

static struct error *no_such_value(const struct option_spec *option, const char *text)
{
	const char *near = nearest_value(option, text);
	cleanup_buf struct buf list = {0};
	char title[32], cut[SHOWN];

	for (size_t i = 0; option_value(option, i); i++)
		buf_printf(&list, "%s%s", i ? ", " : "", option_value(option, i));
	return error_new(ERROR_USAGE, "%s%s%s: not one of %s%s%s%s", title_of(option, title),
			 option->implied ? "=" : " ", shorten(text, cut), buf_cstr(&list),
			 near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static struct error *read_word(const struct option_spec *option, const char *text, void *to)
{
	for (unsigned i = 0; option_value(option, i); i++) {
		if (strcmp(option_value(option, i), text) != 0)
			continue;
		if (option->kind == OPTION_WORD)
			*(const char **)to = option_value(option, i);
		else
			*(unsigned *)to = i;
		return NULL;
	}
	return no_such_value(option, text);
}

static struct error *read_small(const struct option_spec *option, const char *text, uint32_t *to)
{
	uint64_t value = 0;

	try(read_number(option, text, &value));
	*to = (uint32_t)value;
	return NULL;
}

/* Checks a word that is the id of a process, or a name. */
static bool is_process(const char *text, size_t len)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t number = 0;
	char id[16];

	if (!len || len > NAME_MAX || *text == '-' || *text == '=')
		return false;
	if (digits < len)
		return true;
	snprintf(id, sizeof(id), "%.*s", (int)len, text);
	return len < sizeof(id) && option_number(id, &number) && number && number <= INT32_MAX;
}

static struct error *read_process(const struct option_spec *option, const char *text, void *options)
{
	const char *word = text;
	char title[32], cut[SHOWN];

	for (;;) {
		size_t len = option->list ? strcspn(word, ",") : strlen(word);

		if (!is_process(word, len))
			return error_new(ERROR_USAGE,
					 "%s %s: not a process id, or the name of a program; "
					 "tophash ps lists Go programs",
					 title_of(option, title), shorten(text, cut));
		if (!word[len])
			break;
		word += len + 1;
	}
	if (option->parse)
		return option->parse(text, options);
	*(const char **)((char *)options + option->at) = text;
	return NULL;
}

struct error *option_read(const struct option_spec *option, const char *text, void *options)
{
	void *to = (char *)options + option->at;

	switch (option->kind) {
	case OPTION_OPERAND: return NULL;
	case OPTION_FLAG:
	case OPTION_HELP: *(bool *)to = true; return NULL;
	case OPTION_STRING:
	case OPTION_FILE: *(const char **)to = text; return NULL;
	case OPTION_USER:
		if (option->parse)
			return option->parse(text, options);
		*(const char **)to = text;
		return NULL;
	case OPTION_WORD:
	case OPTION_ENUM: return read_word(option, text, to);
	case OPTION_PROCESS: return read_process(option, text, options);
	case OPTION_NUMBER32: return read_small(option, text, to);
	case OPTION_NUMBER: return read_number(option, text, to);
	case OPTION_SIZE: return read_size(option, text, to);
	case OPTION_DURATION: return read_duration(option, text, to);
	case OPTION_CUSTOM: return option->parse(text, options);
	}
	return NULL;
}
