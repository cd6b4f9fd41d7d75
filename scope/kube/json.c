#include "kube/json.h"
#include "kube/kube.h"

struct error *kube_json_read(const char *text, size_t len, const char *kind, json_t **ret)
{
	json_error_t error;
	json_t *json = json_loadb(len ? text : "", len, JSON_REJECT_DUPLICATES, &error);

	if (!json)
		return error_new(ERROR_FAILED, "what kubectl printed is not JSON: %.100s",
				 error.text);
	if (strcmp(kube_json_text(json, "kind"), kind) != 0) {
		json_decref(json);
		return error_new(ERROR_FAILED, "what kubectl printed is not of kind %s", kind);
	}
	*ret = json;
	return NULL;
}

const json_t *kube_json_at(const json_t *json, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, ".");
		char name[64];

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		json = json_object_get(json, name);
		path += len + (path[len] == '.');
	}
	return json;
}

const char *kube_json_text(const json_t *json, const char *path)
{
	const char *text = json_string_value(kube_json_at(json, path));

	return text ? text : "";
}

bool kube_is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	return len && !name[len] && len < KUBE_NAME_SIZE && name[0] != '-' && name[0] != '.';
}
