/* Finds the types with which generic code is called.
 *
 * One body of code serves all types of a shape. The caller passes it a dictionary, a table in
 * read-only data that holds, among others, the map types (cmd/compile/internal/noder/reader.go, Go
 * 1.21 and later). Releases before pass the shape's map type as a constant. The type at a site is
 * then a value like "the word at 0x18 of the value of register rax at the entry". Therefore the
 * callers are searched for the value that they put into that register. It may be the address of a
 * dictionary. If the caller is generic too, it is a word of the caller's dictionary, and the
 * callers of the caller are searched next. One round searches the text once, for all functions that
 * have questions.
 */
#include "read/site/site_priv.h"
#include "base/search.h"

#include <stdlib.h>

enum {
	ROUNDS_MAX = 8,
	QUESTIONS_MAX = 1 << 16,
	INSTANCES_MAX = 4096, /* for one site */
};

static int compare_func(const void *a, const void *b)
{
	const struct site_open *x = a, *y = b;

	if (x->func != y->func)
		return x->func < y->func ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

static bool has_question(const site_questions *asked, const struct site_open *question)
{
	vec_each(q, asked)
		if (q->site == question->site && q->func == question->func &&
		    memcmp(&q->value, &question->value, sizeof(q->value)) == 0)
			return true;
	return false;
}

static struct error *add_instance(struct site_search *search, struct site_row *row,
				  const struct site_type *type)
{
	const struct site_type **grown;

	for (size_t i = 0; i < row->instances_n; i++)
		if (row->instances[i] == type)
			return NULL;
	if (row->instances_n == INSTANCES_MAX)
		return NULL;
	grown = realloc(row->instances, (row->instances_n + 1) * sizeof(*grown));
	if (!grown)
		return error_nomem();
	row->instances = grown;
	row->instances[row->instances_n++] = type;
	return site_count_names(search, strlen(type->whole_name));
}

struct error *site_answer(struct site_search *search, const struct site_open *question,
			  uint64_t func, const struct code_value *value, site_questions *next)
{
	struct site_open further = {question->site, func, *value};
	const struct site_type *type = NULL;
	uint64_t addr;

	try(site_patience(search));
	if (site_value_address(search, value, &addr))
		try(site_type_get(search, addr, &type));
	if (type)
		return add_instance(search, &search->found->list.data[question->site], type);
	/* A closure itself is no type. Nothing more can be known about this one. */
	if (value->root == CODE_ENTRY && !value->loads && value->base == search->machine->context)
		return NULL;
	if (value->root == CODE_ENTRY && next->len < QUESTIONS_MAX &&
	    !has_question(next, &further) && !vec_push(next, further))
		return error_nomem();
	return NULL;
}

/* Answers a question by the value that a caller puts into the register. */
static struct error *answer(struct site_search *search, struct site_func *caller,
			    const struct code_insn *call, const struct site_open *question,
			    site_questions *next)
{
	struct code_value outer;

	try(site_func_value(search, caller, call, (uint8_t)question->value.base, &outer));
	outer = site_value_join(&outer, &question->value);
	return site_answer(search, question, caller->func.entry, &outer, next);
}

/* Answers all questions about the function that the call leads to. The questions are sorted by
 * function. */
static struct error *answer_call(struct site_search *search, struct site_func *caller,
				 const struct code_insn *call, const site_questions *asked,
				 site_questions *next)
{
	uint64_t target = site_call_target(search, call->target);
	size_t at = lower_bound(i, asked->len, asked->data[i].func < target);

	for (; at < asked->len && asked->data[at].func == target; at++)
		try(answer(search, caller, call, &asked->data[at], next));
	return NULL;
}

struct round {
	struct site_search *search;
	const site_questions *asked;
	site_questions *next;
};

static struct error *on_call(void *ctx, struct site_func *caller, const struct code_insn *insn)
{
	const struct round *round = ctx;

	/* A function that calls itself passes what it got. */
	if (insn->target == caller->func.entry)
		return NULL;
	return answer_call(round->search, caller, insn, round->asked, round->next);
}

uint64_t *site_asked_funcs(const site_questions *asked, size_t *ret_n)
{
	uint64_t *funcs = malloc((asked->len + 1) * sizeof(*funcs));
	size_t n = 0;

	if (!funcs)
		return NULL;
	vec_each(question, asked)
		if (!n || funcs[n - 1] != question->func)
			funcs[n++] = question->func;
	*ret_n = n;
	return funcs;
}

static struct error *ask_callers(struct site_search *search, const site_questions *asked,
				 site_questions *next)
{
	size_t n = 0;
	cleanup_free uint64_t *targets = site_asked_funcs(asked, &n);
	cleanup(code_calls_fini) struct code_calls calls = {0};
	struct round round = {.search = search, .asked = asked, .next = next};

	if (!targets)
		return error_nomem();
	try(site_search_calls(search, targets, n, &calls));
	return site_each_call(search, &calls, on_call, &round);
}

static void sort_by_func(site_questions *questions)
{
	if (questions->len)
		qsort(questions->data, questions->len, sizeof(*questions->data), compare_func);
}

/* Answers one round of questions. A value that begins at a closure is searched where the closure is
 * made. Any other value is searched where the function is called. */
static struct error *round_once(struct site_search *search, const site_questions *asked,
				site_questions *next)
{
	cleanup(site_questions_fini) site_questions callers = {0}, makers = {0};

	vec_each(question, asked) {
		bool captured = question->value.base == search->machine->context;

		if (!vec_push(captured ? &makers : &callers, *question))
			return error_nomem();
	}
	sort_by_func(&callers);
	sort_by_func(&makers);
	if (callers.len)
		try(ask_callers(search, &callers, next));
	return makers.len ? site_answer_closures(search, &makers, next) : NULL;
}

static int compare_name(const void *a, const void *b)
{
	return strcmp((*(const struct site_type *const *)a)->name,
		      (*(const struct site_type *const *)b)->name);
}

static void finish(struct site_search *search)
{
	uint8_t context = search->machine->context;

	vec_each(open, &search->open) {
		struct site_row *row = &search->found->list.data[open->site];

		if (row->instances_n) {
			qsort(row->instances, row->instances_n, sizeof(row->instances[0]),
			      compare_name);
			row->why_no_type = "generic: comes with the caller's dictionary";
		} else if (!open->value.loads) {
			row->why_no_type = "passed by the caller";
		} else if (open->value.base == context) {
			row->why_no_type = "generic: in a dictionary that the closure captured";
		} else {
			row->why_no_type = "generic: no caller found that has the dictionary";
		}
	}
}

struct error *site_find_instances(struct site_search *search)
{
	cleanup(site_questions_fini) site_questions asked = {0}, next = {0};

	vec_each(open, &search->open)
		if (open->value.loads && !vec_push(&asked, *open))
			return error_nomem();
	for (unsigned round = 0; asked.len && round < ROUNDS_MAX; round++) {
		site_questions answered = asked;

		next.len = 0;
		try(round_once(search, &asked, &next));
		asked = next;
		next = answered;
	}
	finish(search);
	return NULL;
}
