/* What the files of a container's runtime tell of it. A container can write none of them, but the image
 * and whoever started it have chosen what stands in them. Each file is read with a bound, and each text is cut.
 *
 *   runc          STATE/ID/state.json     config.labels: "bundle=DIR"
 *   crun          STATE/ID/status         bundle
 *   the bundle    DIR/config.json         annotations: the pod, in Kubernetes
 *   podman        DIR/../../containers.json   names, the image; DIR is .../STORAGE/ID/userdata
 *   docker        ROOT/containers/ID/config.v2.json   Name, Config.Image
 *   kubelet       /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
 */
#include "live/container/container_priv.h"
#include "base/file.h"

#include <dirent.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* No file of a runtime is larger. That of podman has all its containers. */
enum { FILE_MAX = 16 << 20, BUNDLES_MAX = 16, LINKS_MAX = 1 << 16 };

/* Where runtimes keep the state of a container. Each has one %s, for the id. */
static const char *const runc_states[] = {
	"/run/runc/%s/state.json",
	"/run/containerd/runc/*/%s/state.json",
	"/run/docker/runtime-runc/moby/%s/state.json",
	"/run/user/*/runc/%s/state.json",
};
static const char *const crun_states[] = {
	"/run/crun/%s/status",
	"/run/user/*/crun/%s/status",
};
/* Where bundles are, if no state names one. */
static const char *const bundles[] = {
	"/run/containerd/io.containerd.runtime.v2.task/*/%s",
	"/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/%s",
	"/run/containers/storage/*-containers/%s/userdata",
	"/var/lib/containers/storage/*-containers/%s/userdata",
};

static void json_free(json_t *json)
{
	json_decref(json);
}
CLEANUP_FUNC(json_t, json_free)

void container_facts_fini(struct container_facts *facts)
{
	free(facts->name);
	free(facts->image);
	free(facts->pod);
	free(facts->namespace);
	free(facts->part);
	*facts = (struct container_facts){0};
}

/* ---- reading ---- */

static json_t *load(const char *path)
{
	cleanup_free char *text = NULL;
	cleanup_close int fd = file_open_regular(path);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > FILE_MAX)
		return NULL;
	text = malloc((size_t)st.st_size);
	n = text ? pread(fd, text, (size_t)st.st_size, 0) : -1;
	return n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
}

/* Copies a text that is not known yet. */
static void take(char **to, const char *text)
{
	if (!*to && text && *text)
		*to = strndup(text, CONTAINER_TEXT_MAX);
}

/* Returns how many bytes a text has before its end, if it has this end. Returns 0 otherwise. */
static int before_end(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && len < PATH_MAX && !strcmp(text + len - end_len, end)
		       ? (int)(len - end_len)
		       : 0;
}

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* Calls fn() with the first path that a pattern matches below root, and for which it returns true. */
static bool each_path(const char *root, const char *pattern, const char *id,
		      bool (*fn)(const char *path, void *ctx), void *ctx)
{
	const char *at = strstr(pattern, "%s");
	char whole[PATH_MAX];
	glob_t found = {0};
	bool done = false;

	/* The id has no character that glob() knows. */
	if (snprintf(whole, sizeof(whole), "%s%.*s%s%s", root, (int)(at - pattern), pattern, id,
		     at + strlen("%s")) >= (int)sizeof(whole))
		return false;
	if (glob(whole, GLOB_NOSORT, NULL, &found) == 0)
		for (size_t i = 0; !done && i < found.gl_pathc && i < BUNDLES_MAX; i++)
			done = fn(found.gl_pathv[i], ctx);
	globfree(&found);
	return done;
}

/* ---- the bundle ---- */

struct search {
	const char *root; /* "" but in tests */
	const char *id;
	struct container_facts *facts;
	char bundle[PATH_MAX]; /* "" while not known */
};

/* Takes the bundle from the state of runc. */
static bool from_runc(const char *path, void *ctx)
{
	struct search *search = ctx;
	cleanup(json_free) json_t *state = load(path);
	const json_t *labels = json_object_get(json_object_get(state, "config"), "labels");

	for (size_t i = 0; i < json_array_size(labels); i++) {
		const char *label = json_string_value(json_array_get(labels, i));

		if (label && !strncmp(label, "bundle=/", strlen("bundle=/")))
			snprintf(search->bundle, sizeof(search->bundle), "%s%s", search->root,
				 label + strlen("bundle="));
	}
	return *search->bundle;
}

static bool from_crun(const char *path, void *ctx)
{
	struct search *search = ctx;
	cleanup(json_free) json_t *state = load(path);
	const char *bundle = text_of(state, "bundle");

	if (bundle && *bundle == '/')
		snprintf(search->bundle, sizeof(search->bundle), "%s%s", search->root, bundle);
	return *search->bundle;
}

static bool is_bundle(const char *path, void *ctx)
{
	struct search *search = ctx;
	char config[PATH_MAX + 16];

	snprintf(config, sizeof(config), "%s/config.json", path);
	if (access(config, R_OK) < 0)
		return false;
	snprintf(search->bundle, sizeof(search->bundle), "%s", path);
	return true;
}

static void find_bundle(struct search *search)
{
	bool found = false;

	for (size_t i = 0; !found && i < ARRAY_SIZE(runc_states); i++)
		found = each_path(search->root, runc_states[i], search->id, from_runc, search);
	for (size_t i = 0; !found && i < ARRAY_SIZE(crun_states); i++)
		found = each_path(search->root, crun_states[i], search->id, from_crun, search);
	for (size_t i = 0; !found && i < ARRAY_SIZE(bundles); i++)
		found = each_path(search->root, bundles[i], search->id, is_bundle, search);
}

/* ---- what is in it ---- */

/* Takes the annotations of containerd's CRI, and those of CRI-O. */
static void take_annotations(const json_t *notes, struct container_facts *facts)
{
	const char *kind = text_of(notes, "io.kubernetes.cri.container-type");

	if (!kind)
		kind = text_of(notes, "io.kubernetes.cri-o.ContainerType");
	facts->sandbox = kind && !strcmp(kind, "sandbox");
	take(&facts->pod, text_of(notes, "io.kubernetes.cri.sandbox-name"));
	take(&facts->namespace, text_of(notes, "io.kubernetes.cri.sandbox-namespace"));
	take(&facts->part, text_of(notes, "io.kubernetes.cri.container-name"));
	take(&facts->image, text_of(notes, "io.kubernetes.cri.image-name"));
	take(&facts->pod, text_of(notes, "io.kubernetes.pod.name"));
	take(&facts->namespace, text_of(notes, "io.kubernetes.pod.namespace"));
	take(&facts->part, text_of(notes, "io.kubernetes.container.name"));
	take(&facts->image, text_of(notes, "io.kubernetes.cri-o.ImageName"));
	take(&facts->name, text_of(notes, "nerdctl/name"));
}

/* Takes the folder of docker's data from a mount: ROOT/containers/ID/hostname. */
static void take_docker_root(const struct search *search, const json_t *config, char *to,
			     size_t size)
{
	const json_t *mounts = json_object_get(config, "mounts");
	char end[CONTAINER_ID_SIZE + 32];

	snprintf(end, sizeof(end), "/containers/%s/hostname", search->id);
	for (size_t i = 0; i < json_array_size(mounts); i++) {
		const char *source = text_of(json_array_get(mounts, i), "source");
		int len = source ? before_end(source, end) : 0;

		if (len)
			snprintf(to, size, "%.*s", len, source);
	}
}

static void read_docker(const struct search *search, const char *data)
{
	char path[2 * PATH_MAX];
	cleanup(json_free) json_t *config = NULL;
	const char *name;

	snprintf(path, sizeof(path), "%s%s/containers/%s/config.v2.json", search->root, data,
		 search->id);
	config = load(path);
	name = text_of(config, "Name");
	take(&search->facts->name, name && *name == '/' ? name + 1 : name);
	take(&search->facts->image, text_of(json_object_get(config, "Config"), "Image"));
}

static void read_config(const struct search *search)
{
	char path[PATH_MAX + 16], data[PATH_MAX] = "/var/lib/docker";
	cleanup(json_free) json_t *config = NULL;

	snprintf(path, sizeof(path), "%s/config.json", search->bundle);
	config = load(path);
	take_annotations(json_object_get(config, "annotations"), search->facts);
	take_docker_root(search, config, data, sizeof(data));
	read_docker(search, data);
}

/* Takes the row of a container from the file of podman's storage. */
static void take_podman(const struct search *search, const json_t *row)
{
	const char *text = text_of(row, "metadata");
	cleanup(json_free) json_t *more = text ? json_loads(text, 0, NULL) : NULL;

	take(&search->facts->name,
	     json_string_value(json_array_get(json_object_get(row, "names"), 0)));
	take(&search->facts->image, text_of(more, "image-name"));
}

static void read_podman(const struct search *search)
{
	char path[PATH_MAX + 32];
	cleanup(json_free) json_t *all = NULL;
	char end[CONTAINER_ID_SIZE + 16];
	int len;

	snprintf(end, sizeof(end), "/%s/userdata", search->id);
	len = before_end(search->bundle, end);
	if (!len)
		return;
	snprintf(path, sizeof(path), "%.*s/containers.json", len, search->bundle);
	all = load(path);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *row = json_array_get(all, i);
		const char *id = text_of(row, "id");

		if (id && !strcmp(id, search->id))
			take_podman(search, row);
	}
}

/* ---- kubelet's links ---- */

/* Takes POD_NAMESPACE_CONTAINER-ID.log. None of the three has an underscore. */
static void take_link(const struct search *search, const char *name)
{
	const char *second = strchr(name, '_');
	const char *third = second ? strchr(second + 1, '_') : NULL;
	size_t end = strlen("-.log") + strlen(search->id);
	struct container_facts *facts = search->facts;

	if (!third || strlen(third + 1) <= end)
		return;
	facts->pod = strndup(name, (size_t)(second - name));
	if (!facts->namespace)
		facts->namespace = strndup(second + 1, (size_t)(third - second - 1));
	if (!facts->part)
		facts->part = strndup(third + 1, strlen(third + 1) - end);
}

static void read_links(const struct search *search)
{
	char path[PATH_MAX], end[CONTAINER_ID_SIZE + 8];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/var/log/containers", search->root);
	snprintf(end, sizeof(end), "-%s.log", search->id);
	dir = opendir(path);
	for (int i = 0; dir && !search->facts->pod && i < LINKS_MAX && (entry = readdir(dir)); i++)
		if (before_end(entry->d_name, end))
			take_link(search, entry->d_name);
	if (dir)
		closedir(dir);
}

void container_facts_below(const char *root, const struct container *of,
			   struct container_facts *ret)
{
	struct search search = {.root = root, .id = of->id, .facts = ret};

	*ret = (struct container_facts){0};
	if (!container_id_is_whole(of->id))
		return;
	find_bundle(&search);
	if (*search.bundle) {
		read_config(&search);
		read_podman(&search);
	} else if (!strcmp(of->runtime, "docker")) {
		read_docker(&search, "/var/lib/docker");
	}
	if (*of->pod && !ret->pod)
		read_links(&search);
}

struct states {
	const char *runtime;
	void (*fn)(void *ctx, const char *runtime, pid_t pid);
	void *ctx;
};

/* Passes on the first process of a container: of runc, or of crun. Returns false, for the next one. */
static bool tell_pid(const char *path, void *ctx)
{
	const struct states *states = ctx;
	cleanup(json_free) json_t *state = load(path);
	const json_t *pid = json_object_get(state, "init_process_pid");
	json_int_t number = json_integer_value(pid ? pid : json_object_get(state, "pid"));

	if (number > 0 && number <= INT32_MAX)
		states->fn(states->ctx, states->runtime, (pid_t)number);
	return false;
}

void container_each_state(const char *name, void (*fn)(void *ctx, const char *runtime, pid_t pid),
			  void *ctx)
{
	struct states states = {.fn = fn, .ctx = ctx};

	for (size_t i = 0; i < ARRAY_SIZE(runc_states); i++) {
		states.runtime = strstr(runc_states[i], "containerd") ? "containerd" : "runc";
		each_path("", runc_states[i], name, tell_pid, &states);
	}
	states.runtime = "crun";
	for (size_t i = 0; i < ARRAY_SIZE(crun_states); i++)
		each_path("", crun_states[i], name, tell_pid, &states);
}

void container_facts(const struct container *of, const struct runtime_told *told,
		     struct container_facts *ret)
{
	container_facts_below("", of, ret);
	if (!told)
		return;
	vec_each(at, &told->containers)
		if (!strcmp(at->id, of->id))
			container_facts_add(at, ret);
}

void container_facts_add(const struct runtime_container *from, struct container_facts *to)
{
	take(&to->name, from->name);
	take(&to->image, from->image);
	take(&to->pod, from->pod);
	take(&to->namespace, from->namespace);
	take(&to->part, from->part);
	to->sandbox |= from->sandbox;
}
