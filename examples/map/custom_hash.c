/* A map with a hash and an equality of its own. The keys are names of HTTP headers, where upper and lower case are
 * the same. */
#include <stdio.h>
#include <strings.h>

#include <tophash/map.h>

struct name {
	const char *text;
};

/* Returns the hash of a name. It needs no seed and no mixing, because the map does both. But equal
 * keys must have equal hashes. */
static uint64_t name_hash(const struct name *name)
{
	uint64_t ret = 14695981039346656037u;

	for (const char *p = name->text; *p; p++)
		ret = (ret ^ (unsigned char)(*p | 0x20)) * 1099511628211u;
	return ret;
}

static bool name_equal(const struct name *name, const struct name *other)
{
	return strcasecmp(name->text, other->text) == 0;
}

TOPHASH_MAP_WITH(headers, struct name, const char *, name_hash, name_equal);

static struct name named(const char *text)
{
	struct name ret = {text};

	return ret;
}

int main(void)
{
	struct headers headers = {0};
	const char *type;

	if (headers_put(&headers, named("Content-Type"), "text/html") < 0 ||
	    headers_put(&headers, named("Accept"), "*/*") < 0 ||
	    headers_put(&headers, named("content-type"), "text/plain") < 0) {
		fprintf(stderr, "custom_hash: out of memory\n");
		headers_fini(&headers);
		return 1;
	}
	type = headers_get(&headers, named("CONTENT-TYPE"));
	printf("%zu headers; content type %s\n", headers_len(&headers), type);
	/* The first spelling stays in the map. Only the value is replaced. */
	TOPHASH_EACH(headers, it, &headers)
		if (it.val == type)
			printf("spelt %s\n", it.key.text);
	if (headers_delete(&headers, named("ACCEPT")))
		printf("Accept is gone, there is %zu left\n", headers_len(&headers));
	headers_fini(&headers);
	return 0;
}
