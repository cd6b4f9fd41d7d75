/* Tells whether a pattern could match a type of some shape. The name of the shape type is turned
 * into a small automaton that accepts every name that such a type could have. Automaton and pattern
 * run side by side. They match if both can read the same text to the end. These shapes stand for
 * these names:
 *
 *   go.shape.string          string, or a named type
 *   go.shape.*uint8          *..., or a named type; all pointers have one shape
 *   go.shape.[]net/url.URL   []url.URL, or a named type; a shape has import paths
 *   go.shape.struct { ... }  struct { ..., or a named type; its fields are not compared
 *
 * Go: cmd/compile/internal/noder/reader.go, shapify().
 */
#include "watch/filter/shape.h"

#include "base/base.h"

#include <ctype.h>

#define SHAPE	  "go.shape."
#define DEPTH_MAX 64

/* One step of the automaton. */
struct step {
	enum {
		STEP_CHAR,     /* reads exactly `c` */
		STEP_NAME,     /* reads one character of a name */
		STEP_NAMES,    /* reads any number of characters of a name */
		STEP_ANYTHING, /* reads any number of arbitrary characters */
		STEP_FORK,     /* goes on with the next step, or with step `to` */
		STEP_JUMP,     /* goes on with step `to` */
		STEP_END,      /* the text ends here */
	} op;
	char c;
	uint32_t to;
};

struct automaton {
	VEC(struct step) steps;
	bool nomem;
};

bool shape_is_in(const char *type)
{
	return strstr(type, SHAPE) != NULL;
}

/* ---- where a type ends in a text ---- */

/* Returns the end of the bracketed part that begins at *at. */
static const char *skip_bracket(const char *at)
{
	int depth = 0;

	for (; *at; at++) {
		if (strchr("[({", *at))
			depth++;
		else if (strchr("])}", *at) && --depth == 0)
			return at + 1;
	}
	return at;
}

static bool skip_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* Returns the end of the type that begins at `at`. */
static const char *skip_type(const char *at, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return at + strlen(at);
	if (skip_word(&at, "*") || skip_word(&at, "<-chan ") || skip_word(&at, "chan<- ") ||
	    skip_word(&at, "chan "))
		return skip_type(at, depth + 1);
	if (*at == '[')
		return skip_type(skip_bracket(at), depth + 1);
	if (skip_word(&at, "map"))
		return *at == '[' ? skip_type(skip_bracket(at), depth + 1)
				  : at + strcspn(at, "[],;(){} ");
	if (skip_word(&at, "struct {") || skip_word(&at, "interface {"))
		return skip_bracket(at - 1);
	if (*at == '(')
		return skip_bracket(at);
	if (skip_word(&at, "func(")) {
		at = skip_bracket(at - 1);
		return *at == ' ' ? skip_type(at + 1, depth + 1) : at;
	}
	at += strcspn(at, "[],;(){} ");
	return *at == '[' ? skip_bracket(at) : at;
}

/* ---- the automaton ---- */

static uint32_t add_step(struct automaton *a, struct step step)
{
	a->nomem |= !vec_push(&a->steps, step);
	return (uint32_t)a->steps.len - 1;
}

static void add_text(struct automaton *a, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add_step(a, (struct step){.op = STEP_CHAR, .c = text[i]});
}

/* Adds the steps for a named type: main.ID, main.pair[...], or error, which has no package. */
static void add_named(struct automaton *a)
{
	uint32_t error = add_step(a, (struct step){.op = STEP_FORK}), end, plain;

	add_step(a, (struct step){.op = STEP_NAME});
	add_step(a, (struct step){.op = STEP_NAMES});
	add_text(a, ".", 1);
	add_step(a, (struct step){.op = STEP_NAME});
	add_step(a, (struct step){.op = STEP_NAMES});
	plain = add_step(a, (struct step){.op = STEP_FORK});
	add_text(a, "[", 1);
	add_step(a, (struct step){.op = STEP_ANYTHING});
	add_text(a, "]", 1);
	end = add_step(a, (struct step){.op = STEP_JUMP});
	if (a->nomem)
		return;
	a->steps.data[error].to = (uint32_t)a->steps.len;
	add_text(a, "error", 5);
	if (a->nomem)
		return;
	a->steps.data[plain].to = a->steps.data[end].to = (uint32_t)a->steps.len;
}

/* Returns the length of a name like "net/url.URL" at the start of a shape's text. */
static size_t name_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (isalnum((unsigned char)text[n]) || (unsigned char)text[n] >= 0x80 ||
			   strchr("_./-~%+", text[n])))
		n++;
	return n;
}

/* Adds a name in the shape's text. There it has an import path, but in the name of a type it has
 * the name of the package. This is often, but not always, the last part of the path, so any name is
 * accepted. The path of package main is "main". A dot may also belong to the "..." before a
 * variadic parameter. */
static void add_name(struct automaton *a, const char *name, size_t len)
{
	const char *slash = memrchr(name, '/', len);
	const char *last = slash ? slash : name;
	const char *dot = memrchr(last, '.', len - (size_t)(last - name));

	if (dot && (slash || strncmp(name, "main.", 5) != 0)) {
		add_step(a, (struct step){.op = STEP_NAME});
		add_step(a, (struct step){.op = STEP_NAMES});
		len -= (size_t)(dot - name);
		name = dot;
	}
	add_text(a, name, len);
}

/* Adds the text that an unnamed type of this shape has. From a struct on, any text is accepted,
 * because a shape may have a package before the fields ("struct { main.a int }"). After a pointer
 * any text is accepted too, because all pointers have one shape. */
static void add_unnamed(struct automaton *a, const char *shape, size_t len)
{
	bool pointer = *shape == '*';
	const char *open = memmem(shape, len, "struct {", strlen("struct {"));
	size_t exact = pointer ? 1 : open ? (size_t)(open - shape) + strlen("struct {") : len;

	for (size_t at = 0; at < exact && !a->nomem;) {
		size_t n = name_length(shape + at, exact - at);

		if (n)
			add_name(a, shape + at, n);
		else
			add_text(a, shape + at, 1);
		at += n ? n : 1;
	}
	if (exact < len)
		add_step(a, (struct step){.op = STEP_ANYTHING});
}

/* Returns the length of the argument's number at the end of a shape (Go 1.18 to 1.20), including
 * its underscore. */
static size_t number_len(const char *text, size_t len)
{
	size_t digits = 0;

	while (digits < len && isdigit((unsigned char)text[len - 1 - digits]))
		digits++;
	return digits && digits < len && text[len - 1 - digits] == '_' ? digits + 1 : 0;
}

static void add_shape(struct automaton *a, const char *shape, size_t len)
{
	uint32_t fork = add_step(a, (struct step){.op = STEP_FORK}), end;

	add_unnamed(a, shape, len - number_len(shape, len));
	end = add_step(a, (struct step){.op = STEP_JUMP});
	if (a->nomem)
		return;
	a->steps.data[fork].to = (uint32_t)a->steps.len;
	add_named(a);
	if (!a->nomem)
		a->steps.data[end].to = (uint32_t)a->steps.len;
}

static void add_type(struct automaton *a, const char *type)
{
	const char *shape;

	while ((shape = strstr(type, SHAPE)) && !a->nomem) {
		const char *begin = shape + strlen(SHAPE);
		const char *end = skip_type(begin, 0);

		if (*end == '_') /* the number after a shape that ends in a bracket: "}_0" */
			end += 1 + strspn(end + 1, "0123456789");
		add_text(a, type, (size_t)(shape - type));
		add_shape(a, begin, (size_t)(end - begin));
		type = end;
	}
	add_text(a, type, strlen(type));
	add_step(a, (struct step){.op = STEP_END});
}

/* ---- automaton and pattern ---- */

/* Pairs of a position in the pattern and a step of the automaton. */
struct pairs {
	uint8_t *seen; /* one bit for each pair */
	size_t steps;
	VEC(uint64_t) todo;
	bool nomem;
};

static void add_pair(struct pairs *pairs, size_t glob, size_t step)
{
	size_t bit = glob * pairs->steps + step;

	if (pairs->seen[bit / 8] >> bit % 8 & 1)
		return;
	pairs->seen[bit / 8] |= (uint8_t)(1u << bit % 8);
	pairs->nomem |= !vec_push(&pairs->todo, bit);
}

static bool is_name(unsigned char c)
{
	return isalnum(c) || c >= 0x80 || strchr("_.-/~%+", c);
}

/* Tells whether pattern and automaton can read the same character. The pattern wants c, or any
 * character if c is -1. */
static bool reads_same(const struct step *step, int c)
{
	if (step->op == STEP_CHAR)
		return c < 0 || (char)c == step->c;
	return c < 0 || step->op == STEP_ANYTHING || is_name((unsigned char)c);
}

/* Adds the pairs that follow when both read one character: the pattern reads c (-1: any), and the
 * automaton makes a step. The pattern is then at `next`. */
static void read_char(struct pairs *pairs, const struct step *steps, size_t at, int c, size_t next)
{
	bool repeats = steps[at].op == STEP_NAMES || steps[at].op == STEP_ANYTHING;

	if (steps[at].op != STEP_END && reads_same(&steps[at], c))
		add_pair(pairs, next, repeats ? at : at + 1);
}

/* Adds all pairs that follow a pair. Returns true if both are at their ends. */
static bool follow(struct pairs *pairs, const char *glob, size_t g, const struct step *steps,
		   size_t at)
{
	bool repeats = steps[at].op == STEP_NAMES || steps[at].op == STEP_ANYTHING;

	if (steps[at].op == STEP_FORK || steps[at].op == STEP_JUMP) {
		add_pair(pairs, g, steps[at].to);
		if (steps[at].op == STEP_FORK)
			add_pair(pairs, g, at + 1);
		return false;
	}
	if (repeats)
		add_pair(pairs, g, at + 1);
	switch (glob[g]) {
	case '\0': return steps[at].op == STEP_END;
	case '*':
		add_pair(pairs, g + 1, at);
		read_char(pairs, steps, at, -1, g);
		break;
	case '?': read_char(pairs, steps, at, -1, g + 1); break;
	case '\\':
		if (glob[g + 1])
			read_char(pairs, steps, at, (unsigned char)glob[g + 1], g + 2);
		break;
	default: read_char(pairs, steps, at, (unsigned char)glob[g], g + 1); break;
	}
	return false;
}

/* Returns true if both can read the same text to the end. Also returns true when memory is out, so
 * that nothing is hidden. */
static bool do_meet(const char *glob, const struct step *steps, size_t n)
{
	struct pairs pairs = {.steps = n};
	bool meet = false;

	pairs.seen = calloc(1, ((strlen(glob) + 1) * n + 7) / 8);
	if (!pairs.seen)
		return true;
	add_pair(&pairs, 0, 0);
	while (!meet && pairs.todo.len) {
		uint64_t bit = pairs.todo.data[--pairs.todo.len];

		meet = follow(&pairs, glob, bit / n, steps, bit % n);
	}
	meet |= pairs.nomem;
	free(pairs.seen);
	vec_fini(&pairs.todo);
	return meet;
}

bool shape_could_match(const char *glob, const char *type)
{
	struct automaton a = {0};
	bool could;

	add_type(&a, type);
	could = a.nomem || do_meet(glob, a.steps.data, a.steps.len);
	vec_fini(&a.steps);
	return could;
}
