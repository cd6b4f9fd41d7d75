#include "cmd/options/completion.h"
#include "base/buf.h"

bool options_completion(const struct verb *verbs, const char *shell, struct buf *to)
{
	static const struct completion *const shells[] = {&completion_bash, &completion_fish,
							  &completion_zsh};

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(shells[i]->shell, shell) != 0)
			continue;
		shells[i]->write(verbs, to);
		return true;
	}
	return false;
}

enum completion_kind completion_kind(const struct option_spec *option)
{
	switch (option->kind) {
	case OPTION_FILE: return COMPLETE_FILE;
	case OPTION_PROCESS: return option->list ? COMPLETE_PROCESSES : COMPLETE_PROCESS;
	case OPTION_USER: return COMPLETE_USER;
	default: break;
	}
	if (option_value(option, 0))
		return option->list ? COMPLETE_LIST : COMPLETE_WORDS;
	return COMPLETE_NOTHING;
}

void completion_quote(struct buf *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_str(to, "'\\''");
		else
			buf_char(to, *text);
	}
}

void completion_put_words(struct buf *to, const struct option_spec *option)
{
	for (size_t i = 0; option_value(option, i); i++)
		buf_printf(to, "%s%s", i ? " " : "", option_value(option, i));
}

void completion_put_verbs(const struct verb *verbs, struct buf *to)
{
	for (const struct verb *verb = verbs; verb->spec; verb++)
		buf_printf(to, "%s%s", verb == verbs ? "" : " ", verb->spec->name);
}

void completion_put_starters(const struct verb *verbs, struct buf *to)
{
	const char *between = "";

	for (const struct verb *verb = verbs; verb->spec; verb++) {
		if (verb->spec->operands != OPERANDS_COMMAND)
			continue;
		buf_printf(to, "%s%s", between, verb->spec->name);
		between = " ";
	}
}
