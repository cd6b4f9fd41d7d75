/* Containers as their runtimes tell them. The answer of a runtime only adds names to ids: which processes a
 * container has is read from their control groups, in which the id must stand. */
#include "live/container/container_priv.h"
#include "base/buf.h"
#include "live/process/process.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* Containers that a runtime alone tells of, and that fit. Only a runtime that means harm has more. */
enum { NEW_MAX = 64 };

/* ---- whether to ask ---- */

/* Tells whether the files have told neither name nor pod of a container that has one. */
static bool is_untold(const struct candidate *at)
{
	const struct container_facts *facts = &at->facts;

	return container_id_is_whole(at->of.id) && !facts->name && !facts->part && !facts->pod;
}

bool asked_is_useful(const struct container_search *search)
{
	enum fit best = FIT_NOT;
	bool untold = false;

	vec_each(at, &search->list) {
		enum fit fit = container_fit(at, search->query);

		best = fit > best ? fit : best;
		untold |= is_untold(at);
	}
	return search->query->socket || best == FIT_NOT || (untold && best != FIT_ID);
}

/* ---- where it runs ---- */

/* Finds the id as a word in the path of a control group. Copies the path up to the end of that part. */
static bool find_id(const char *text, const char *id, char ret[CONTAINER_PATH_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (const char *at = text; (at = strstr(at, id)); at++) {
		const char *begin = at, *end = at + strcspn(at, "/\n");

		if (strspn(at, digits) != RUNTIME_ID_DIGITS ||
		    (at > text && strchr(digits, at[-1])))
			continue;
		while (begin > text && begin[-1] != '\n' && begin[-1] != ':')
			begin--;
		if (*begin != '/' || end - begin >= CONTAINER_PATH_SIZE)
			continue;
		memcpy(ret, begin, (size_t)(end - begin));
		ret[end - begin] = '\0';
		return true;
	}
	return false;
}

bool container_of_told(pid_t pid, const struct runtime_told *told, struct container *ret)
{
	char text[CONTAINER_CGROUP_MAX];

	*ret = (struct container){0};
	if (!process_read_text(pid, "cgroup", text, sizeof(text)))
		return false;
	vec_each(at, &told->containers) {
		if (!find_id(text, at->id, ret->path))
			continue;
		ret->runtime = at->runtime;
		snprintf(ret->id, sizeof(ret->id), "%s", at->id);
		return true;
	}
	return false;
}

static bool place_one(void *ctx, pid_t pid)
{
	struct container_search *search = ctx;
	char text[CONTAINER_CGROUP_MAX];

	if (!process_read_text(pid, "cgroup", text, sizeof(text)))
		return true;
	vec_each(at, &search->list)
		if (!at->pid && find_id(text, at->of.id, at->of.path))
			at->pid = pid;
	return true;
}

/* Tells whether the user namespace of a process belongs to a user, as that of each container of the user's
 * own runtime does. */
static bool is_of_user(pid_t pid, uid_t user)
{
	char path[64];
	cleanup_close int fd = -1;
	uid_t owner = 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && ioctl(fd, NS_GET_OWNER_UID, &owner) == 0 && owner == user;
}

/* ---- the answers ---- */

static struct candidate *with_id(struct container_search *search, const char *id)
{
	vec_each(at, &search->list)
		if (!strcmp(at->of.id, id))
			return at;
	return NULL;
}

/* Adds a container that only its runtime tells of, if it fits. */
static void add_new(struct container_search *search, const struct runtime_container *told)
{
	struct candidate new = {.of = {.runtime = told->runtime}};

	snprintf(new.of.id, sizeof(new.of.id), "%s", told->id);
	container_facts_add(told, &new.facts);
	if (container_fit(&new, search->query) && vec_push(&search->list, new))
		return;
	container_facts_fini(&new.facts);
}

/* Takes out what users' runtimes tell of containers that are not theirs: a user could give the name of
 * another container to one of them. */
static void drop_false(struct container_search *search)
{
	struct runtime_told *told = search->told;
	size_t kept = 0;

	for (size_t i = 0; i < told->containers.len; i++) {
		struct runtime_container *row = &told->containers.data[i];
		const struct candidate *at = row->owner ? with_id(search, row->id) : NULL;

		if (!row->owner || (at && at->pid && is_of_user(at->pid, row->owner)))
			told->containers.data[kept++] = *row;
		else
			runtime_container_fini(row);
	}
	told->containers.len = kept;
}

/* Takes out candidates that nobody tells of any more. */
static void drop_untold(struct container_search *search, size_t first_new)
{
	size_t kept = first_new;

	for (size_t i = first_new; i < search->list.len; i++) {
		struct candidate *at = &search->list.data[i];
		bool told = false;

		vec_each(row, &search->told->containers)
			told |= !strcmp(row->id, at->of.id);
		if (told)
			search->list.data[kept++] = *at;
		else
			container_facts_fini(&at->facts);
	}
	search->list.len = kept;
}

static struct error *merge(struct container_search *search)
{
	size_t first_new = search->list.len;

	vec_each(row, &search->told->containers)
		if (search->list.len < first_new + NEW_MAX && !with_id(search, row->id))
			add_new(search, row);
	if (search->list.len > first_new)
		try(process_each(place_one, search));
	drop_false(search);
	drop_untold(search, first_new);
	vec_each(row, &search->told->containers) {
		struct candidate *at = with_id(search, row->id);

		if (at)
			container_facts_add(row, &at->facts);
	}
	return NULL;
}

/* Checks that the socket that the user named has answered in one of the protocols. */
static struct error *check_answer(const struct runtime_told *told)
{
	const struct runtime_socket *first = told->sockets.data;
	cleanup_buf struct buf why = {0};

	vec_each(at, &told->sockets) {
		if (!at->why)
			return NULL;
		if (at == first || strcmp(at->why, first->why) != 0)
			buf_printf(&why, "%s%s", at == first ? "" : ", and ", at->why);
	}
	return error_new(ERROR_TARGET, "no container runtime answers at %s: %s", first->path,
			 buf_cstr(&why));
}

struct error *asked_add(struct container_search *search)
{
	search->told = calloc(1, sizeof(*search->told));
	if (!search->told)
		return error_nomem();
	try(runtime_ask(search->query->socket, search->told));
	if (search->query->socket)
		try(check_answer(search->told));
	return merge(search);
}
