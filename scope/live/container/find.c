/* Finds a running container. Its processes are the source: each container that has one is known by their
 * control groups, whatever its runtime. */
#include "live/container/container_priv.h"
#include "base/buf.h"
#include "base/vec.h"
#include "live/process/process.h"

#include <stdio.h>
#include <string.h>

/* A message lists this many containers. */
enum { SHOWN_MAX = 8, ID_SHORT = 12, CONTAINERS_MAX = 65536, REASONS_MAX = 4 };

static void search_fini(struct container_search *search)
{
	vec_each(candidate, &search->list)
		container_facts_fini(&candidate->facts);
	vec_fini(&search->list);
	if (search->told)
		runtime_told_fini(search->told);
	free(search->told);
}
CLEANUP_VALUE(struct container_search, search_fini)

/* ---- all running containers ---- */

static bool is_known(const struct container_search *search, const struct container *of)
{
	size_t n = search->list.len;

	/* Processes of one container are mostly neighbours. */
	while (n--)
		if (!strcmp(search->list.data[n].of.path, of->path))
			return true;
	return false;
}

static bool on_process(void *ctx, pid_t pid)
{
	struct container_search *search = ctx;
	struct candidate candidate = {.pid = pid};

	if (!container_of(pid, &candidate.of) || !candidate.of.runtime || !*candidate.of.path ||
	    is_known(search, &candidate.of) || search->list.len >= CONTAINERS_MAX)
		return true;
	container_facts(&candidate.of, NULL, &candidate.facts);
	search->nomem |= !vec_push(&search->list, candidate);
	return !search->nomem;
}

static struct error *find_all(struct container_search *search)
{
	try(process_check_proc());
	try(process_each(on_process, search));
	return search->nomem ? error_nomem() : NULL;
}

/* ---- what fits ---- */

static bool same(const char *text, const char *want)
{
	return text && !strcmp(text, want);
}

static enum fit fit_container(const struct candidate *at, const char *want)
{
	if (!strcmp(at->of.id, want))
		return FIT_ID;
	if (same(at->facts.name, want) || (same(at->facts.part, want) && !at->facts.sandbox))
		return FIT_NAME;
	return *want && !strncmp(at->of.id, want, strlen(want)) ? FIT_BEGINNING : FIT_NOT;
}

/* Tells whether a container is of the pod [NAMESPACE/]NAME. */
static bool is_of_pod(const struct candidate *at, const char *pod)
{
	const char *slash = strchr(pod, '/');
	size_t len = slash ? (size_t)(slash - pod) : 0;
	const char *namespace = at->facts.namespace ? at->facts.namespace : "";

	if (!same(at->facts.pod, slash ? slash + 1 : pod))
		return false;
	return !slash || (strlen(namespace) == len && !strncmp(namespace, pod, len));
}

enum fit container_fit(const struct candidate *at, const struct container_query *query)
{
	if (!query->pod)
		return fit_container(at, query->container);
	return is_of_pod(at, query->pod) ? FIT_NAME : FIT_NOT;
}

/* Keeps the containers that fit best. */
static void keep_best(struct container_search *search)
{
	enum fit best = FIT_BEGINNING;
	size_t kept = 0;

	vec_each(at, &search->list) {
		at->fit = container_fit(at, search->query);
		best = at->fit > best ? at->fit : best;
	}
	vec_each(at, &search->list) {
		if (at->fit == best)
			search->list.data[kept++] = *at;
		else
			container_facts_fini(&at->facts);
	}
	search->list.len = kept;
}

/* Keeps the containers of a pod that have the name `part` (NULL: any), without the one that only holds
 * the namespaces. */
static void keep_part(struct container_search *search, const char *part)
{
	size_t kept = 0;

	vec_each(at, &search->list) {
		if ((!part || same(at->facts.part, part)) && !at->facts.sandbox)
			search->list.data[kept++] = *at;
		else
			container_facts_fini(&at->facts);
	}
	search->list.len = kept;
}

/* ---- messages ---- */

static void put_title(struct buf *to, const struct candidate *at)
{
	const struct container_facts *facts = &at->facts;

	buf_printf(to, "%.*s (%s", ID_SHORT, at->of.id, at->of.runtime);
	if (facts->pod)
		buf_printf(to, " %s/%s", facts->namespace ? facts->namespace : "?", facts->pod);
	if (facts->part || facts->name)
		buf_printf(to, " %s", facts->part ? facts->part : facts->name);
	buf_str(to, ")");
}

static void put_titles(struct buf *to, const struct container_search *search)
{
	for (size_t i = 0; i < search->list.len && i < SHOWN_MAX; i++) {
		buf_str(to, i ? ", " : "");
		put_title(to, &search->list.data[i]);
	}
	if (search->list.len > SHOWN_MAX)
		buf_printf(to, " and %zu more", search->list.len - SHOWN_MAX);
}

/* Appends why runtimes that were asked have told nothing. */
static void put_reasons(struct buf *to, const struct container_search *search)
{
	int n = 0;

	if (!search->told)
		return;
	vec_each(at, &search->told->sockets)
		if (at->why && !at->idle && !search->query->socket && n++ < REASONS_MAX)
			buf_printf(to, "; %s: %s", at->path, at->why);
}

static struct error *none(const struct container_search *search)
{
	cleanup_buf struct buf text = {0};

	if (!search->query->pod)
		buf_printf(&text,
			   "no running container %.80s: tophash ps lists containers with "
			   "Go programs",
			   search->query->container);
	else
		buf_printf(&text,
			   "no pod %.80s runs here: give [NAMESPACE/]NAME, on the node of the pod",
			   search->query->pod);
	put_reasons(&text, search);
	return error_new(ERROR_TARGET, "%s", buf_cstr(&text));
}

static struct error *several(const struct container_search *search, const char *what,
			     const char *remedy)
{
	cleanup_buf struct buf list = {0};

	put_titles(&list, search);
	return error_new(ERROR_TARGET, "%zu containers are %.80s: %s: %s", search->list.len, what,
			 buf_cstr(&list), remedy);
}

/* ---- one group ---- */

/* Tells whether all containers are of one pod. */
static bool is_one_pod(const struct container_search *search)
{
	const struct candidate *first = &search->list.data[0];

	vec_each(at, &search->list)
		if (strcmp(at->of.pod, first->of.pod) != 0 ||
		    strcmp(at->of.pod_path, first->of.pod_path) != 0 ||
		    strcmp(at->facts.namespace ? at->facts.namespace : "",
			   first->facts.namespace ? first->facts.namespace : "") != 0)
			return false;
	return true;
}

static struct error *take_group(const struct candidate *at, bool pod, struct container_found *ret)
{
	cleanup_buf struct buf name = {0};

	buf_str(&name, pod ? "pod " : "container ");
	if (pod)
		buf_printf(&name, "%s/%s", at->facts.namespace ? at->facts.namespace : "?",
			   at->facts.pod);
	else
		put_title(&name, at);
	if (!pod && !*at->of.path)
		return error_new(ERROR_TARGET,
				 "%s has no control group of its own that is seen here: name its "
				 "processes (-p PID)",
				 buf_cstr(&name));
	ret->path = strdup(pod ? at->of.pod_path : at->of.path);
	ret->name = strdup(buf_cstr(&name));
	if (ret->path && ret->name)
		return NULL;
	container_found_fini(ret);
	return error_nomem();
}

static struct error *take_pod(struct container_search *search, struct container_found *ret)
{
	const struct container_query *query = search->query;

	if (!is_one_pod(search))
		return several(search, "of pods with this name", "give NAMESPACE/NAME");
	if (query->container) {
		cleanup_buf struct buf list = {0};

		put_titles(&list, search);
		keep_part(search, query->container);
		if (!search->list.len)
			return error_new(ERROR_TARGET,
					 "pod %.80s has no running container %.80s: %s", query->pod,
					 query->container, buf_cstr(&list));
		if (search->list.len > 1)
			return several(search, query->container, "give --container ID");
		return take_group(&search->list.data[0], false, ret);
	}
	if (*search->list.data[0].of.pod_path)
		return take_group(&search->list.data[0], true, ret);
	keep_part(search, NULL);
	if (!search->list.len)
		return none(search);
	if (search->list.len > 1)
		return several(search, "of this pod, which has no control group of its own",
			       "give -c CONTAINER");
	return take_group(&search->list.data[0], false, ret);
}

static struct error *take_best(struct container_search *search, struct container_found *ret)
{
	keep_best(search);
	if (!search->list.len)
		return none(search);
	if (search->query->pod)
		return take_pod(search, ret);
	if (search->list.len > 1)
		return several(search, search->query->container, "give more of the id");
	return take_group(&search->list.data[0], false, ret);
}

struct error *container_find(const struct container_query *query, struct container_found *ret)
{
	cleanup(search_fini) struct container_search search = {.query = query};

	*ret = (struct container_found){0};
	try(find_all(&search));
	named_add(&search);
	if (search.nomem)
		return error_nomem();
	if (asked_is_useful(&search))
		try(asked_add(&search));
	try(take_best(&search, ret));
	ret->told = take_ptr(search.told);
	return NULL;
}

void container_found_fini(struct container_found *found)
{
	free(found->path);
	free(found->name);
	if (found->told)
		runtime_told_fini(found->told);
	free(found->told);
	*found = (struct container_found){0};
}
