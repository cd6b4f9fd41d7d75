/* The spots at steps of a migration: the functions that move the elements of maps, at their beginning and at their
 * returns. A return is single-stepped, which takes ten times as long; but such a function moves many elements. */
#include "read/place/placer.h"

#include <stdio.h>

/* The functions that call those of go_steps. A build with a profile may inline the latter into them. */
static const char *const callers[] = {
	"runtime.mapassign",
	"runtime.mapassign_fast32",
	"runtime.mapassign_fast32ptr",
	"runtime.mapassign_fast64",
	"runtime.mapassign_fast64ptr",
	"runtime.mapassign_faststr",
	"runtime.growWork",
	"runtime.growWork_fast32",
	"runtime.growWork_fast64",
	"runtime.growWork_faststr",
	"internal/runtime/maps.(*Map).PutSlot",
	"internal/runtime/maps.(*table).PutSlot",
	"internal/runtime/maps.(*table).rehash",
};

void step_add_names(struct placer *placer)
{
	if (!placer->options->steps)
		return;
	for (size_t i = 0; i < GO_STEPS; i++)
		placer_add_name(placer, go_steps[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
		placer_add_name(placer, callers[i]);
}

static struct error *is_inlined(const struct placer *placer, const char *name, const char *into)
{
	return error_new(ERROR_TARGET,
			 "%s: %s is inlined into %s, as a build with a profile may do: its steps "
			 "cannot be seen; build the program with -pgo=off",
			 image_name(placer->image), name, into);
}

/* Checks that no copy of a function was inlined, in which its steps would not be seen. */
static struct error *check_copies(const struct placer *placer, const struct go_step *step)
{
	for (size_t i = 0; i < ARRAY_SIZE(callers) + GO_STEPS; i++) {
		const char *name = i < GO_STEPS ? go_steps[i].name : callers[i - GO_STEPS];
		struct gopcln_func func = placer_func(placer, name);

		if (func.entry && step->kind != GO_STEP_CLEAR &&
		    gopcln_inlined(placer->tab, &func, step->name))
			return is_inlined(placer, step->name, name);
	}
	return NULL;
}

static bool calls(const struct code *code, uint64_t entry)
{
	vec_each(insn, &code->insns)
		if (entry && insn->flow == CODE_CALL && insn->target == entry)
			return true;
	return false;
}

/* A jump to another function is the end of this one, too; none of them has one. */
static struct error *place_ends(const struct placer *placer, const struct gopcln_func *func,
				const struct code *code, uint8_t number)
{
	struct spot spot = {.role = SPOT_STEP_END, .number = number};

	vec_each(insn, &code->insns)
		if (insn->flow == CODE_RETURN)
			try(placer_add_spot(placer, func, insn->addr, &spot,
					    "a return: the elements have moved"));
	return NULL;
}

static struct error *place_one(const struct placer *placer, uint8_t number)
{
	const struct go_step *step = &go_steps[number];
	struct spot spot = {.role = SPOT_STEP, .number = number};
	const struct code_insn *insn;
	struct gopcln_func func;
	const char *why;
	cleanup(code_fini) struct code code = {0};

	if (step->layout != placer->layout)
		return NULL;
	try(check_copies(placer, step));
	try(placer_decode(placer, step->name, &func, &code));
	if (!func.entry || (step->calls && calls(&code, placer_func(placer, step->calls).entry)))
		return NULL;
	insn = entry_any_insn(placer->machine, &code, go_step_last_arg(step) + 1, &why);
	if (!insn)
		return placer_no_spot(placer, step->name, "its beginning is not known");
	try(placer_add_spot(placer, &func, insn->addr, &spot, why));
	return place_ends(placer, &func, &code, number);
}

struct error *step_place(const struct placer *placer)
{
	for (size_t i = 0; i < GO_STEPS; i++)
		try(place_one(placer, (uint8_t)i));
	if (!placer->found->list.len)
		return error_new(ERROR_TARGET,
				 "%s: no map of the program can grow: none of the runtime's "
				 "functions for that is linked into it",
				 image_name(placer->image));
	return NULL;
}
