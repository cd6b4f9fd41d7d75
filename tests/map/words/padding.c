/* Keys with padding that are equal member by member are one key. This is checked for each function,
 * with one key and with many at once. */
#include <string.h>

#include <tophash/map.h>

struct padded {
	char kind;
	int id;
	char last;
};
struct large {
	char kind;
	long words[40];
	char last;
};

TOPHASH_MAP_BYTES(pads, struct padded, int);
TOPHASH_SET_BYTES(pad_set, struct padded);
TOPHASH_MAP_BYTES(larges, struct large, int);

static struct padded make(int fill, int id)
{
	struct padded ret;

	memset(&ret, fill, sizeof(ret));
	ret.kind = 'x';
	ret.id = id;
	ret.last = 'y';
	return ret;
}

static struct large make_large(int fill, int id)
{
	struct large ret;

	memset(&ret, fill, sizeof(ret));
	memset(ret.words, id, sizeof(ret.words));
	ret.kind = 'x';
	ret.last = 'y';
	return ret;
}

int main(void)
{
	static struct pads m;
	static struct pad_set s;
	static struct larges l;
	struct padded keys[40], others[40];
	int vals[40], got[40];
	bool found[40];
	size_t n = 0;

	for (int i = 0; i < 40; i++) {
		keys[i] = make(0x11, i);
		others[i] = make(0x22, i);
		vals[i] = i;
	}
	for (int i = 0; i < 20; i++)
		if (pads_put(&m, keys[i], i) != 1 || pads_put(&m, others[i], i) != 0 ||
		    pads_get(&m, make(0x33, i)) != i || *pads_slot(&m, make(0x44, i)) != i ||
		    pad_set_add(&s, keys[i]) != 1 || !pad_set_has(&s, others[i]))
			return 1;
	if (pads_put_many(&m, others, vals, 40, &n) != 0 || n != 40 || pads_len(&m) != 40)
		return 2;
	if (pads_get_many(&m, keys, 40, got, found) != 40 || memcmp(got, vals, sizeof(vals)) != 0 ||
	    !found[39])
		return 3;
	if (pad_set_add_many(&s, others, 40, NULL) != 0 || pad_set_len(&s) != 40 ||
	    pad_set_has_many(&s, keys, 40, NULL) != 40)
		return 4;
	n = 0;
	TOPHASH_EACH(pads, it, &m) {
		n++;
		pads_delete(&m, make(0x55, it.key.id));
	}
	if (n != 40 || pads_len(&m) != 0 || pad_set_delete_many(&s, keys, 40) != 40)
		return 5;
	for (int i = 0; i < 40; i++)
		if (larges_put(&l, make_large(0x11, i), i) != 1 ||
		    larges_get(&l, make_large(0x77, i)) != i)
			return 6;
	if (pads_check(&m, 3) || larges_check(&l, 3))
		return 7;
	pads_fini(&m);
	pad_set_fini(&s);
	larges_fini(&l);
	return 0;
}
