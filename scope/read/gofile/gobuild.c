#include "base/base.h"
#include "read/gofile/gofile.h"

enum { LIBRARY_AMD64, LIBRARY_ARM64, PLUGIN, PLUGIN_GO119 };

const char *go_build_name(enum go_build build)
{
	static const char *const names[] = {
		[GO_BUILD_PROGRAM] = "program",
		[GO_BUILD_PLUGIN] = "plugin",
		[GO_BUILD_LIBRARY] = "library",
	};

	return names[build];
}

void go_build_names(const char *ret[GO_BUILD_NAMES])
{
	/* the entry points of a library (runtime/rt0_linux_*.s) */
	ret[LIBRARY_AMD64] = "_rt0_amd64_linux_lib";
	ret[LIBRARY_ARM64] = "_rt0_arm64_linux_lib";
	/* What the linker adds to a plugin, to put its moduledata into the program's list
	 * (cmd/link/internal/<machine>/asm.go, gentext). From Go 1.20 on it has a colon. */
	ret[PLUGIN] = "go:link.addmoduledata";
	ret[PLUGIN_GO119] = "go.link.addmoduledata";
}

enum go_build go_build_of(const struct gopcln_func funcs[GO_BUILD_NAMES])
{
	if (funcs[LIBRARY_AMD64].entry || funcs[LIBRARY_ARM64].entry)
		return GO_BUILD_LIBRARY;
	return funcs[PLUGIN].entry || funcs[PLUGIN_GO119].entry ? GO_BUILD_PLUGIN
								: GO_BUILD_PROGRAM;
}
