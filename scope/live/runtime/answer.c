#include "live/runtime/runtime_priv.h"
#include "base/reader.h"
#include "base/buf.h"

/* ---- the child writes ---- */

static void put_text(struct buf *to, const char *text)
{
	if (text)
		buf_put(to, text, strnlen(text, RUNTIME_TEXT_MAX));
	buf_char(to, '\0');
}

static bool is_id(const char *text)
{
	return text && strlen(text) == RUNTIME_ID_DIGITS &&
	       strspn(text, "0123456789abcdef") == RUNTIME_ID_DIGITS;
}

void answer_begin(struct buf *to, const char *why)
{
	put_text(to, why);
}

void answer_put(struct buf *to, const struct runtime_container *container)
{
	if (!is_id(container->id))
		return;
	buf_char(to, container->sandbox);
	put_text(to, container->runtime);
	put_text(to, container->id);
	put_text(to, container->name);
	put_text(to, container->image);
	put_text(to, container->pod);
	put_text(to, container->namespace);
	put_text(to, container->part);
}

/* ---- the parent reads ---- */

/* Returns the static name of a runtime: the child may send any text. */
static const char *runtime_name(const char *text, const struct runtime_socket *socket)
{
	for (size_t i = 0; text && runtime_at(i); i++)
		if (!strcmp(runtime_at(i)->name, text))
			return runtime_at(i)->name;
	return socket->of->name;
}

/* Copies a text. "" stays NULL. */
static bool take(const char *text, char **ret)
{
	if (!text || !*text)
		return true;
	*ret = strndup(text, RUNTIME_TEXT_MAX);
	return *ret;
}

void runtime_container_fini(struct runtime_container *container)
{
	free(container->id);
	free(container->name);
	free(container->image);
	free(container->pod);
	free(container->namespace);
	free(container->part);
}

static bool read_one(struct reader *r, const struct runtime_socket *socket,
		     struct runtime_told *ret)
{
	struct runtime_container new = {.owner = socket->owner, .sandbox = reader_u8(r) != 0};
	char **texts[] = {&new.id, &new.name, &new.image, &new.pod, &new.namespace, &new.part};
	bool done = true;

	new.runtime = runtime_name(reader_cstr(r), socket);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		done = take(reader_cstr(r), texts[i]) && done;
	if (done && !r->bad && is_id(new.id) && vec_push(&ret->containers, new))
		return true;
	runtime_container_fini(&new);
	return false;
}

bool answer_read(const struct buf *from, struct runtime_socket *socket, struct runtime_told *ret)
{
	struct reader r = reader_over(from->data, from->len);
	const char *why = reader_cstr(&r);

	if (!why)
		return false;
	if (*why)
		return take(why, &socket->why);
	while (r.pos < r.end) {
		if (socket->containers >= RUNTIME_CONTAINERS_MAX || !read_one(&r, socket, ret))
			return false;
		socket->containers++;
	}
	return true;
}

void answer_drop_last(struct runtime_told *told)
{
	runtime_container_fini(&told->containers.data[--told->containers.len]);
}

void runtime_told_fini(struct runtime_told *told)
{
	vec_each(socket, &told->sockets) {
		free(socket->path);
		free(socket->why);
	}
	vec_fini(&told->sockets);
	while (told->containers.len)
		answer_drop_last(told);
	vec_fini(&told->containers);
}
