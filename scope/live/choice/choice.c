#include "live/choice/choice_priv.h"

#include <string.h>

/* The ways to find the processes that a word names. Each function adds them to the list. */
static struct error *(*const ways[])(const char *text, struct choice *to) = {
	[CHOICE_PROCESS] = choice_by_name,
};

struct error *choice_add(struct choice_words *words, enum choice_way way, const char *texts)
{
	if (words->n == CHOICE_WORDS)
		return error_new(ERROR_USAGE,
				 "processes are named by more than %d options: separate them by "
				 "commas",
				 CHOICE_WORDS);
	words->list[words->n].way = way;
	words->list[words->n++].texts = texts;
	return NULL;
}

struct error *choice_take(struct choice *to, pid_t pid)
{
	struct chosen chosen = {.pid = pid};

	vec_each(known, &to->list)
		if (known->pid == pid)
			return NULL;
	return vec_push(&to->list, chosen) ? NULL : error_nomem();
}

struct error *choice_each_word(const char *texts,
			       struct error *(*found)(void *ctx, const char *text), void *ctx)
{
	for (;;) {
		size_t len = strcspn(texts, ",");
		cleanup_free char *text = strndup(texts, len);

		if (!text)
			return error_nomem();
		try(found(ctx, text));
		if (!texts[len])
			return NULL;
		texts += len + 1;
	}
}

struct search {
	enum choice_way way;
	struct choice *to;
};

static struct error *on_word(void *ctx, const char *text)
{
	const struct search *search = ctx;

	return ways[search->way](text, search->to);
}

struct error *choice_find(const struct choice_words *words, struct choice *ret)
{
	cleanup(choice_fini) struct choice choice = {0};

	for (size_t i = 0; i < words->n; i++)
		try(choice_each_word(words->list[i].texts, on_word,
				     &(struct search){words->list[i].way, &choice}));
	*ret = choice;
	choice = (struct choice){0};
	return NULL;
}

void choice_fini(struct choice *choice)
{
	vec_fini(&choice->list);
}

struct error *choice_one(const char *text, pid_t *ret)
{
	cleanup(choice_fini) struct choice choice = {0};

	try(choice_by_name(text, &choice));
	*ret = choice.list.data[0].pid;
	return NULL;
}
