/* Where a process runs, for its start record: control group, container, pod. */
#include "watch/session/modules_priv.h"

#include <stdio.h>

/* Containers whose files were read. */
enum { CONTAINED_MAX = 1024 };

struct contained {
	struct container of;
	struct container_facts facts;
};

void place_fini(struct session *session)
{
	vec_each(contained, &session->contained) {
		container_facts_fini(&(*contained)->facts);
		free(*contained);
	}
	vec_fini(&session->contained);
}

/* Returns what runtimes told about the group that is watched, or NULL. */
static const struct runtime_told *told_to(const struct session *session)
{
	return session->options.group ? session->options.group->told : NULL;
}

/* Finds what is known of a container, or reads it. Returns NULL when memory is out. */
static const struct contained *get(struct session *session, const struct container *of)
{
	struct contained *new;

	vec_each(contained, &session->contained)
		if (!strcmp((*contained)->of.path, of->path))
			return *contained;
	if (session->contained.len >= CONTAINED_MAX)
		place_fini(session);
	new = calloc(1, sizeof(*new));
	if (!new || !vec_push(&session->contained, new)) {
		free(new);
		return NULL;
	}
	new->of = *of;
	container_facts(of, told_to(session), &new->facts);
	return new;
}

void place_of(struct session *session, pid_t pid, char group[CONTAINER_PATH_SIZE],
	      struct event_start *to)
{
	const struct contained *contained;
	struct container of;

	if (container_group(pid, group))
		to->cgroup = group;
	if (!container_of(pid, &of))
		return;
	if (!of.runtime && !(told_to(session) && container_of_told(pid, told_to(session), &of)))
		return;
	contained = get(session, &of);
	if (!contained)
		return;
	to->runtime = contained->of.runtime;
	to->container = contained->of.id;
	to->container_name = contained->facts.part ? contained->facts.part : contained->facts.name;
	to->pod = contained->facts.pod ? contained->facts.pod
		  : *contained->of.pod ? contained->of.pod
				       : NULL;
	to->namespace = contained->facts.namespace;
	to->image = contained->facts.image;
}

/* Joins texts with slashes, without those that are NULL. Returns NULL if there is none, or no memory. */
static char *join(const char *a, const char *b, const char *c)
{
	char *text;

	if (!a && !b && !c)
		return NULL;
	if (asprintf(&text, "%s%s%s%s%s", a ? a : "", a && b ? "/" : "", b ? b : "",
		     (a || b) && c ? "/" : "", c ? c : "") < 0)
		return NULL;
	return text;
}

void place_keep(struct traced *traced, const struct event_start *start)
{
	if (traced->container || !start->container)
		return;
	traced->container = join(start->namespace, start->pod,
				 start->container_name ? start->container_name : start->container);
	traced->pod = join(start->namespace, start->pod, NULL);
}
