/* Synthesised executables, opened as an image and a function table, for tests of read/elf and
 * read/gofile. */
#ifndef UNIT_OPENED_H
#define UNIT_OPENED_H

#include "test.h"
#include "base/frame.h"

#include "gofake.h"

struct opened {
	struct gofake fake;
	struct image *image;
	struct gopcln *tab;
};

static inline struct error *open_bytes(const void *bytes, size_t size, struct image **ret)
{
	cleanup_close int fd = gofake_fd(bytes, size);

	assert_true(fd >= 0);
	return image_open(fd, "fake", ret);
}

static inline void expect_ok(struct error *err)
{
	if (err)
		print_error("%s\n", err->text);
	assert_null(err);
}

/* Opens o->fake, which the caller may have poked. */
static inline void open_fake(struct opened *o)
{
	expect_ok(open_bytes(o->fake.file.data, o->fake.file.len, &o->image));
	expect_ok(gopcln_open(o->image, &o->tab));
}

static inline void open_spec(const struct gofake_spec *spec, struct opened *o)
{
	*o = (struct opened){0};
	assert_true(gofake_build(spec, &o->fake));
	open_fake(o);
}

static inline void close_fake(struct opened *o)
{
	gopcln_close(o->tab);
	image_close(o->image);
	gofake_fini(&o->fake);
}

/* Checks that opening the bytes as a Go program fails with ERROR_TARGET and a text that mentions
 * `about`. */
static inline void expect_error(const struct buf *file, const char *about)
{
	cleanup(image_close) struct image *image = NULL;
	cleanup(gopcln_close) struct gopcln *tab = NULL;
	cleanup(error_free) struct error *err = open_bytes(file->data, file->len, &image);

	if (!err)
		err = gopcln_open(image, &tab);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_TARGET);
	assert_null(strchr(err->text, '\n'));
	if (!strstr(err->text, about))
		fail_msg("\"%s\" does not speak of \"%s\"", err->text, about);
}

static inline void each_spec(void (*check)(const struct gofake_spec *spec))
{
	for (unsigned minor = 18; minor <= 27; minor++) {
		for (unsigned bits = 0; bits < 16; bits++) {
			struct gofake_spec spec = {
				.minor = minor,
				.arm64 = bits & 1,
				.pie = bits & 2,
				.sections = bits & 4,
				.no_buildinfo = bits & 8,
			};

			check(&spec);
		}
	}
}

static inline void check_frame(const struct frame *frame, const char *func, const char *file,
			       uint32_t line, bool inlined)
{
	assert_string_equal(frame->func, func);
	assert_string_equal(frame->file, file);
	assert_int_equal(frame->line, line);
	assert_int_equal(frame->inlined, inlined);
	assert_false(frame->wrapper);
}

static inline void check_inlined(const struct opened *o)
{
	struct gopcln_func func;

	assert_true(gopcln_func_at(o->tab, o->fake.text, &func));
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.inl1"), 1);
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.inl2"), 1);
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.inl"), 0);
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.outer"), 0);
	assert_true(gopcln_func_at(o->tab, o->fake.text + 0x1c0, &func));
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.inl1"), 0); /* no tree at all */
}

static inline void check_frames(const struct opened *o)
{
	struct frame frames[8];
	uint64_t text = o->fake.text;

	assert_int_equal(gopcln_frames(o->tab, text + 4, frames, 8), 1);
	check_frame(&frames[0], "main.outer", "/src/main.go", 10, false);

	assert_int_equal(gopcln_frames(o->tab, text + 0x44, frames, 8), 2);
	check_frame(&frames[0], "main.inl1", "/src/lib.go", 105, true);
	check_frame(&frames[1], "main.outer", "/src/main.go", 12, false);

	assert_int_equal(gopcln_frames(o->tab, text + 0x5c, frames, 8), 3);
	check_frame(&frames[0], "main.inl2", "/src/lib.go", 207, true);
	check_frame(&frames[1], "main.inl1", "/src/lib.go", 106, true);
	check_frame(&frames[2], "main.outer", "/src/main.go", 12, false);
	assert_int_equal(gopcln_frames(o->tab, text + 0x5c, frames, 2), 2);
	assert_int_equal(gopcln_frames(o->tab, text + 0x5c, frames, 0), 0);

	check_inlined(o);
	assert_int_equal(gopcln_frames(o->tab, text + 0x60, frames, 8), 1);
	check_frame(&frames[0], "main.outer", "/src/main.go", 20, false);
	assert_int_equal(gopcln_frames(o->tab, text + 0x1c0, frames, 8), 1);
	assert_true(frames[0].wrapper);
	assert_string_equal(frames[0].file, "");
	assert_int_equal(gopcln_frames(o->tab, text + 0x200, frames, 8), 0);
}

#endif
