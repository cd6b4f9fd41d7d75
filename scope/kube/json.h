/* JSON of the cluster. Every member may be missing, or of another kind.
 */
#ifndef KUBE_JSON_H
#define KUBE_JSON_H

#include "base/base.h"

#include <jansson.h>

static inline void json_free(json_t *json)
{
	json_decref(json);
}
CLEANUP_FUNC(json_t, json_free)

/* Reads an object of this kind ("Pod"). Errors (ERROR_FAILED). */
struct error *kube_json_read(const char *text, size_t len, const char *kind, json_t **ret);
/* Returns a member, along a path ("spec.nodeName"); NULL if there is none. */
const json_t *kube_json_at(const json_t *json, const char *path);
/* Returns the string there, or "". */
const char *kube_json_text(const json_t *json, const char *path);

#endif
