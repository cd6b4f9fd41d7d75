/* tophash doctor: checks -> report. */
#include "cmd/doctor.h"
#include "base/buf.h"
#include "base/descriptors.h"
#include "base/text/text.h"
#include "cmd/cmd.h"
#include "cmd/output.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- rows ---- */

static char *copy(struct doctor *doctor, const char *text)
{
	char *own = strdup(text);

	doctor->no_memory |= !own;
	return own;
}

void doctor_add(struct doctor *doctor, const char *subject, const char *check, const char *found)
{
	struct check_row row = {
		.subject = copy(doctor, subject),
		.check = check,
		.found = copy(doctor, found ? found : ""),
		.why = copy(doctor, ""),
	};

	if (!doctor->no_memory && vec_push(&doctor->rows, row))
		return;
	doctor->no_memory = true;
	free((char *)row.subject);
	free((char *)row.found);
	free((char *)row.why);
}

static void explain_last(struct doctor *doctor, enum check_state state, const char *why)
{
	struct check_row *row;

	if (doctor->no_memory)
		return;
	row = &doctor->rows.data[doctor->rows.len - 1];
	free((char *)row->why);
	row->state = state;
	row->why = copy(doctor, why);
}

void doctor_limit(struct doctor *doctor, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	explain_last(doctor, CHECK_LIMITED, text);
}

void doctor_fail(struct doctor *doctor, struct error *err)
{
	if (!err)
		return;
	if (!doctor->code)
		doctor->code = (int)err->code;
	explain_last(doctor, CHECK_FAILED, err->text);
	error_free(err);
}

static void doctor_fini(struct doctor *doctor)
{
	vec_each(row, &doctor->rows) {
		free((char *)row->subject);
		free((char *)row->found);
		free((char *)row->why);
	}
	vec_fini(&doctor->rows);
}
CLEANUP_VALUE(struct doctor, doctor_fini)

/* ---- the verb ---- */

static struct error *put_report(const struct doctor *doctor, int fd)
{
	struct terminal_style style = terminal_style(fd, doctor->options.wide);
	cleanup_buf struct buf out = {0};
	struct doctor_report report = {.rows = doctor->rows.data,
				       .rows_n = doctor->rows.len,
				       .code = doctor->code,
				       .color = style.color,
				       .width = style.width};

	if (strcmp(doctor->options.format, "json") == 0)
		doctor_json(&out, &report);
	else
		doctor_text(&out, &report);
	if (out.bad)
		return error_nomem();
	try(output_empty(doctor->options.output, fd));
	return output_write(fd, &out);
}

/* Makes all rows, those of the machine first. trace opens its target before it meets the rest of the
 * machine. Therefore an error of the target decides the exit code before that. */
static struct error *examine(struct doctor *doctor, int fd)
{
	int code_machine;

	doctor_machine(doctor);
	code_machine = doctor->code;
	doctor->code = doctor->code_proc;
	if (doctor->options.process)
		doctor_process(doctor, doctor->options.process);
	if (doctor->options.file)
		doctor_file(doctor, doctor->options.file);
	if (!doctor->code)
		doctor->code = code_machine;
	return doctor->no_memory ? error_nomem() : put_report(doctor, fd);
}

int cmd_doctor(int argc, char **argv)
{
	cleanup(doctor_fini) struct doctor doctor = {0};
	int fd = -1;
	struct error *err = doctor_options_parse(argc, argv, &doctor.options);

	cmd_signals();
	if (!err && doctor.options.help)
		return cmd_print_help(&doctor_verb);
	descriptors_raise();
	if (!err)
		err = output_open(doctor.options.output, &fd);
	if (!err)
		err = examine(&doctor, fd);
	if (doctor.options.output && fd >= 0)
		close(fd);
	return err ? cmd_fail(err) : doctor.code;
}
