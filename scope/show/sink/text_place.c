#include "show/sink/text.h"
#include "base/buf.h"

/* --- Function names --- */

/* How much of a function's name is shown. */
enum func_form {
	FORM_NONE,    /* nothing, only file and line */
	FORM_LAST,    /* "sweep", "sweep.func1" */
	FORM_LOCAL,   /* "(*store).sweep" */
	FORM_PACKAGE, /* "shop.(*store).sweep" */
	FORM_WHOLE,   /* "example.com/shop.(*store).sweep" */
};

/* How much of type arguments is shown. */
enum args_form {
	ARGS_DOTS,  /* "[...]" */
	ARGS_SHORT, /* "[string,*uint8]" */
	ARGS_WHOLE, /* "[go.shape.string,go.shape.*uint8]" */
};

/* Appends type arguments without their brackets. Leaves out the prefix which says that a type
 * stands for all types of its shape. */
static void put_short_args(struct buf *to, const char *args, size_t len)
{
	static const char prefix[] = "go.shape.";
	size_t prefix_len = sizeof(prefix) - 1;

	for (size_t i = 0; i < len; i++) {
		if (len - i >= prefix_len && memcmp(args + i, prefix, prefix_len) == 0)
			i += prefix_len;
		if (i < len)
			buf_char(to, args[i]);
	}
}

/* Appends a function's name, with its type arguments in the given form. */
static void put_with_args(struct buf *to, struct str func, enum args_form form)
{
	size_t depth = 0, from = 0;

	for (size_t i = 0; i < func.len; i++) {
		if (func.p[i] == '[' && !depth++) {
			buf_put(to, func.p + from, i + 1 - from);
			from = i + 1;
		} else if (func.p[i] == ']' && depth && !--depth) {
			if (form == ARGS_SHORT)
				put_short_args(to, func.p + from, i - from);
			else
				buf_str(to, "...");
			from = i;
		}
	}
	buf_put(to, func.p + from, func.len - from);
}

/* Tells whether a part of a name means nothing without the part before it, such as "func1", "2" or
 * "gowrap1". */
static bool is_closure(const char *part, size_t len)
{
	if (len > 4 && memcmp(part, "func", 4) == 0)
		part += 4, len -= 4;
	else if (len > 6 && memcmp(part, "gowrap", 6) == 0)
		part += 6, len -= 6;
	for (size_t i = 0; i < len; i++)
		if (part[i] < '0' || part[i] > '9')
			return false;
	return true;
}

/* Returns the last part of a name that means something by itself. `dot` is the end of the package.
 * Dots within the brackets of type arguments do not separate parts. */
static const char *func_last(const char *dot, const char *bracket, const char *end)
{
	const char *part_end = end;
	const char *p = end;

	while (p > dot) {
		p = memrchr(dot, '.', (size_t)(p - dot));
		if (bracket && p > bracket && memchr(p, ']', (size_t)(end - p)))
			continue;
		if (!is_closure(p + 1, (size_t)(part_end - p - 1)))
			break;
		part_end = p;
	}
	return p + 1;
}

static struct str func_short(struct str func, enum func_form form)
{
	const char *end = func.p + func.len;
	const char *bracket = memchr(func.p, '[', func.len);
	const char *head_end = bracket ? bracket : end;
	const char *slash = memrchr(func.p, '/', (size_t)(head_end - func.p));
	const char *start = slash ? slash + 1 : func.p;
	const char *dot = memchr(start, '.', (size_t)(head_end - start));

	if (form == FORM_WHOLE)
		return func;
	if (dot && form == FORM_LOCAL)
		start = dot + 1;
	if (dot && form == FORM_LAST) {
		start = func_last(dot, bracket, end);
		if (end - start > 5 && memcmp(end - 5, "[...]", 5) == 0)
			end -= 5;
	}
	return (struct str){.p = start, .len = (size_t)(end - start)};
}

/* --- Sites --- */

/* One way to show a site: how much of the names is shown, and whether the caller is. */
struct attempt {
	enum func_form func, caller;
	bool with_caller;
	enum args_form args;
};

static void put_func(struct buf *to, struct str func, enum func_form form, enum args_form args)
{
	struct buf name = {0};

	if (args == ARGS_WHOLE)
		buf_put(&name, func.p, func.len);
	else
		put_with_args(&name, func, args);
	if (name.len) {
		struct str shown = func_short((struct str){name.data, name.len}, form);

		text_safe(to, shown.p, shown.len);
	}
	to->bad |= name.bad;
	buf_fini(&name);
}

static void put_func_place(struct buf *to, struct str func, struct str place,
			   const struct attempt *attempt, enum func_form form, bool bold)
{
	if (form == FORM_NONE && !place.len)
		form = FORM_LAST;
	if (form != FORM_NONE && func.len) {
		put_func(to, func, form, attempt->args);
		if (place.len)
			buf_char(to, ' ');
	}
	text_sgr(to, bold && place.len, SGR_BOLD);
	text_safe(to, place.p, place.len);
	text_sgr_end(to, bold && place.len, SGR_BOLD);
}

static void put_attempt(struct buf *to, const struct place_label *site,
			const struct attempt *attempt, bool color)
{
	put_func_place(to, site->func, site->place, attempt, attempt->func, color);
	if (!attempt->with_caller)
		return;
	text_sgr(to, color, SGR_DIM);
	buf_put(to, " < ", 3);
	put_func_place(to, site->caller_func, site->caller_place, attempt, attempt->caller, false);
	text_sgr_end(to, color, SGR_DIM);
}

static size_t attempt_columns(const struct place_label *site, const struct attempt *attempt)
{
	struct buf text = {0};
	size_t columns;

	put_attempt(&text, site, attempt, false);
	columns = text.bad ? SIZE_MAX : text_columns(&text, 0);
	buf_fini(&text);
	return columns;
}

/* Appends the end of file and line, when not even those fit. The line number is there. */
static void put_place_tail(struct buf *to, const struct place_label *site, size_t columns,
			   bool color)
{
	static const struct attempt barest = {FORM_NONE, FORM_NONE, false, ARGS_DOTS};
	struct buf text = {0};

	put_attempt(&text, site, &barest, false);
	text_sgr(to, color, SGR_BOLD);
	text_tail(to, text.data, text.len, columns);
	text_sgr_end(to, color, SGR_BOLD);
	buf_fini(&text);
}

static bool has_caller(const struct place_label *site)
{
	return site->caller_func.len || site->caller_place.len;
}

size_t place_put(struct buf *to, const struct place_label *site, size_t columns, bool color)
{
	/* From the fullest to the shortest. For a helper, the caller matters more than the helper's
	 * own name. Otherwise the caller is left out before the names are shortened. */
	static const struct {
		struct attempt attempt;
		bool helpers_only;
	} attempts[] = {
		{{FORM_PACKAGE, FORM_PACKAGE, true, ARGS_SHORT}, false},
		{{FORM_LOCAL, FORM_LOCAL, true, ARGS_SHORT}, false},
		{{FORM_PACKAGE, FORM_PACKAGE, true, ARGS_DOTS}, false},
		{{FORM_LOCAL, FORM_LOCAL, true, ARGS_DOTS}, false},
		{{FORM_LAST, FORM_LAST, true, ARGS_DOTS}, true},
		{{FORM_NONE, FORM_LAST, true, ARGS_DOTS}, true},
		{{FORM_NONE, FORM_NONE, true, ARGS_DOTS}, true},
		{{FORM_PACKAGE, FORM_NONE, false, ARGS_SHORT}, false},
		{{FORM_LOCAL, FORM_NONE, false, ARGS_SHORT}, false},
		{{FORM_PACKAGE, FORM_NONE, false, ARGS_DOTS}, false},
		{{FORM_LOCAL, FORM_NONE, false, ARGS_DOTS}, false},
		{{FORM_LAST, FORM_NONE, false, ARGS_DOTS}, false},
		{{FORM_NONE, FORM_NONE, false, ARGS_DOTS}, false},
	};

	if (columns == TEXT_UNLIMITED) {
		const struct attempt whole = {FORM_WHOLE, FORM_WHOLE, has_caller(site), ARGS_WHOLE};

		put_attempt(to, site, &whole, color);
		return columns;
	}
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		const struct attempt *attempt = &attempts[i].attempt;
		size_t takes;

		if (attempt->with_caller &&
		    (!has_caller(site) || (attempts[i].helpers_only && !site->helper)))
			continue;
		takes = attempt_columns(site, attempt);
		if (takes > columns)
			continue;
		put_attempt(to, site, attempt, color);
		return takes;
	}
	put_place_tail(to, site, columns, color);
	return columns;
}

size_t place_wants(const struct place_label *site)
{
	static const struct attempt alone = {FORM_PACKAGE, FORM_NONE, false, ARGS_DOTS};
	static const struct attempt with_caller = {FORM_LOCAL, FORM_LOCAL, true, ARGS_DOTS};

	return attempt_columns(site, site->helper ? &with_caller : &alone);
}
