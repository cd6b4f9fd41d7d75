#include "read/place/placer.h"

/* A function that is probed at its beginning, where its arguments are in registers. */
struct entry_spec {
	const char *func;
	enum spot_role role;
	enum go_key_pass key;
	bool map_first;	    /* (map, type, ...) instead of (type, map, ...) */
	unsigned arguments; /* argument registers that must be unchanged at the spot */
	bool thin;	    /* its code may only call another function that has a spot */
};

static const struct entry_spec panic_entries[] = {
	{"runtime.gopanic", SPOT_PANIC, GO_PASS_NONE, 0, 0, false},
	{"runtime.throw", SPOT_PANIC, GO_PASS_NONE, 0, 0, false},
	{"runtime.fatal", SPOT_PANIC, GO_PASS_NONE, 0, 0, false},
};

static const struct entry_spec start_entry = {"runtime.main", SPOT_START, GO_PASS_NONE, 0, 0,
					      false};
static const struct entry_spec begin_entry = {"runtime.main", SPOT_BEGIN, GO_PASS_NONE, 0, 0,
					      false};

/* Returns the first emulated instruction after the frame pointer is set, on the straight line from
 * the entry. The first `arguments` argument registers must be unchanged there. Returns NULL when
 * there is none. */
static const struct code_insn *insn_after_frame(const struct machine_ops *machine,
						const struct code *code, unsigned arguments)
{
	uint32_t kept = 0;
	bool framed = false;

	for (unsigned i = 0; i < arguments; i++)
		kept |= 1u << machine_argument(machine, i);
	vec_each(insn, &code->insns) {
		if (insn->joined)
			return NULL;
		if (framed && insn->emulated)
			return insn;
		if (insn->flow != CODE_NEXT && (insn->flow != CODE_BRANCH || framed))
			return NULL;
		if (insn->writes & kept)
			return NULL;
		framed |= (insn->writes >> machine->frame) & 1;
	}
	return NULL;
}

/* Returns the instruction that pushes the caller's frame pointer, right before the frame pointer is
 * set, on the straight line from the entry. Race builds of Go 1.24 and later call the race detector
 * before their first branch, and that call changes the argument registers. Returns NULL when there
 * is none. */
static const struct code_insn *insn_frame_push(const struct machine_ops *machine,
					       const struct code *code)
{
	for (size_t i = 0; i + 1 < code->insns.len; i++) {
		const struct code_insn *insn = &code->insns.data[i], *next = insn + 1;
		bool pushes = insn->flow == CODE_NEXT && insn->emulated &&
			      insn->writes == 1u << machine->stack;

		if (insn->joined && i > 0)
			return NULL;
		if (pushes)
			return !next->joined && next->op == CODE_MOVE &&
					       next->base == machine->stack &&
					       next->writes == 1u << machine->frame
				       ? insn
				       : NULL;
		if (insn->writes || (insn->flow != CODE_NEXT && insn->flow != CODE_BRANCH))
			return NULL;
	}
	return NULL;
}

/* Chooses the instruction for the spot at the beginning of a function, and tells why. */
static const struct code_insn *choose_entry(const struct machine_ops *machine,
					    const struct entry_spec *spec, const struct code *code,
					    struct spot *spot, const char **ret_why)
{
	const struct code_insn *insn = insn_after_frame(machine, code, spec->arguments);

	*ret_why = "first emulated instruction after the stack check and the frame set-up";
	if (insn || spec->role != SPOT_ENTRY)
		return insn;
	spot->at_push = true;
	*ret_why = "the push of the frame pointer: the arguments do not stay in their registers "
		   "until the first emulated instruction after it";
	return insn_frame_push(machine, code);
}

/* Returns the instruction after the stack check. The check leads to a call that comes back to the entry, and may do so several
 * times. Returns NULL when there is none. */
static const struct code_insn *insn_after_check(const struct code *code, uint32_t kept)
{
	for (size_t i = 0; i + 1 < code->insns.len; i++) {
		const struct code_insn *insn = &code->insns.data[i];

		if ((insn->joined && i > 0) || insn->writes & kept)
			return NULL;
		if (insn->flow == CODE_BRANCH)
			return insn[1].joined ? NULL : insn + 1;
		if (insn->flow != CODE_NEXT)
			return NULL;
	}
	return NULL;
}

const struct code_insn *entry_any_insn(const struct machine_ops *machine, const struct code *code,
				       unsigned arguments, const char **ret_why)
{
	const struct code_insn *insn = insn_after_frame(machine, code, arguments);
	uint32_t kept = 0;

	*ret_why = "first emulated instruction after the stack check and the frame set-up";
	if (insn)
		return insn;
	*ret_why = "the push of the frame pointer, after the stack check";
	insn = insn_frame_push(machine, code);
	if (insn)
		return insn;
	*ret_why = "the instruction after the stack check";
	for (unsigned i = 0; i < arguments; i++)
		kept |= 1u << machine_argument(machine, i);
	return insn_after_check(code, kept);
}

struct error *entry_place_exits(const struct placer *placer, const struct gopcln_func *func,
				const struct code *code, uint8_t number)
{
	struct spot spot = {.role = SPOT_EXIT, .number = number};

	vec_each(insn, &code->insns)
		if (insn->flow == CODE_RETURN)
			try(placer_add_spot(placer, func, insn->addr, &spot,
					    "a return: a delete that removed nothing ends here"));
	return NULL;
}

/* Tells whether the function only calls another function that is probed. It then needs no spot. If
 * the other function was inlined, there is no such call. */
static bool only_calls(const struct placer *placer, const struct entry_spec *spec,
		       const struct code *code)
{
	for (size_t i = 0; spec->thin && i < GO_ENTRIES; i++) {
		uint64_t entry = placer_func(placer, go_entries[i].name).entry;

		if (!entry || !go_entries[i].is_site || !strcmp(go_entries[i].name, spec->func))
			continue;
		vec_each(insn, &code->insns)
			if (insn->flow == CODE_CALL && insn->target == entry)
				return true;
	}
	return false;
}

static struct error *place_entry(const struct placer *placer, const struct entry_spec *spec,
				 uint8_t number)
{
	struct spot spot = {.role = spec->role,
			    .key = spec->key,
			    .map_first = spec->map_first,
			    .number = number};
	const struct code_insn *insn;
	struct gopcln_func func;
	const char *why;
	cleanup(code_fini) struct code code = {0};

	try(placer_decode(placer, spec->func, &func, &code));
	if (!func.entry || only_calls(placer, spec, &code))
		return NULL;
	insn = choose_entry(placer->machine, spec, &code, &spot, &why);
	if (!insn)
		return error_new(
			ERROR_TARGET,
			"%s: no place at the beginning of %s where each call passes exactly "
			"once: this build of the Go runtime is not known; please report it",
			image_name(placer->image), spec->func);
	try(placer_add_spot(placer, &func, insn->addr, &spot, why));
	return spec->role == SPOT_ENTRY ? entry_place_exits(placer, &func, &code, number) : NULL;
}

/* Returns the spec of an entry of the runtime. */
static struct entry_spec spec_of(const struct go_entry *entry, enum spot_role role)
{
	unsigned last = entry->type_arg > entry->map_arg ? entry->type_arg : entry->map_arg;

	if (entry->key != GO_PASS_NONE && entry->key_arg > last)
		last = entry->key_arg;
	return (struct entry_spec){
		.func = entry->name,
		.role = role,
		.key = entry->key,
		.map_first = entry->map_arg < entry->type_arg,
		.arguments = last + 1 + (entry->key == GO_PASS_STRING),
		.thin = entry->thin,
	};
}

/* Places the spots of all entries of one kind. Each gets its own number. */
static struct error *place_kind(const struct placer *placer, enum go_entry_kind kind,
				enum spot_role role)
{
	for (size_t i = 0; i < GO_ENTRIES; i++) {
		struct entry_spec spec = spec_of(&go_entries[i], role);

		if (go_entries[i].kind == kind && go_entries[i].is_site && !go_entries[i].sync)
			try(place_entry(placer, &spec, (uint8_t)(i + 1)));
	}
	return NULL;
}

void entry_add_names(struct placer *placer)
{
	placer_add_name(placer, start_entry.func);
	for (size_t i = 0; placer->options->misses && i < ARRAY_SIZE(panic_entries); i++)
		placer_add_name(placer, panic_entries[i].func);
}

struct error *entry_place_clears(const struct placer *placer)
{
	return place_kind(placer, GO_ENTRY_CLEAR, SPOT_CLEAR);
}

/* Places the spots for misses. On Swiss maps the fast entries return early if the map is empty.
 * They therefore have spots, as (*Map).Delete has. Their call of it is nested, and is ignored. */
struct error *entry_place_misses(const struct placer *placer)
{
	try(place_kind(placer, GO_ENTRY_DELETE, SPOT_ENTRY));
	try(sync_place_misses(placer));
	for (size_t i = 0; i < ARRAY_SIZE(panic_entries); i++)
		try(place_entry(placer, &panic_entries[i], 0));
	return NULL;
}

struct error *entry_place_start(const struct placer *placer)
{
	return place_entry(placer, &start_entry, 0);
}

struct error *entry_place_begin(const struct placer *placer)
{
	return place_entry(placer, &begin_entry, 0);
}
