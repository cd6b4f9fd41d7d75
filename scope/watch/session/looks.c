/* Looks maps up in the heaps of the processes, for the events of these maps: types that the runtime does not tell, and what
 * holds a map. */
#include "watch/session/modules_priv.h"

static void on_lack(void *ctx, pid_t pid, enum look_lack lack, const char *why)
{
	if (lack == LOOK_FAILED)
		session_notice(ctx, SESSION_INFO,
			       "the maps of process %d cannot be looked up: %s. It is tried again",
			       (int)pid, why);
	else if (lack == LOOK_NO_HOLDERS)
		session_notice(ctx, SESSION_INFO,
			       "process %d: its heap is too large to find what holds its maps "
			       "(more than 16,777,216 objects with pointers)",
			       (int)pid);
	else
		session_notice(ctx, SESSION_WARNING,
			       "too many processes have events: the maps of process %d and further "
			       "ones are not looked up until another one has had none for 10 s",
			       (int)pid);
}

struct error *looks_begin(struct session *session)
{
	struct look_options options = {
		.holders = session->options.look == SESSION_LOOK_HOLDERS,
		.timely = session->timely,
		.every_ns = session->options.look_every_ns,
		.lacks = on_lack,
		.ctx = session,
	};

	if (session->options.look == SESSION_LOOK_NONE)
		return NULL;
	try(look_open(&options, &session->look));
	session->look_told.holders = options.holders;
	vec_each(traced, &session->processes)
		if (traced->started && !traced->ended)
			try(look_want(session->look, traced->target->pid));
	return NULL;
}

struct error *looks_turn(struct session *session)
{
	return session->look ? look_turn(session->look) : NULL;
}

/* Puts the exact type in place of a vague one. Returns false if it does not match --type. */
static bool take_type(struct session *session, struct event_removal *event,
		      const struct look_found *found)
{
	if (!event->type_vague || !found->type)
		return true;
	session->look_told.told = event->map_type;
	event->map_type = found->type;
	event->type_id = found->type_id;
	return filter_type_matches(session->options.filter, found->type);
}

bool looks_tell(struct session *session, struct event *event)
{
	struct event_removal *removal = &event->removal;
	struct event_look *told = &session->look_told;
	struct look_map map = {.pid = (pid_t)removal->pid,
			       .addr = removal->map,
			       .seed = removal->seed,
			       .on_stack = removal->on_stack,
			       .time_ns = event->time_ns};
	struct look_found found;

	if (!told->holders && !removal->type_vague)
		return true;
	*told = (struct event_look){.holders = told->holders};
	removal->look = told;
	if (!map.seed || !look_find(session->look, &map, &found))
		return true;
	told->time_ns = found.time_ns;
	told->held_text = found.held_text;
	told->held_json = found.held_json;
	told->held_id = found.held_id;
	return take_type(session, removal, &found);
}

void looks_sum_up(const struct session *session, struct event_end *end)
{
	struct look_totals totals = {0};

	if (!session->look)
		return;
	look_totals(session->look, &totals);
	end->looked = true;
	end->looks = totals.done;
	end->looks_failed = totals.failed;
	end->looks_no_room = totals.no_room;
	end->looks_cpu_ms = (double)totals.cpu_ns / 1e6;
}

void session_forget(struct session *session, pid_t pid)
{
	session_modules_forget(session->modules, pid);
	if (session->look)
		look_forget(session->look, pid);
}
