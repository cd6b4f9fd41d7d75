/* How a Go module was built: go build's -buildmode.
 */
#ifndef READ_GOFILE_GOBUILD_H
#define READ_GOFILE_GOBUILD_H

enum go_build {
	GO_BUILD_PROGRAM, /* exe, pie */
	GO_BUILD_PLUGIN,  /* plugin: a Go program opens it */
	GO_BUILD_LIBRARY, /* c-shared: for programs in any language */
};

/* Returns "program", "plugin" or "library". */
const char *go_build_name(enum go_build build);

/* The names of the functions that tell it. A caller looks them up together with its own names, because
 * a pass over the names of a big program takes milliseconds. */
#define GO_BUILD_NAMES 4
void go_build_names(const char *ret[GO_BUILD_NAMES]);
/* Returns how the module was built. funcs: what gopcln_find() found for those names. */
enum go_build go_build_of(const struct gopcln_func funcs[GO_BUILD_NAMES]);

#endif
